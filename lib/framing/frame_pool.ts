import { BufferView } from './buffer_view';

/** Frames of up to a quarter of a slab share slabs; a larger frame has memory of its own. */
const SLAB_BYTES = 65_536;
const LARGEST_IN_SLAB = SLAB_BYTES / 4;

let slab = new ArrayBuffer(0);
let used = 0;

/**
 * Memory for a frame of `size` bytes, not initialised. Consecutive frames are adjacent in memory: frames that are sent
 * together leave as one piece, without a copy. (`Buffer.allocUnsafe` has a pool too, but it aligns its buffers, which
 * leaves gaps, and frames of a few kilobytes get an `ArrayBuffer` each.)
 */
export function allocateFrame(size: number): Buffer {
  if (size > LARGEST_IN_SLAB) return Buffer.allocUnsafeSlow(size);
  if (used + size > slab.byteLength) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES).buffer;
    used = 0;
  }
  const frame = new BufferView(slab, used, size);
  used += size;
  return frame;
}
