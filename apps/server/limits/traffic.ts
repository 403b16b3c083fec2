import { type LimitName } from './limit_name';
import { type Rate } from './rate';

/** The messages of a session, counted for its limits. Times are milliseconds of a monotonic clock. */
export interface Traffic {
  /** Counts a received message, its header included. */
  onMessage(bytes: number, now: number): void;

  /** Counts a session that was ended for a message, or for its silence. */
  onRefused(now: number): void;

  /** The time in milliseconds until the messages that were counted so far are within the rates; 0 or less if they are. */
  overdrawnMs(now: number): number;

  /** The limit that `overdrawnMs` comes from. */
  overdrawnLimit(now: number): LimitName;

  /** Ends the count of a session. */
  leave(now: number): void;
}

/** The rates of each address, or of each agency. */
export interface TrafficRates {
  readonly bytes: Rate;
  readonly messages: Rate;
  readonly refusals: Rate;
}
