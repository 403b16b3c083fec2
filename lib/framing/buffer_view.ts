/** A buffer on existing memory: the constructor with which `subarray` makes its result (ECMA-262, TypedArraySpeciesCreate). */
export const BufferView = (
  Buffer as unknown as {
    readonly [Symbol.species]: new (memory: ArrayBufferLike, offset: number, length: number) => Buffer;
  }
)[Symbol.species];

/** The buffer of the last call of `viewOf`; it stays in memory until the next one. */
let source: Buffer = Buffer.alloc(0);
let memory: ArrayBufferLike = source.buffer;
let base = 0;

/**
 * As `bytes.subarray(start, end)`, in half of the time for many views of the same buffer: its memory and its offset are
 * read once, since each is a call into C++. `start` and `end` must be positions in `bytes`.
 */
export function viewOf(bytes: Buffer, start: number, end: number): Buffer {
  if (bytes !== source) {
    source = bytes;
    memory = bytes.buffer;
    base = bytes.byteOffset;
  }
  return new BufferView(memory, base + start, end - start);
}
