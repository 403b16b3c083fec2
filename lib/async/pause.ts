import { type AbortableWait, AbortWatch } from './abort_watch';
import { Deferred } from './deferred';

/** Waits for `milliseconds`, or until the signal fires if that is earlier. Never rejects. */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Pause(milliseconds, signal).promise;
}

class Pause implements AbortableWait {
  private readonly end = new Deferred<void>();
  private readonly watch: AbortWatch | undefined;
  private readonly timer: NodeJS.Timeout | undefined;

  constructor(milliseconds: number, signal: AbortSignal | undefined) {
    if (signal?.aborted === true) {
      this.end.resolve();
      return;
    }
    this.timer = setTimeout(() => this.onTimer(), milliseconds);
    this.watch = signal === undefined ? undefined : AbortWatch.of(signal);
    this.watch?.add(this);
  }

  get promise(): Promise<void> {
    return this.end.promise;
  }

  onAbort(): void {
    clearTimeout(this.timer);
    this.watch!.remove(this);
    this.end.resolve();
  }

  private onTimer(): void {
    this.watch?.remove(this);
    this.end.resolve();
  }
}
