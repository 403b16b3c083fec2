import { type ExitCode } from './exit_code';
import { exitProcess } from './process_exit';

/**
 * The time limit for the readers of the output at the end of a process, in milliseconds. A client's stop takes 1.5 s
 * with a silent server, and the whole stop must take less than 2 s.
 */
const DRAIN_MS = 300;

/** The pending output of a finished process. Each promise resolves once its output is written. */
export interface PendingOutput {
  /** The results of the process. Their delivery may take until `stop` fires. */
  readonly results?: readonly Promise<void>[];
  /** The logs, with a time limit of 300 ms. */
  readonly logs?: readonly Promise<void>[];
}

/**
 * Ends the process with this code after its output is written. Without this, Node waits for the reader of a full pipe
 * without a limit, and `process.exit` drops queued output. Both wait for a hung thread (see `exitProcess`).
 */
export async function endProcess(
  code: ExitCode,
  { results = [], logs = [] }: PendingOutput,
  stop?: AbortSignal,
): Promise<never> {
  process.exitCode = code;
  await Promise.race([Promise.all(results), aborted(stop)]);
  await Promise.race([Promise.all([...results, ...logs]), elapsed(DRAIN_MS)]);
  return exitProcess(code, stop);
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve();
    else signal?.addEventListener('abort', () => resolve());
  });
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
