import { requireOptionalBoolean, requireWholeNumber } from '../arguments';
import { viewOf } from './buffer_view';
import { Delimiter } from '../sockets/connection/delimiter';
import { type IncompleteFrame } from '../sockets/connection/frame_decoder';
import { type Codec } from './codec';
import { sizeOfEncoded, writeEncoded } from './encoded_value';
import { FrameTooLongError, InvalidValueError } from './errors';
import { allocateFrame } from './frame_pool';
import { type ValueFormat } from './value_format';

/** The layout of a protocol of lines: the bytes that end a line, and its limit. */
export interface LineLayout {
  /** The end of a line, one byte or more; a string stands for its UTF-8 bytes. Default: `\n`. */
  readonly delimiter?: string | Uint8Array | undefined;
  /** The longest line that is sent or accepted, in bytes, without its delimiter. */
  readonly maxLineBytes: number;
  /** Whether a `\r` in front of the delimiter `\n` is no part of a received line. Default: false. */
  readonly trimCarriageReturn?: boolean | undefined;
}

const CARRIAGE_RETURN = 0x0d;

/** The codec of lines: values that a delimiter ends. The delimiter is no part of the message. It has no state. */
export class LineCodec<In, Out = In> implements Codec<In, Out> {
  readonly headerBytes: number;
  readonly maxFrameBytes: number;
  private readonly delimiter: Delimiter;
  private readonly maxLineBytes: number;
  private readonly trimsCarriageReturn: boolean;

  /** @throws RangeError the delimiter is empty, or the limit is out of its range. */
  constructor(
    { delimiter = '\n', maxLineBytes, trimCarriageReturn = false }: LineLayout,
    private readonly format: ValueFormat<In, Out>,
  ) {
    this.delimiter = new Delimiter(Buffer.from(delimiter as Uint8Array));
    requireWholeNumber('delimiter.length', this.delimiter.length, 1);
    requireWholeNumber('maxLineBytes', maxLineBytes, 0);
    requireOptionalBoolean('trimCarriageReturn', trimCarriageReturn);
    this.maxLineBytes = maxLineBytes;
    this.trimsCarriageReturn = trimCarriageReturn;
    this.headerBytes = this.delimiter.length;
    this.maxFrameBytes = maxLineBytes + this.delimiter.length + (trimCarriageReturn ? 1 : 0);
  }

  /** @throws FrameTooLongError */
  frameLength(bytes: Buffer, offset: number, before?: IncompleteFrame): number | IncompleteFrame {
    const length = this.delimiter.frameLength(bytes, offset, before);
    if (length === -1) return this.moreThan(bytes.length - offset);
    this.requireWithinLimit(this.lineBytes(bytes, offset, length));
    return length;
  }

  /** @throws an error of the value format */
  decode(bytes: Buffer, offset: number, length: number): In {
    return this.format.decode(viewOf(bytes, offset, offset + this.lineBytes(bytes, offset, length)));
  }

  /** @throws FrameTooLongError, InvalidValueError (the line has a delimiter in it), InvalidTextError, an error of the format */
  encode(message: Out): Buffer {
    const line = this.format.encode(message);
    const size = sizeOfEncoded(line);
    this.requireWithinLimit(size);
    const frame = allocateFrame(size + this.delimiter.length);
    writeEncoded(line, frame, 0);
    frame.set(this.delimiter.bytes, size);
    const isOneLine = this.delimiter.frameLength(frame, 0, undefined) === frame.length;
    if (!isOneLine || this.lineBytes(frame, 0, frame.length) !== size) {
      throw new InvalidValueError('a line cannot contain its own end');
    }
    return frame;
  }

  /** The size of the line in the frame of `length` bytes. */
  private lineBytes(bytes: Buffer, offset: number, length: number): number {
    const size = length - this.delimiter.length;
    const isTrimmed = this.trimsCarriageReturn && size > 0 && bytes[offset + size - 1] === CARRIAGE_RETURN;
    return isTrimmed ? size - 1 : size;
  }

  private moreThan(available: number): IncompleteFrame {
    if (available >= this.maxFrameBytes) this.requireWithinLimit(available + 1 - this.delimiter.length);
    return this.delimiter.moreThan(available);
  }

  private requireWithinLimit(size: number): void {
    if (size > this.maxLineBytes) throw new FrameTooLongError('a line', size, this.maxLineBytes);
  }
}
