import { tellParent } from '../../runtime/parent_process';
import { type ProgressListener } from './progress';

const PAUSE_MS = 100;

/** Tells the process that started this one, if that wants to know: of bets at most ten times a second. */
export class ParentProgress implements ProgressListener {
  private toldAt = 0;

  stored(bets: number): void {
    const now = performance.now();
    if (now - this.toldAt < PAUSE_MS) return;
    this.toldAt = now;
    tellParent({ kind: 'stored', bets });
  }

  finished(bets: number): void {
    tellParent({ kind: 'finished', bets });
  }

  winners(documents: readonly string[]): void {
    tellParent({ kind: 'winners', documents });
  }

  ended(): void {
    // The exit code says it.
  }
}
