import { type ProtocolErrorCode } from '../../protocol/protocol_error';

/** The progress of an agency, in ascending order. `absent`: without a session and not finished. */
export type AgencyState = 'absent' | 'uploading' | 'finished' | 'winners';

/** The counters of one agency. */
export class AgencyActivity {
  /** The number of its stored bets. */
  bets = 0;
  /** The number of bets stored by this process. */
  storedHere = 0;
  /** The number of its open sessions: briefly two during a supersession. */
  sessions = 0;
  hasFinished = false;
  hasWinners = false;
  /** The number of its sessions that ended with an `E`. */
  errors = 0;
  lastError: { readonly code: ProtocolErrorCode; readonly at: Date } | undefined;

  constructor(readonly id: number) {}

  get state(): AgencyState {
    if (this.hasWinners) return 'winners';
    if (this.hasFinished) return 'finished';
    return this.sessions > 0 ? 'uploading' : 'absent';
  }
}
