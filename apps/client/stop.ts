import { CodedError } from '../runtime/coded_error';

/** The client was stopped (SIGTERM, SIGINT) before the end of its work. */
export class StoppedError extends CodedError {
  readonly code = 'STOPPED';
}

/**
 * Settles as `work` does, or rejects with a StoppedError as soon as `stop` fires. It is for operations without a way to
 * cancel them, file operations above all. After a stop, `work` stays pending and its outcome is dropped.
 */
export async function raceStop<Result>(work: Promise<Result>, stop: AbortSignal): Promise<Result> {
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
