import { StoreStoppedError } from './store_errors';

/** A signal that never fires, for work without a stop. */
export const NEVER_STOPPED: AbortSignal = new AbortController().signal;

/**
 * Ends long work between two of its steps.
 *
 * @throws StoreStoppedError the signal has fired.
 */
export function throwIfStopped(stop: AbortSignal): void {
  if (stop.aborted) throw new StoreStoppedError('stopped before the end');
}
