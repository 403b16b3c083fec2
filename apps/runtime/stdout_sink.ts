import { type LogSink } from './action_log';

/**
 * A sink that writes the lines of one turn of the event loop to stdout at once: a system call for each line would cost
 * a busy server more than the work that the lines tell of. `flush` writes what waits; it also happens at exit.
 *
 * A reader of the log that goes away (a closed pipe) must not end the program: the log is lost, the work goes on.
 */
export function createStdoutSink(): { sink: LogSink; flush: () => void } {
  let waiting = '';
  let scheduled = false;

  const flush = (): void => {
    scheduled = false;
    if (waiting === '') return;
    const lines = waiting;
    waiting = '';
    process.stdout.write(lines);
  };
  const sink: LogSink = (lines) => {
    waiting += lines;
    if (scheduled) return;
    scheduled = true;
    setImmediate(flush);
  };
  process.stdout.on('error', () => {});
  process.on('exit', flush);
  return { sink, flush };
}
