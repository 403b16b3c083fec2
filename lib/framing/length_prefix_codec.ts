import { requireWholeNumber } from '../arguments';
import { viewOf } from './buffer_view';
import { type Codec } from './codec';
import { sizeOfEncoded, writeEncoded } from './encoded_value';
import { FrameTooLongError, InvalidFrameError, InvalidValueError } from './errors';
import { allocateFrame } from './frame_pool';
import { type ByteOrder, readUnsigned, writeUnsigned } from './unsigned_integer';
import { type ValueFormat } from './value_format';

/** The layout of frames with a length field. Only the first two numbers are needed for a length in front of a value. */
export interface LengthPrefixLayout {
  /** The size of the length field, 1 to 6 bytes: an unsigned integer. */
  readonly lengthBytes: number;
  /** The longest frame that is sent or accepted, in bytes, header included. */
  readonly maxFrameBytes: number;
  /** Default: `big-endian`, the byte order of the Internet protocols. */
  readonly byteOrder?: ByteOrder | undefined;
  /** The number of bytes in front of the length field. Default: 0. */
  readonly lengthOffset?: number | undefined;
  /** The bytes that the length counts: those behind the length field (`value`, the default), or all of the frame. */
  readonly lengthOf?: 'value' | 'frame' | undefined;
  /** A number that is added to the length; negative, if the field counts too many bytes. Default: 0. */
  readonly lengthAdjustment?: number | undefined;
  /**
   * The number of bytes at the beginning of a frame that are no part of the message. Default: up to and with the length
   * field. With 0, the message is the whole frame.
   */
  readonly skippedBytes?: number | undefined;
  /** The skipped bytes of a frame that is sent; the length is written into them. Default: zeros. */
  readonly header?: Uint8Array | undefined;
}

/**
 * The codec of frames with a length field of fixed size. It has no state. A part of the message that lies in the length
 * field is overwritten when it is sent.
 *
 * It has all that Netty's `LengthFieldBasedFrameDecoder` and tokio's `LengthDelimitedCodec` can express.
 */
export class LengthPrefixCodec<In, Out = In> implements Codec<In, Out> {
  readonly headerBytes: number;
  readonly maxFrameBytes: number;
  private readonly lengthOffset: number;
  private readonly lengthBytes: number;
  private readonly byteOrder: ByteOrder;
  /** The difference between the length of a frame and the number in its length field. */
  private readonly uncounted: number;
  private readonly skippedBytes: number;
  private readonly leastFrameBytes: number;
  /** The skipped bytes that are sent; undefined if the length field overwrites all of them. */
  private readonly header: Uint8Array | undefined;

  /** @throws RangeError a number is out of its range, or the lengths of some frames do not fit into the length field. */
  constructor(
    layout: LengthPrefixLayout,
    private readonly format: ValueFormat<In, Out>,
  ) {
    const { lengthBytes, lengthOffset = 0, lengthAdjustment = 0, lengthOf = 'value', header } = layout;
    requireWholeNumber('lengthBytes', lengthBytes, 1, 6);
    requireWholeNumber('lengthOffset', lengthOffset, 0);
    requireWholeNumber('lengthAdjustment', lengthAdjustment, Number.MIN_SAFE_INTEGER);
    this.headerBytes = lengthOffset + lengthBytes;
    const { skippedBytes = this.headerBytes } = layout;
    requireWholeNumber('skippedBytes', skippedBytes, 0);
    if (header !== undefined) requireWholeNumber('header.length', header.length, skippedBytes, skippedBytes);
    this.uncounted = lengthAdjustment + (lengthOf === 'value' ? this.headerBytes : 0);
    this.leastFrameBytes = Math.max(this.headerBytes, skippedBytes);
    const longest = 2 ** (8 * lengthBytes) - 1 + this.uncounted;
    requireWholeNumber('maxFrameBytes', layout.maxFrameBytes, this.leastFrameBytes, longest);
    this.maxFrameBytes = layout.maxFrameBytes;
    this.lengthOffset = lengthOffset;
    this.lengthBytes = lengthBytes;
    this.byteOrder = layout.byteOrder ?? 'big-endian';
    this.skippedBytes = skippedBytes;
    const isOverwritten = lengthOffset === 0 && skippedBytes <= lengthBytes;
    this.header = isOverwritten ? undefined : (header ?? new Uint8Array(skippedBytes));
  }

  /** @throws FrameTooLongError, InvalidFrameError (the frame would end within its header) */
  frameLength(bytes: Buffer, offset: number): number {
    const counted = readUnsigned(bytes, offset + this.lengthOffset, this.lengthBytes, this.byteOrder);
    const length = counted + this.uncounted;
    if (length > this.maxFrameBytes) throw new FrameTooLongError('a frame', length, this.maxFrameBytes);
    if (length < this.leastFrameBytes) {
      throw new InvalidFrameError(`a frame of ${length} bytes: at least ${this.leastFrameBytes} are needed`);
    }
    return length;
  }

  /** @throws an error of the value format */
  decode(bytes: Buffer, offset: number, length: number): In {
    return this.format.decode(viewOf(bytes, offset + this.skippedBytes, offset + length));
  }

  /** @throws FrameTooLongError, InvalidValueError (the message is too short), InvalidTextError, an error of the format */
  encode(message: Out): Buffer {
    const value = this.format.encode(message);
    const length = this.skippedBytes + sizeOfEncoded(value);
    if (length > this.maxFrameBytes) throw new FrameTooLongError('a frame', length, this.maxFrameBytes);
    if (length < this.leastFrameBytes || length < this.uncounted) {
      throw new InvalidValueError(`a frame of ${length} bytes has no room for its header, or no length`);
    }
    const frame = allocateFrame(length);
    if (this.header !== undefined) frame.set(this.header);
    writeEncoded(value, frame, this.skippedBytes);
    writeUnsigned(length - this.uncounted, frame, this.lengthOffset, this.lengthBytes, this.byteOrder);
    return frame;
  }
}
