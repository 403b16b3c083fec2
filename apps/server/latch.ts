/**
 * A gate that opens once and stays open; any number may wait for it. (Racing a long-lived promise against a timer
 * would leave a reaction on it for every wait.)
 */
export class Latch {
  private opened = false;
  private readonly waiting = new Set<() => void>();

  get isOpen(): boolean {
    return this.opened;
  }

  open(): void {
    this.opened = true;
    for (const settle of this.waiting) settle();
    this.waiting.clear();
  }

  /** Resolves to true as soon as the gate is open, to false when `timeoutMs` are over or `signal` fires before that. */
  async wait({ timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal }): Promise<boolean> {
    if (this.opened || signal.aborted) return this.opened;
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', settle);
        this.waiting.delete(settle);
        resolve();
      };
      const timer = setTimeout(settle, timeoutMs);
      signal.addEventListener('abort', settle);
      this.waiting.add(settle);
    });
    return this.opened;
  }
}
