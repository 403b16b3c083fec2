import { type Writable } from 'node:stream';
import { type LogSink } from './action_log';
import { written } from './standard_streams';

/** How long lines may wait for company while there is one line after the other. */
const GATHERING_MS = 20;
/** How many writes may follow each other without waiting, after some time without any: a start's lines, or a stop's. */
const BURST = 16;
/** How much may wait for a slow reader, in UTF-16 units: about 40,000 lines. */
const MOST_WAITING = 4 * 1024 * 1024;

/**
 * Where a program's log goes. It writes what one turn of the event loop logs at once, and where that goes on and on, no
 * more often than every 20 ms: a write is a system call that waits for a disk or a reader, and would cost a busy server
 * more than the work that the lines tell of. What waits is written at exit too.
 *
 * A reader of the log that goes away (a closed pipe) must not end the program: the log is lost, the work goes on. A slow
 * reader costs 4 MiB of memory at most: beyond that, new lines are dropped and counted until the reader has caught up.
 */
export class LogOutput {
  private waiting = '';
  private scheduled = false;
  /** How many writes may be made at once; one more every 20 ms, up to `BURST` (a token bucket). */
  private writesLeft = BURST;
  private countedAt = performance.now();
  private diversion: LogSink | undefined;
  /** Lines dropped since the stream was last empty. */
  private dropped = 0;

  /** Called once the reader has caught up, with the number of lines dropped: a place to log it. */
  onDropped: (lines: number) => void = () => {};

  /** @param stream stdout or stderr. */
  constructor(private readonly stream: Writable) {
    // What waited for a lost reader is gone; another may come (a named pipe).
    stream.on('error', () => this.resume());
    stream.on('drain', () => this.resume());
    process.on('exit', () => this.flush());
  }

  /** Takes lines; to be handed around on its own. */
  readonly sink: LogSink = (lines) => {
    this.waiting += lines;
    if (this.scheduled) return;
    this.scheduled = true;
    if (this.mayWriteAtOnce()) setImmediate(() => this.flush());
    else setTimeout(() => this.flush(), GATHERING_MS).unref();
  };

  /** Has the lines written by another from here on (who draws on the same terminal, say); undefined ends that. */
  divert(sink: LogSink | undefined): void {
    this.flush();
    this.diversion = sink;
  }

  /** Resolves once every line so far is in the hands of the system. A reader that never reads keeps it pending. */
  written(): Promise<void> {
    this.flush();
    return written(this.stream);
  }

  private mayWriteAtOnce(): boolean {
    const now = performance.now();
    this.writesLeft = Math.min(BURST, this.writesLeft + (now - this.countedAt) / GATHERING_MS);
    this.countedAt = now;
    return this.writesLeft >= 1;
  }

  private flush(): void {
    this.scheduled = false;
    if (this.waiting === '') return;
    const lines = this.waiting;
    this.waiting = '';
    this.writesLeft--;
    if (this.diversion !== undefined) this.diversion(lines);
    else if (this.dropped > 0 || this.stream.writableLength > MOST_WAITING) this.drop(lines);
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
