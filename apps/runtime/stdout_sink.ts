import { type LogSink } from './action_log';

/** How long lines may wait for company while there is one line after the other. */
const GATHERING_MS = 20;

/**
 * A sink that writes to stdout what one turn of the event loop logs at once, and while there is more to log, no more
 * often than every 20 ms: a write is a system call that waits for a disk or a reader, and would cost a busy server more
 * than the work that the lines tell of. `flush` writes what waits; it also happens at exit.
 *
 * A reader of the log that goes away (a closed pipe) must not end the program: the log is lost, the work goes on.
 */
export function createStdoutSink(): { sink: LogSink; flush: () => void } {
  let waiting = '';
  let scheduled = false;
  let flushedAt = -GATHERING_MS;

  const flush = (): void => {
    scheduled = false;
    if (waiting === '') return;
    const lines = waiting;
    waiting = '';
    flushedAt = performance.now();
    process.stdout.write(lines);
  };
  const sink: LogSink = (lines) => {
    waiting += lines;
    if (scheduled) return;
    scheduled = true;
    if (performance.now() - flushedAt >= GATHERING_MS) setImmediate(flush);
    else setTimeout(flush, GATHERING_MS).unref();
  };
  process.stdout.on('error', () => {});
  process.on('exit', flush);
  return { sink, flush };
}
