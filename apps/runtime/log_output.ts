import { type Writable } from 'node:stream';
import { type LogSink } from './action_log';
import { monotonicMs } from './monotonic_clock';
import { written } from './standard_streams';

/** The interval of writes under a steady stream of lines. */
const WRITE_INTERVAL_MS = 20;
/** The number of immediate writes after an idle time, enough for the lines of a start or a stop. */
const BURST = 16;
/** The bound of the queue for a slow reader, in UTF-16 units: about 40,000 lines. */
const MAX_QUEUED = 4 * 1024 * 1024;

/**
 * The output of a program's log. Lines of one turn of the event loop share a write. Under a steady stream of lines
 * there is one write per 20 ms: a write is a system call that waits for a disk or a reader, and would cost a busy
 * server more than the logged work. Queued lines are also written at exit.
 *
 * A lost reader (a closed pipe) does not end the program; its lines are dropped. A slow reader costs at most 4 MiB of
 * memory: beyond that, new lines are dropped and counted until the reader has caught up.
 */
export class LogOutput {
  private queue = '';
  private isScheduled = false;
  /** The available immediate writes: one more every 20 ms, up to `BURST` (a token bucket). */
  private tokens = BURST;
  private refilledAt = monotonicMs();
  private diversion: LogSink | undefined;
  /** The number of lines dropped since the stream was last empty. */
  private dropped = 0;

  /** Called after the reader has caught up, with the number of dropped lines, so that it can be logged. */
  onDropped: (lines: number) => void = () => {};

  /** @param stream stdout or stderr. */
  constructor(private readonly stream: Writable) {
    // The queue of a lost reader is gone, but another reader may come (a named pipe).
    stream.on('error', () => this.resume());
    stream.on('drain', () => this.resume());
    process.on('exit', () => this.flush());
  }

  /** Queues lines. It is bound, so it can be passed as a function. */
  readonly sink: LogSink = (lines) => {
    this.queue += lines;
    if (this.isScheduled) return;
    this.isScheduled = true;
    if (this.canWriteAtOnce()) setImmediate(() => this.flush());
    else setTimeout(() => this.flush(), WRITE_INTERVAL_MS).unref();
  };

  /** Passes all further lines to another sink, such as the owner of the terminal; undefined ends this. */
  divert(sink: LogSink | undefined): void {
    this.flush();
    this.diversion = sink;
  }

  /** Resolves once the system has taken all lines so far. It stays pending while a reader does not read. */
  written(): Promise<void> {
    this.flush();
    return written(this.stream);
  }

  private canWriteAtOnce(): boolean {
    const now = monotonicMs();
    this.tokens = Math.min(BURST, this.tokens + (now - this.refilledAt) / WRITE_INTERVAL_MS);
    this.refilledAt = now;
    return this.tokens >= 1;
  }

  private flush(): void {
    this.isScheduled = false;
    if (this.queue === '') return;
    const lines = this.queue;
    this.queue = '';
    this.tokens--;
    if (this.diversion !== undefined) this.diversion(lines);
    else if (this.dropped > 0 || this.stream.writableLength > MAX_QUEUED) this.drop(lines);
    else this.stream.write(lines);
  }

  private drop(lines: string): void {
    for (let at = lines.indexOf('\n'); at !== -1; at = lines.indexOf('\n', at + 1)) this.dropped++;
  }

  private resume(): void {
    const { dropped } = this;
    if (dropped === 0) return;
    this.dropped = 0;
    this.onDropped(dropped);
  }
}
