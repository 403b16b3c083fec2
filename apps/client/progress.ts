import { tellParent } from '../runtime/parent_process';

/** How far the agency is, told to the process that started it, if that wants to know: at most ten times a second. */
export class Progress {
  private toldAt = 0;

  /** So many of the agency's bets are stored. */
  stored(bets: number): void {
    const now = performance.now();
    if (now - this.toldAt < 100) return;
    this.toldAt = now;
    tellParent({ kind: 'stored', bets });
  }

  /** All of its bets are stored; it waits for the draw. */
  finished(bets: number): void {
    tellParent({ kind: 'finished', bets });
  }

  /** It has its winners. */
  winners(documents: readonly string[]): void {
    tellParent({ kind: 'winners', documents });
  }
}
