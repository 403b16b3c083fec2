import { monotonicMs } from '../../runtime/monotonic_clock';
import { sendToParent } from '../../runtime/parent_process';
import { type ProgressListener } from './progress';

/** A message of a client to its parent process (child_process IPC). tools/run_lottery.ts receives it. */
export type ClientMessage =
  | { readonly kind: 'stored' | 'finished'; readonly bets: number }
  | { readonly kind: 'winners'; readonly documents: readonly string[] };

/** Milliseconds between two messages of kind `stored`. */
const INTERVAL_MS = 100;

/** Sends the progress to the parent process, if there is one with an IPC channel. */
export class ParentProgress implements ProgressListener {
  private lastSentAt = 0;

  stored(bets: number): void {
    const now = monotonicMs();
    if (now - this.lastSentAt < INTERVAL_MS) return;
    this.lastSentAt = now;
    sendToParent<ClientMessage>({ kind: 'stored', bets });
  }

  finished(bets: number): void {
    sendToParent<ClientMessage>({ kind: 'finished', bets });
  }

  winners(documents: readonly string[]): void {
    sendToParent<ClientMessage>({ kind: 'winners', documents });
  }

  ended(): void {
    // The exit code reports it.
  }
}
