import { type WaitOptions } from './deadlines';

/** What a read accepts: three clocks, each in milliseconds, and a signal. */
export interface ReceiveOptions extends WaitOptions {
  /** Time until the first byte is there. */
  readonly idleTimeoutMs?: number | undefined;
  /**
   * Time from a message's first byte to its last: what cuts off a peer that trickles. It counts from the moment when
   * that byte was first seen by a read that has such a limit; an aborted read does not set it back.
   */
  readonly messageTimeoutMs?: number | undefined;
}
