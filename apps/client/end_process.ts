/** What Node has from 22.15 and 23.11 on: execve(2). It throws, or aborts the process, where it fails. */
interface ProcessWithExecve {
  readonly execve?: (file: string, args: readonly string[], environment: Readonly<Record<string, string>>) => never;
}

/** What a pool's thread may be doing, as `process.getActiveResourcesInfo()` names it: file calls, name lookups. */
const POOL_WORK = ['FSReqPromise', 'FSReqCallback', 'FileHandleCloseReq', 'GetAddrInfoReqWrap'];

/** How long a call may take to come back by itself, in milliseconds. */
const GRACE_MS = { replaceable: 100, other: 500 };

/**
 * Sees to it that a process whose work is done ends, even while a thread of libuv's pool hangs in a call that nobody can
 * call off: a read on a disk that does not answer, a name lookup. Node waits for these threads at every end that it has,
 * `process.exit()` included. Call it when nothing is left to do and `process.exitCode` is set; where no thread hangs, it
 * does nothing at all.
 *
 * A process that can replace itself (execve(2)) becomes a Node that ends with the exit code at once. One that cannot (Node
 * 20) ends by a signal after half a second: by the one that stopped it, else by SIGKILL. Neither ends a thread that the kernel
 * itself does not let go of (the state D of ps(1)) before its disk answers.
 *
 * @param stop its reason is the name of the signal.
 */
export function endDespiteHungThreads(stop: AbortSignal): void {
  const { execve } = process as ProcessWithExecve;
  setTimeout(() => endIfThreadsHang(stop), execve === undefined ? GRACE_MS.other : GRACE_MS.replaceable).unref();
}

function endIfThreadsHang(stop: AbortSignal): void {
  if (!process.getActiveResourcesInfo().some((resource) => POOL_WORK.includes(resource))) return;
  const code = Number(process.exitCode ?? 0);
  // What is written at the exit is written now: this end has no exit event of its own.
  process.emit('exit', code);
  try {
    (process as ProcessWithExecve).execve?.(process.execPath, [process.execPath, '-e', `process.exit(${code})`], {});
  } catch {
    // The file that this Node was started from is gone: the signal is left.
  }
  const signal = stop.aborted ? (stop.reason as NodeJS.Signals) : 'SIGKILL';
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
