import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Two halves of 2 MB. */
const SIZE_BYTES = 4_194_304;
/** Each array is 32 KiB; some dozen make the young generation grow. */
const ARRAY_LENGTH = 4096;
const MOST_ARRAYS = 400;

/**
 * Fixes the size of V8's young generation at twice what it starts with. What the server allocates for a batch is soon
 * garbage. A young generation that grows with it, up to 32 MB, is memory that is never given back; in the smallest one,
 * batches that wait for their flush outlive two collections, and the old generation fills with garbage.
 *
 * V8 makes it larger when enough outlives a collection, so that is what is done here, for 1 to 4 milliseconds; from then
 * on it grows by a factor of 1. (`--min-semi-space-size` would do, but only as an option of `node` itself.)
 */
export function fixYoungGeneration(): void {
  const kept: number[][] = [];
  while (youngGenerationBytes() < SIZE_BYTES && kept.length < MOST_ARRAYS) {
    kept.push(new Array<number>(ARRAY_LENGTH).fill(kept.length));
  }
  setFlagsFromString('--semi-space-growth-factor=1');
}

function youngGenerationBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? SIZE_BYTES;
}
