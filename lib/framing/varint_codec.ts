import { requireWholeNumber } from '../arguments';
import { viewOf } from './buffer_view';
import { type IncompleteFrame } from '../sockets/connection/frame_decoder';
import { type Codec } from './codec';
import { sizeOfEncoded, writeEncoded } from './encoded_value';
import { FrameTooLongError, InvalidFrameError } from './errors';
import { allocateFrame } from './frame_pool';
import { type ValueFormat } from './value_format';

export interface VarintLayout {
  /** The size of the longest value that is sent or accepted, in bytes. */
  readonly maxValueBytes: number;
}

/** The size of the longest varint (Protocol Buffers, "Encoding": 64 bits, 7 of them in each byte). */
const MAX_VARINT_BYTES = 10;
/** The bit of a byte of a varint that is set if another byte follows. */
const MORE = 0x80;

/**
 * The codec of values with a varint in front: their size in bytes, in groups of 7 bits, the lowest first. Protocol Buffers
 * calls it delimited (`writeDelimitedTo`). A varint with needless zeros is accepted. The codec has no state.
 */
export class VarintCodec<In, Out = In> implements Codec<In, Out> {
  readonly headerBytes = 1;
  readonly maxFrameBytes: number;
  private readonly maxValueBytes: number;

  /** @throws RangeError */
  constructor(
    { maxValueBytes }: VarintLayout,
    private readonly format: ValueFormat<In, Out>,
  ) {
    requireWholeNumber('maxValueBytes', maxValueBytes, 0, Number.MAX_SAFE_INTEGER - MAX_VARINT_BYTES);
    this.maxValueBytes = maxValueBytes;
    this.maxFrameBytes = MAX_VARINT_BYTES + maxValueBytes;
  }

  /** @throws FrameTooLongError, InvalidFrameError (a varint of more than 10 bytes) */
  frameLength(bytes: Buffer, offset: number): number | IncompleteFrame {
    const available = bytes.length - offset;
    let length = 0;
    let unit = 1;
    for (let size = 1; size <= MAX_VARINT_BYTES; size++) {
      if (size > available) return { atLeast: size };
      const byte = bytes[offset + size - 1]!;
      length += (byte & (MORE - 1)) * unit;
      if (length > this.maxValueBytes) throw new FrameTooLongError('a value', length, this.maxValueBytes);
      if (byte < MORE) return size + length;
      unit *= MORE;
    }
    throw new InvalidFrameError(`a length (varint) of more than ${MAX_VARINT_BYTES} bytes`);
  }

  /** @throws an error of the value format */
  decode(bytes: Buffer, offset: number, length: number): In {
    let start = offset;
    while (bytes[start]! >= MORE) start++;
    return this.format.decode(viewOf(bytes, start + 1, offset + length));
  }

  /** @throws FrameTooLongError, InvalidTextError, an error of the value format */
  encode(message: Out): Buffer {
    const value = this.format.encode(message);
    const length = sizeOfEncoded(value);
    if (length > this.maxValueBytes) throw new FrameTooLongError('a value', length, this.maxValueBytes);
    const frame = allocateFrame(sizeOfVarint(length) + length);
    writeEncoded(value, frame, writeVarint(length, frame));
    return frame;
  }
}

function sizeOfVarint(value: number): number {
  let size = 1;
  for (let rest = value; rest >= MORE; rest = Math.floor(rest / MORE)) size++;
  return size;
}

/** Returns the number of bytes written. */
function writeVarint(value: number, target: Buffer): number {
  let size = 0;
  let rest = value;
  for (; rest >= MORE; rest = Math.floor(rest / MORE)) target[size++] = (rest % MORE) + MORE;
  target[size++] = rest;
  return size;
}
