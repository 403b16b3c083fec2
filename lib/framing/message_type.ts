import { InvalidTypeError } from './errors';
import { type ByteOrder, readUnsigned, writeUnsigned } from './unsigned_integer';

/** The types that the formats of this file have. */
export type MessageType = string | number;

/** The encoding of a message's type in the type field of its header. */
export interface TypeFormat<Type> {
  /** The size of the largest type field, in bytes. */
  readonly maxBytes: number;
  /** The type in the field of `size` bytes at `offset`. */
  read(bytes: Buffer, offset: number, size: number, byteOrder: ByteOrder): Type;
  /** @throws InvalidTypeError the type does not fit into the field. */
  write(type: Type, target: Buffer, size: number, byteOrder: ByteOrder): void;
}

/** The type is text: one character (U+0000 to U+00FF) for each byte of the field. */
export const textType: TypeFormat<string> = {
  maxBytes: 8,

  read(bytes, offset, size) {
    let type = '';
    for (let index = 0; index < size; index++) type += String.fromCharCode(bytes[offset + index]!);
    return type;
  },

  write(type, target, size) {
    if (type.length !== size || !isLatin1(type)) {
      throw new InvalidTypeError(type, size, `${size} characters of one byte each are needed`);
    }
    for (let index = 0; index < size; index++) target[index] = type.charCodeAt(index);
  },
};

/** The type is an unsigned integer, in the byte order of the length. */
export const numericType: TypeFormat<number> = {
  maxBytes: 6,

  read(bytes, offset, size, byteOrder) {
    return readUnsigned(bytes, offset, size, byteOrder);
  },

  write(type, target, size, byteOrder) {
    if (!Number.isSafeInteger(type) || type < 0 || type >= 2 ** (8 * size)) {
      throw new InvalidTypeError(type, size, `a whole number below ${2 ** (8 * size)} is needed`);
    }
    writeUnsigned(type, target, 0, size, byteOrder);
  },
};

function isLatin1(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0xff) return false;
  return true;
}
