/** How long a wait may take: until `timeoutMs` are over, if there are any, or `signal` fires. */
export interface LatchWait {
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
}

/**
 * A gate that opens once and stays open; any number may wait for it. (Racing a long-lived promise against a timer
 * would leave a reaction on it for every wait.)
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

  /** Every wait that is under way rejects with the error. The gate stays as it is, for later waits. */
  fail(error: Error): void {
    for (const settle of this.waiting) settle({ error });
  }

  /** Resolves to true as soon as the gate is open, to false when `timeoutMs` are over or `signal` fires before that. */
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
