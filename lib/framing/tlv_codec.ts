import { requireWholeNumber } from '../arguments';
import { FrameTooLongError, InvalidTypeError, UnknownTypeError } from './errors';
import { allocateFrame } from './frame_pool';
import { type Codec } from './codec';
import { type ValueFormat } from './value_format';

/** A message of a type. `type` has one character (U+0000 to U+00FF) for each byte of the header's type field. */
export interface TypedMessage<Value> {
  readonly type: string;
  readonly value: Value;
}

/** The header of a type·length·value protocol. */
export interface TlvLayout {
  /** Bytes of the type field, 0 to 8. With 0 every message has the type `''`. */
  readonly typeBytes: number;
  /** Bytes of the length field, 1 to 6: an unsigned integer that counts the value's bytes. */
  readonly lengthBytes: number;
  readonly byteOrder: 'little-endian' | 'big-endian';
  /** The longest value, in bytes, that is sent or taken. */
  readonly maxValueBytes: number;
  /** The types that this end takes; others are refused from their header. Default: every type. */
  readonly acceptedTypes?: Iterable<string>;
}

/** The codec of messages that are type·length·value. Pure: it holds its layout and nothing else. */
export class TlvCodec<Value> implements Codec<TypedMessage<Value>> {
  readonly headerBytes: number;
  private readonly accepted: ReadonlySet<string> | undefined;

  constructor(
    private readonly layout: TlvLayout,
    private readonly format: ValueFormat<Value>,
  ) {
    requireWholeNumber('typeBytes', layout.typeBytes, 0, 8);
    requireWholeNumber('lengthBytes', layout.lengthBytes, 1, 6);
    requireWholeNumber('maxValueBytes', layout.maxValueBytes, 0, 2 ** (8 * layout.lengthBytes) - 1);
    this.headerBytes = layout.typeBytes + layout.lengthBytes;
    this.accepted = layout.acceptedTypes === undefined ? undefined : new Set(layout.acceptedTypes);
  }

  /** @throws UnknownTypeError, FrameTooLongError; where both apply, the type's. */
  frameLength(bytes: Buffer, offset: number): number {
    const { typeBytes, lengthBytes, byteOrder, maxValueBytes } = this.layout;
    const type = this.typeAt(bytes, offset);
    if (this.accepted?.has(type) === false) throw new UnknownTypeError(type);
    const length =
      byteOrder === 'little-endian'
        ? bytes.readUIntLE(offset + typeBytes, lengthBytes)
        : bytes.readUIntBE(offset + typeBytes, lengthBytes);
    if (length > maxValueBytes) throw new FrameTooLongError(type, length, maxValueBytes);
    return this.headerBytes + length;
  }

  /** @throws InvalidTextError for a text format */
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
    if (length > maxValueBytes) throw new FrameTooLongError(message.type, length, maxValueBytes);
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
