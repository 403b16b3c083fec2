import { type ProtocolErrorCode } from '../../protocol/protocol_error';

/** The counters of one agency on this server. */
export class AgencyActivity {
  /** The number of its bets stored by this process. */
  storedHere = 0;
  /** The number of its open sessions: briefly two during a supersession. */
  sessions = 0;
  hasWinners = false;
  /** The number of its sessions that ended with an `E`. */
  errors = 0;
  lastError: { readonly code: ProtocolErrorCode; readonly at: Date } | undefined;

  constructor(readonly id: number) {}
}
