import { type ProtocolErrorCode } from '../../protocol/protocol_error';

/** How far an agency is, in the order in which it gets there. `absent`: it has no session, and has not finished. */
export type AgencyState = 'absent' | 'uploading' | 'finished' | 'winners';

/** What is known of one agency. */
export class AgencyActivity {
  /** Its bets on the disk. */
  bets = 0;
  /** Those of them that this process has stored. */
  storedHere = 0;
  /** Its sessions that are open: two for the moment in which one supersedes another. */
  sessions = 0;
  hasFinished = false;
  hasWinners = false;
  /** Its sessions that ended with an `E`. */
  errors = 0;
  lastError: { readonly code: ProtocolErrorCode; readonly at: Date } | undefined;

  constructor(readonly id: number) {}

  get state(): AgencyState {
    if (this.hasWinners) return 'winners';
    if (this.hasFinished) return 'finished';
    return this.sessions > 0 ? 'uploading' : 'absent';
  }
}
