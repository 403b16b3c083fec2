import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Two halves of 2 MB. */
const SIZE_BYTES = 4_194_304;
/** Each array has 32 KiB. A few dozen make the young generation grow. */
const ARRAY_LENGTH = 4096;
const MAX_ARRAYS = 400;

/**
 * Fixes the size of V8's young generation at twice its initial value (docs/decisions/0009). Surviving allocations make
 * it grow, which takes 1 to 4 milliseconds; then its growth factor is set to 1.
 */
export function fixYoungGeneration(): void {
  const kept: number[][] = [];
  while (youngGenerationBytes() < SIZE_BYTES && kept.length < MAX_ARRAYS) {
    kept.push(new Array<number>(ARRAY_LENGTH).fill(kept.length));
  }
  setFlagsFromString('--semi-space-growth-factor=1');
}

function youngGenerationBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? SIZE_BYTES;
}
