import { type ProtocolErrorCode } from '../../../protocol/protocol_error';
import { type AgencyState } from '../../stats/agency_activity';
import { type ServerPhase } from '../../stats/server_activity';

/** One agency, as the page shows it and `/status.json` tells it. */
export interface AgencyReport {
  readonly id: number;
  readonly state: AgencyState;
  /** Its bets on the disk. */
  readonly bets: number;
  /** Bets a second now: the mean of the last three seconds. */
  readonly perSecond: number;
  /** Its sessions that were ended with an `E` since the server started, and the newest of these. */
  readonly errors: number;
  readonly lastError: { readonly code: ProtocolErrorCode; readonly at: string } | null;
  /** How many of its bets won; null before the draw. */
  readonly winners: number | null;
  /** Bets stored in each of the last seconds, newest last; without the seconds before the first bet. */
  readonly curve?: readonly number[];
}

/** The state of the whole. docs/operations.md documents it: who changes it changes that. */
export interface StatusSummary {
  /** When it was made (ISO 8601). */
  readonly at: string;
  readonly server: {
    readonly phase: ServerPhase;
    readonly startedAt: string;
    readonly sessionsOpen: number;
  };
  readonly bets: {
    readonly stored: number;
    readonly perSecond: number;
    readonly curve?: readonly number[];
  };
  readonly agencies: {
    readonly expected: number;
    /** How many are in each state; they add up to `expected`. */
    readonly byState: Readonly<Record<AgencyState, number>>;
  };
  readonly draw: {
    readonly held: boolean;
    /** Both are null before the draw. */
    readonly number: number | null;
    readonly winners: number | null;
  };
  readonly errors: {
    readonly total: number;
    readonly byCode: Readonly<Partial<Record<ProtocolErrorCode, number>>>;
  };
}

/** What the page shows, and `/status.json` tells. */
export interface StatusReport extends StatusSummary {
  /** The agencies that have been here; the others of 1 to `expected` are absent and have no bets. */
  readonly agency: readonly AgencyReport[];
}
