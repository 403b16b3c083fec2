import { requireWholeNumber } from '../arguments';
import { viewOf } from './buffer_view';
import { type IncompleteFrame } from '../sockets/connection/frame_decoder';
import { type Codec } from './codec';
import { sizeOfEncoded, writeEncoded } from './encoded_value';
import { FrameTooLongError, InvalidFrameError } from './errors';
import { allocateFrame } from './frame_pool';
import { type ValueFormat } from './value_format';

export interface NetstringLayout {
  /** The size of the longest value that is sent or accepted, in bytes. */
  readonly maxValueBytes: number;
}

const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const COMMA = 0x2c;

/**
 * The codec of netstrings (D. J. Bernstein, https://cr.yp.to/proto/netstrings.txt): the size of the value in decimal, a
 * colon, the value, a comma. It has no state.
 */
export class NetstringCodec<In, Out = In> implements Codec<In, Out> {
  /** That of the empty value, `0:,`. */
  readonly headerBytes = 3;
  readonly maxFrameBytes: number;
  private readonly maxValueBytes: number;

  /** @throws RangeError */
  constructor(
    { maxValueBytes }: NetstringLayout,
    private readonly format: ValueFormat<In, Out>,
  ) {
    requireWholeNumber('maxValueBytes', maxValueBytes, 0, Number.MAX_SAFE_INTEGER - 20);
    this.maxValueBytes = maxValueBytes;
    this.maxFrameBytes = String(maxValueBytes).length + 2 + maxValueBytes;
  }

  /** @throws FrameTooLongError, InvalidFrameError (no number, a leading zero, no colon, no comma) */
  frameLength(bytes: Buffer, offset: number): number | IncompleteFrame {
    const available = bytes.length - offset;
    let length = 0;
    let digits = 0;
    for (; digits < available && bytes[offset + digits] !== COLON; digits++) {
      length = 10 * length + digitOf(bytes[offset + digits]!);
      if (length > this.maxValueBytes) throw new FrameTooLongError('a value', length, this.maxValueBytes);
      if (digits > 0 && bytes[offset] === ZERO) throw new InvalidFrameError('a netstring with a leading zero');
    }
    if (digits === 0) throw new InvalidFrameError('a netstring without a length');
    // A further digit would make it longer.
    const total = digits + 1 + length + 1;
    if (available < total) return { atLeast: total };
    if (bytes[offset + total - 1] !== COMMA) throw new InvalidFrameError('a netstring without a comma at its end');
    return total;
  }

  /** @throws an error of the value format */
  decode(bytes: Buffer, offset: number, length: number): In {
    return this.format.decode(viewOf(bytes, bytes.indexOf(COLON, offset) + 1, offset + length - 1));
  }

  /** @throws FrameTooLongError, InvalidTextError, an error of the value format */
  encode(message: Out): Buffer {
    const value = this.format.encode(message);
    const length = sizeOfEncoded(value);
    if (length > this.maxValueBytes) throw new FrameTooLongError('a value', length, this.maxValueBytes);
    const prefix = `${length}:`;
    const frame = allocateFrame(prefix.length + length + 1);
    frame.write(prefix, 'latin1');
    writeEncoded(value, frame, prefix.length);
    frame[frame.length - 1] = COMMA;
    return frame;
  }
}

/** @throws InvalidFrameError */
function digitOf(byte: number): number {
  if (byte < ZERO || byte > NINE) throw new InvalidFrameError('a netstring with a length that is no decimal number');
  return byte - ZERO;
}
