import { type BigIntStats, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';

/**
 * Watches files by polling their status: a replaced file, and a symbolic link to another one, count as changed (secrets of
 * container engines are replaced so), which inotify(7) does not report.
 */
export class FileChanges {
  /** The status of the files of the last call of `onChange`. */
  private known: string;
  private last: string;
  private timer: NodeJS.Timeout | undefined;
  private isReading = false;
  private isStopped = false;

  /** Reads the status of the files. Changes count from here on. */
  constructor(
    private readonly paths: readonly string[],
    private readonly onChange: () => void,
  ) {
    this.known = paths.map((path) => describe(statSync(path, { bigint: true, throwIfNoEntry: false }))).join();
    this.last = this.known;
  }

  /** @param intervalMs between two looks. A change is reported when two looks agree: the writer may be at work before. */
  start(intervalMs: number): void {
    this.timer = setInterval(() => void this.look(), intervalMs).unref();
  }

  /** Ends the looks. Nothing is reported from here on, also by a look that is under way. */
  stop(): void {
    this.isStopped = true;
    clearInterval(this.timer);
  }

  /** Looks at the files once. Resolves when a change has been reported, or there is none to report. */
  async look(): Promise<void> {
    // A file system that does not respond gets one request, not one a second.
    if (this.isReading) return;
    this.isReading = true;
    const found = (await Promise.all(this.paths.map(async (path) => this.statusOf(path)))).join();
    this.isReading = false;
    const isSettled = found === this.last;
    this.last = found;
    if (!isSettled || found === this.known || this.isStopped) return;
    this.known = found;
    this.onChange();
  }

  private async statusOf(path: string): Promise<string> {
    return describe(await stat(path, { bigint: true }).catch(() => undefined));
  }
}

function describe(status: BigIntStats | undefined): string {
  if (status === undefined) return 'missing';
  return [status.dev, status.ino, status.size, status.mtimeNs, status.ctimeNs].join(':');
}
