import { requireWholeNumber } from '../arguments';
import { viewOf } from './buffer_view';
import { type Codec } from './codec';
import { sizeOfEncoded, writeEncoded } from './encoded_value';
import { FrameTooLongError, UnknownTypeError } from './errors';
import { allocateFrame } from './frame_pool';
import { type MessageType, textType, type TypeFormat } from './message_type';
import { type ByteOrder, readUnsigned, writeUnsigned } from './unsigned_integer';
import { type ValueFormat } from './value_format';

/** A message with a type: by `textType` one character (U+0000 to U+00FF) for each byte of the header's type field. */
export interface TypedMessage<Value, Type = string> {
  readonly type: Type;
  readonly value: Value;
}

/** The layout of a type·length·value protocol: the header, and the limits of a message. */
export interface TlvLayout<Type = string> {
  /** The size of the type field, 0 to 8 bytes (6 for numbers). With 0 every message has the type `''`, or 0. */
  readonly typeBytes: number;
  /** The size of the length field, 1 to 6 bytes: an unsigned integer, the value's size in bytes. */
  readonly lengthBytes: number;
  readonly byteOrder: ByteOrder;
  /** The size of the longest value that is sent or accepted, in bytes. */
  readonly maxValueBytes: number;
  /** The types that this end accepts; others are refused from their header. Default: every type. */
  readonly acceptedTypes?: Iterable<Type> | undefined;
  /** `textType`, the default, or `numericType`. */
  readonly typeFormat?: TypeFormat<Type> | undefined;
}

/** The codec of a type·length·value protocol. It has no state. */
export class TlvCodec<In, Out = In, Type = string> implements Codec<TypedMessage<In, Type>, TypedMessage<Out, Type>> {
  readonly headerBytes: number;
  readonly maxFrameBytes: number;
  private readonly accepted: ReadonlySet<Type> | undefined;
  private readonly typeFormat: TypeFormat<Type>;

  /** @throws RangeError a size is out of its range, or `maxValueBytes` does not fit into the length field. */
  constructor(
    private readonly layout: TlvLayout<Type>,
    private readonly format: ValueFormat<In, Out>,
  ) {
    // Without a format, `Type` is its default.
    this.typeFormat = layout.typeFormat ?? (textType as TypeFormat<unknown> as TypeFormat<Type>);
    requireWholeNumber('typeBytes', layout.typeBytes, 0, this.typeFormat.maxBytes);
    requireWholeNumber('lengthBytes', layout.lengthBytes, 1, 6);
    requireWholeNumber('maxValueBytes', layout.maxValueBytes, 0, 2 ** (8 * layout.lengthBytes) - 1);
    this.headerBytes = layout.typeBytes + layout.lengthBytes;
    this.maxFrameBytes = this.headerBytes + layout.maxValueBytes;
    this.accepted = layout.acceptedTypes === undefined ? undefined : new Set(layout.acceptedTypes);
  }

  /** @throws UnknownTypeError, FrameTooLongError; if both apply, UnknownTypeError. */
  frameLength(bytes: Buffer, offset: number): number {
    const { typeBytes, lengthBytes, byteOrder, maxValueBytes } = this.layout;
    if (this.accepted !== undefined) requireAccepted(this.typeAt(bytes, offset), this.accepted);
    const length = readUnsigned(bytes, offset + typeBytes, lengthBytes, byteOrder);
    if (length <= maxValueBytes) return this.headerBytes + length;
    throw new FrameTooLongError('a value', length, maxValueBytes, this.typeAt(bytes, offset) as MessageType);
  }

  /** @throws an error of the value format */
  decode(bytes: Buffer, offset: number, length: number): TypedMessage<In, Type> {
    return {
      type: this.typeAt(bytes, offset),
      value: this.format.decode(viewOf(bytes, offset + this.headerBytes, offset + length)),
    };
  }

  /** @throws FrameTooLongError, InvalidTypeError, InvalidTextError, an error of the value format */
  encode(message: TypedMessage<Out, Type>): Buffer {
    const { typeBytes, lengthBytes, byteOrder, maxValueBytes } = this.layout;
    const value = this.format.encode(message.value);
    const length = sizeOfEncoded(value);
    if (length > maxValueBytes)
      throw new FrameTooLongError('a value', length, maxValueBytes, message.type as MessageType);
    const frame = allocateFrame(this.headerBytes + length);
    this.typeFormat.write(message.type, frame, typeBytes, byteOrder);
    writeUnsigned(length, frame, typeBytes, lengthBytes, byteOrder);
    writeEncoded(value, frame, this.headerBytes);
    return frame;
  }

  private typeAt(bytes: Buffer, offset: number): Type {
    return this.typeFormat.read(bytes, offset, this.layout.typeBytes, this.layout.byteOrder);
  }
}

/** @throws UnknownTypeError */
function requireAccepted<Type>(type: Type, accepted: ReadonlySet<Type>): void {
  if (!accepted.has(type)) throw new UnknownTypeError(type as MessageType);
}
