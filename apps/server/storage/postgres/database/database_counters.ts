/** Counts of the connections to the database since the start of the process, for the metrics. */
export interface DatabaseCounters {
  /** Connections that were opened; those above the pool's size replace lost ones. */
  opened: number;
  /** Connections that ended otherwise than by the pool's close. */
  lost: number;
  /** Connections to another host than the one before. */
  failovers: number;
  /** Requests that had to wait for a connection. */
  waits: number;
  /** Transactions that were run again after a conflict. */
  retries: number;
  /** Transactions whose outcome is unknown. */
  unknownOutcomes: number;
}

export function createCounters(): DatabaseCounters {
  return { opened: 0, lost: 0, failovers: 0, waits: 0, retries: 0, unknownOutcomes: 0 };
}
