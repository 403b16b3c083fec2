import { sendToParent } from '../../runtime/parent_process';
import { type ProgressListener } from './progress';

const INTERVAL_MS = 100;

/** Tells the process that started this one, if that wants to know: of bets at most ten times a second. */
export class ParentProgress implements ProgressListener {
  private lastSentAt = 0;

  stored(bets: number): void {
    const now = performance.now();
    if (now - this.lastSentAt < INTERVAL_MS) return;
    this.lastSentAt = now;
    sendToParent({ kind: 'stored', bets });
  }

  finished(bets: number): void {
    sendToParent({ kind: 'finished', bets });
  }

  winners(documents: readonly string[]): void {
    sendToParent({ kind: 'winners', documents });
  }

  ended(): void {
    // The exit code says it.
  }
}
