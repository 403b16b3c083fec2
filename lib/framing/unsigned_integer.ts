export type ByteOrder = 'little-endian' | 'big-endian';

/**
 * The unsigned integer in the `size` bytes (1 to 6) at `offset`, which must be there. (`readUIntBE` of Node takes three
 * times as long: it checks its arguments, and the lookup of a method of a buffer is not compiled into the caller.)
 */
export function readUnsigned(bytes: Uint8Array, offset: number, size: number, byteOrder: ByteOrder): number {
  let value = 0;
  if (byteOrder === 'little-endian') {
    for (let at = offset + size - 1; at >= offset; at--) value = 256 * value + bytes[at]!;
  } else {
    for (let at = offset; at < offset + size; at++) value = 256 * value + bytes[at]!;
  }
  return value;
}

/** Writes an unsigned integer, which must fit, into the `size` bytes (1 to 6) at `offset`. */
export function writeUnsigned(
  value: number,
  target: Uint8Array,
  offset: number,
  size: number,
  byteOrder: ByteOrder,
): void {
  let rest = value;
  if (byteOrder === 'little-endian') {
    for (let at = offset; at < offset + size; at++) {
      target[at] = rest;
      rest = Math.floor(rest / 256);
    }
  } else {
    for (let at = offset + size - 1; at >= offset; at--) {
      target[at] = rest;
      rest = Math.floor(rest / 256);
    }
  }
}
