/** A wait that an abort signal ends. (An interface, and not a callback: see `Deadlines`.) */
export interface AbortableWait {
  /** The signal has fired. Called at most once, and not after `AbortWatch.remove`. It must not throw. */
  onAbort(reason: unknown): void;
}

const watches = new WeakMap<AbortSignal, AbortWatch>();

/**
 * The waits that one abort signal ends. They share one listener: a signal searches the list of its listeners at each
 * addition and removal, so a listener for each wait would make every message of a server cost time for all its sessions.
 */
export class AbortWatch {
  private readonly waits = new Set<AbortableWait>();

  private constructor(private readonly signal: AbortSignal) {}

  /** The watch of a signal, always the same. */
  static of(signal: AbortSignal): AbortWatch {
    let watch = watches.get(signal);
    if (watch === undefined) {
      watch = new AbortWatch(signal);
      watches.set(signal, watch);
    }
    return watch;
  }

  /** Adds a wait, in constant time. A signal that has fired already ends no wait. */
  add(wait: AbortableWait): void {
    if (this.waits.size === 0) this.signal.addEventListener('abort', this);
    this.waits.add(wait);
  }

  /**
   * Removes a wait, in constant time; a second call does nothing. The listener goes with the last wait: Node keeps a
   * signal of `AbortSignal.any` or `AbortSignal.timeout` in memory as long as it has one.
   */
  remove(wait: AbortableWait): void {
    if (this.waits.delete(wait) && this.waits.size === 0) this.signal.removeEventListener('abort', this);
  }

  /** The listener of the signal (an EventListenerObject). A wait may remove others meanwhile. */
  handleEvent(): void {
    for (const wait of this.waits) wait.onAbort(this.signal.reason);
  }
}
