import { requireWholeNumber } from '../arguments';
import { type Codec } from './codec';
import { FrameTooLongError, InvalidTypeError, UnknownTypeError } from './errors';
import { allocateFrame } from './frame_pool';
import { type ValueFormat } from './value_format';

/** A message with a type: one character (U+0000 to U+00FF) for each byte of the header's type field. */
export interface TypedMessage<Value> {
  readonly type: string;
  readonly value: Value;
}

/** The layout of a type·length·value protocol: the header, and the limits of a message. */
export interface TlvLayout {
  /** The size of the type field, 0 to 8 bytes. With 0 every message has the type `''`. */
  readonly typeBytes: number;
  /** The size of the length field, 1 to 6 bytes: an unsigned integer, the value's size in bytes. */
  readonly lengthBytes: number;
  readonly byteOrder: 'little-endian' | 'big-endian';
  /** The size of the longest value that is sent or accepted, in bytes. */
  readonly maxValueBytes: number;
  /** The types that this end accepts; others are refused from their header. Default: every type. */
  readonly acceptedTypes?: Iterable<string>;
}

/** The codec of a type·length·value protocol. It has no state. */
export class TlvCodec<Value> implements Codec<TypedMessage<Value>> {
  readonly headerBytes: number;
  readonly maxFrameBytes: number;
  private readonly accepted: ReadonlySet<string> | undefined;

  /** @throws RangeError a size is out of its range, or `maxValueBytes` does not fit into the length field. */
  constructor(
    private readonly layout: TlvLayout,
    private readonly format: ValueFormat<Value>,
  ) {
    requireWholeNumber('typeBytes', layout.typeBytes, 0, 8);
    requireWholeNumber('lengthBytes', layout.lengthBytes, 1, 6);
    requireWholeNumber('maxValueBytes', layout.maxValueBytes, 0, 2 ** (8 * layout.lengthBytes) - 1);
    this.headerBytes = layout.typeBytes + layout.lengthBytes;
    this.maxFrameBytes = this.headerBytes + layout.maxValueBytes;
    this.accepted = layout.acceptedTypes === undefined ? undefined : new Set(layout.acceptedTypes);
  }

  /** @throws UnknownTypeError, FrameTooLongError; if both apply, UnknownTypeError. */
  frameLength(bytes: Buffer, offset: number): number {
    const { typeBytes, lengthBytes, byteOrder, maxValueBytes } = this.layout;
    const type = this.typeAt(bytes, offset);
    if (this.accepted?.has(type) === false) throw new UnknownTypeError(type);
    const length =
      byteOrder === 'little-endian'
        ? bytes.readUIntLE(offset + typeBytes, lengthBytes)
        : bytes.readUIntBE(offset + typeBytes, lengthBytes);
    if (length > maxValueBytes) throw new FrameTooLongError('a value', length, maxValueBytes, type);
    return this.headerBytes + length;
  }

  /** @throws InvalidTextError for `utf8Text` */
  decode(bytes: Buffer, offset: number, length: number): TypedMessage<Value> {
    return {
      type: this.typeAt(bytes, offset),
      value: this.format.read(bytes.subarray(offset + this.headerBytes, offset + length)),
    };
  }

  /** @throws FrameTooLongError, InvalidTypeError, InvalidTextError */
  encode(message: TypedMessage<Value>): Buffer {
    const { typeBytes, lengthBytes, byteOrder, maxValueBytes } = this.layout;
    const length = this.format.byteLength(message.value);
    if (length > maxValueBytes) throw new FrameTooLongError('a value', length, maxValueBytes, message.type);
    if (message.type.length !== typeBytes || !isLatin1(message.type)) {
      throw new InvalidTypeError(message.type, typeBytes);
    }
    const frame = allocateFrame(this.headerBytes + length);
    for (let index = 0; index < typeBytes; index++) frame[index] = message.type.charCodeAt(index);
    if (byteOrder === 'little-endian') frame.writeUIntLE(length, typeBytes, lengthBytes);
    else frame.writeUIntBE(length, typeBytes, lengthBytes);
    this.format.write(message.value, frame, this.headerBytes);
    return frame;
  }

  private typeAt(bytes: Buffer, offset: number): string {
    let type = '';
    for (let index = 0; index < this.layout.typeBytes; index++) type += String.fromCharCode(bytes[offset + index]!);
    return type;
  }
}

function isLatin1(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0xff) return false;
  return true;
}
