/** Memory is taken from the system in slabs of so many bytes; larger frames than a quarter of one get their own. */
const SLAB_BYTES = 65_536;
const LARGEST_IN_SLAB = SLAB_BYTES / 4;

let slab = Buffer.alloc(0);
let used = 0;

/**
 * Memory for a frame, not initialised. Frames made one after the other lie one behind the other, so that those that are
 * sent together leave as one piece, without a copy. (`Buffer.allocUnsafe` has a pool too, but not for frames of a few
 * kilobytes, which it makes an `ArrayBuffer` each for, and not without gaps.)
 */
export function allocateFrame(size: number): Buffer {
  if (size > LARGEST_IN_SLAB) return Buffer.allocUnsafeSlow(size);
  if (used + size > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    used = 0;
  }
  const frame = slab.subarray(used, used + size);
  used += size;
  return frame;
}
