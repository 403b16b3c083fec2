/** The bounds of a wait: `timeoutMs`, if set, and `signal`. The first one ends the wait. */
export interface LatchWait {
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

/**
 * A gate that opens once and stays open, for any number of waiters. Waits are entries of a set (docs/decisions/0006,
 * rule 9).
 */
export class Latch {
  private opened = false;
  private readonly waiting = new Set<(failure?: { readonly error: Error }) => void>();

  get isOpen(): boolean {
    return this.opened;
  }

  open(): void {
    this.opened = true;
    for (const settle of this.waiting) settle();
  }

  /** Rejects all pending waits with the error. The state of the gate does not change. */
  fail(error: Error): void {
    for (const settle of this.waiting) settle({ error });
  }

  /** Resolves to true once the gate is open, or to false if `timeoutMs` elapse or `signal` fires first. */
  async wait({ timeoutMs, signal }: LatchWait): Promise<boolean> {
    if (this.opened || signal.aborted) return this.opened;
    await new Promise<void>((resolve, reject) => {
      const settle = (failure?: { readonly error: Error }): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        this.waiting.delete(settle);
        if (failure === undefined) resolve();
        else reject(failure.error);
      };
      const onAbort = (): void => settle();
      const timer = timeoutMs === undefined ? undefined : setTimeout(settle, timeoutMs);
      signal.addEventListener('abort', onAbort);
      this.waiting.add(settle);
    });
    return this.opened;
  }
}
