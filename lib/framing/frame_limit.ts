import { requireWholeNumber } from '../arguments';
import { type FrameDecoder, type IncompleteFrame } from '../sockets/connection/frame_decoder';
import { type Codec } from './codec';
import { FrameTooLongError } from './errors';

/** The limit for a codec that states none: 1 MiB. */
export const DEFAULT_MAX_FRAME_BYTES = 1_048_576;

/**
 * A codec's decoder with a limit for the length of a frame: with any codec, no more bytes are waited for, and
 * no more memory is taken.
 */
export class LimitedDecoder<In> implements FrameDecoder<In> {
  readonly headerBytes: number;
  /** The same frames, as the steps of an iteration. */
  readonly steps: FrameDecoder<IteratorResult<In, void>>;

  private constructor(
    private readonly codec: Codec<In, never>,
    private readonly maxFrameBytes: number,
  ) {
    this.headerBytes = codec.headerBytes;
    this.steps = new StepDecoder(this, codec);
  }

  /**
   * The decoder of a codec, with its own limit, or the given one. All connections with the same codec and limit share it,
   * for memory.
   *
   * @throws RangeError a number is out of its range.
   */
  static of<In>(
    codec: Codec<In, never>,
    maxFrameBytes = codec.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES,
  ): LimitedDecoder<In> {
    const known = decoders.get(codec) as LimitedDecoder<In> | undefined;
    if (known?.maxFrameBytes === maxFrameBytes) return known;
    requireWholeNumber('codec.headerBytes', codec.headerBytes, 1);
    requireWholeNumber('maxFrameBytes', maxFrameBytes, codec.headerBytes);
    const decoder = new LimitedDecoder(codec, maxFrameBytes);
    decoders.set(codec, decoder);
    return decoder;
  }

  /** @throws FrameTooLongError, an error of the codec */
  frameLength(bytes: Buffer, offset: number, before: IncompleteFrame | undefined): number | IncompleteFrame {
    const answer = this.codec.frameLength(bytes, offset, before);
    const needed = typeof answer === 'number' ? answer : answer.atLeast;
    if (needed > this.maxFrameBytes) throw new FrameTooLongError('a frame', needed, this.maxFrameBytes);
    return answer;
  }

  decode(bytes: Buffer, offset: number, length: number): In {
    return this.codec.decode(bytes, offset, length);
  }
}

/** The last decoder of each codec. */
const decoders = new WeakMap<object, LimitedDecoder<unknown>>();

/** Gives each message as the step of an iteration, and the peer's end as the last one: no promise is made for it. */
class StepDecoder<In> implements FrameDecoder<IteratorResult<In, void>> {
  readonly headerBytes: number;
  readonly contentAtEnd: IteratorResult<In, void> = { done: true, value: undefined };

  constructor(
    private readonly decoder: LimitedDecoder<In>,
    private readonly codec: Codec<In, never>,
  ) {
    this.headerBytes = decoder.headerBytes;
  }

  frameLength(bytes: Buffer, offset: number, before: IncompleteFrame | undefined): number | IncompleteFrame {
    return this.decoder.frameLength(bytes, offset, before);
  }

  decode(bytes: Buffer, offset: number, length: number): IteratorResult<In, void> {
    return { done: false, value: this.codec.decode(bytes, offset, length) };
  }
}
