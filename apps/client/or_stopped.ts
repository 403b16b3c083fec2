import { StoppedError } from './errors';

/**
 * The outcome of `work`, or a StoppedError as soon as `stop` fires: for what nobody can call off, a file operation on a
 * disk that does not answer. `work` goes on by itself then, and its outcome is dropped.
 */
export async function orStopped<Result>(work: Promise<Result>, stop: AbortSignal): Promise<Result> {
  let onStop: () => void = () => {};
  const stopped = new Promise<never>((_resolve, reject) => {
    onStop = () => reject(new StoppedError('stopped'));
    if (stop.aborted) onStop();
    else stop.addEventListener('abort', onStop);
  });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    stop.removeEventListener('abort', onStop);
  }
}
