import { StoreStoppedError } from './store_errors';

/** For work that nobody stops. */
export const NEVER: AbortSignal = new AbortController().signal;

/**
 * Ends work that takes long: called between its pieces.
 *
 * @throws StoreStoppedError the signal has fired.
 */
export function throwIfStopped(stop: AbortSignal): void {
  if (stop.aborted) throw new StoreStoppedError('stopped before the end');
}
