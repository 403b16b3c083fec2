import { type ExitCode } from './exit_code';
import { monotonicMs } from './monotonic_clock';

/** execve(2), in Node from 22.15 and 23.11 on. A failure throws, or aborts the process. */
interface ProcessWithExecve {
  readonly execve?: (file: string, args: readonly string[], environment: Readonly<Record<string, string>>) => never;
}

/** Requests that occupy a thread of the pool, by their names in `process.getActiveResourcesInfo()`. */
const POOL_REQUESTS = ['FSReqPromise', 'FSReqCallback', 'FileHandleCloseReq', 'GetAddrInfoReqWrap'];

/** Time for a pending request to end by itself, in milliseconds. */
const GRACE_MS = { withExecve: 100, withoutExecve: 500 };
const POLL_INTERVAL_MS = 10;

/**
 * Ends the process even if a thread of libuv's pool hangs in a system call: a read on a disk without a response, a name
 * lookup. Node joins these threads at every regular end, `process.exit()` included.
 *
 * Node 22.15 and later replace the process (execve(2)) by a Node that exits with the exit code. Node 20 has no way to
 * choose the exit code: after 500 ms the process ends by the signal that stopped it, or by SIGKILL. A thread in
 * uninterruptible sleep (state D, ps(1)) delays either end until its disk responds.
 *
 * @param stop its reason is the name of the signal.
 */
export async function exitProcess(code: ExitCode, stop?: AbortSignal): Promise<never> {
  const { execve } = process as ProcessWithExecve;
  const deadline = monotonicMs() + (execve === undefined ? GRACE_MS.withoutExecve : GRACE_MS.withExecve);
  while (isPoolBusy()) {
    if (monotonicMs() >= deadline) exitDespiteHungThreads(code, stop);
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
  }
  process.exit(code);
}

function isPoolBusy(): boolean {
  return process.getActiveResourcesInfo().some((resource) => POOL_REQUESTS.includes(resource));
}

function exitDespiteHungThreads(code: ExitCode, stop: AbortSignal | undefined): void {
  // Neither end emits `exit`, and the log is flushed at this event.
  process.emit('exit', code);
  try {
    (process as ProcessWithExecve).execve?.(process.execPath, [process.execPath, '-e', `process.exit(${code})`], {});
  } catch {
    // The executable of this Node was removed.
  }
  const signal = stop?.aborted === true ? (stop.reason as NodeJS.Signals) : 'SIGKILL';
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
