import { type ProtocolErrorCode } from '../../../protocol/protocol_error';
import { type DatabaseUse, type StandbyState } from '../../domain/lottery_overview';
import { type ServerPhase } from '../../stats/server_activity';

/** The progress of an agency, in ascending order. `absent`: without a session and not finished. */
export type AgencyState = 'absent' | 'uploading' | 'finished' | 'winners';

/** One agency on the page and in `/status.json`. */
export interface AgencyReport {
  readonly id: number;
  readonly state: AgencyState;
  /** The number of its stored bets. */
  readonly bets: number;
  /** Bets a second now: the mean of the last three seconds. */
  readonly perSecond: number;
  /** Its sessions since the server's start that ended with an `E`, and the newest one. */
  readonly errors: number;
  readonly lastError: { readonly code: ProtocolErrorCode; readonly at: string } | null;
  /** The number of its winning bets, null before the draw. */
  readonly winners: number | null;
  /** The bets stored in each of the last seconds, newest last, without the seconds before the first bet. */
  readonly curve?: readonly number[];
}

/** A server of a shared store on the page and in `/status.json`. */
export interface ServerReport {
  readonly name: string;
  /** False: heartbeats are missing, and the server has not stopped in good order. The other fields are the last ones. */
  readonly alive: boolean;
  readonly startedAt: string;
  readonly seenAt: string;
  readonly sessionsOpen: number;
  /** The bets that it stores a second. */
  readonly perSecond: number;
}

/** The database as this server uses it. Counts are since the start of the server. */
export interface DatabaseReport extends DatabaseUse {
  /** Whether it confirms this server's heartbeats. */
  readonly writable: boolean;
  /** The time of the last reading of the whole lottery (ISO 8601), null before the first. */
  readonly readAt: string | null;
  /** The mean time of this server's commits in the last three seconds, null without commits. */
  readonly commitSeconds: number | null;
  /** Null if the role of the servers has no right to see them. */
  readonly standbys: readonly StandbyState[] | null;
}

/** The state of the lottery and of this server. docs/operations.md documents it and changes with it. */
export interface StatusSummary {
  /** The time of the report (ISO 8601). */
  readonly at: string;
  readonly server: {
    readonly name: string;
    readonly phase: ServerPhase;
    readonly startedAt: string;
    readonly sessionsOpen: number;
  };
  /** The servers of a shared store by their names, this one included; none with a store in files. */
  readonly servers: readonly ServerReport[];
  /** Null with a store in files. */
  readonly database: DatabaseReport | null;
  readonly bets: {
    readonly stored: number;
    readonly perSecond: number;
    readonly curve?: readonly number[];
  };
  readonly agencies: {
    readonly expected: number;
    /** The number of agencies per state. The sum is `expected`. */
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

/** The report for the page and for `/status.json`. */
export interface StatusReport extends StatusSummary {
  /** The agencies with a session on this server, or known to the store. The others of 1 to `expected` are absent and without bets. */
  readonly agency: readonly AgencyReport[];
}
