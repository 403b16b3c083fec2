import { type LimitName } from './limit_name';
import { type Rate } from './rate';

/** The rates of each address. */
export interface AddressRates {
  readonly bytes: Rate;
  readonly messages: Rate;
  readonly refusals: Rate;
}

/** The messages of one address: of all its sessions, and of those that have ended a short time ago. */
export class AddressTraffic {
  private sessions = 0;
  private bytesFullAt = 0;
  private messagesFullAt = 0;
  private refusalsFullAt = 0;

  /**
   * @param group the address, as `addressGroup` gives it.
   * @param onResting called when the last session has left.
   */
  constructor(
    readonly group: string,
    private readonly rates: AddressRates,
    private readonly onResting: (traffic: AddressTraffic, now: number) => void,
  ) {}

  /** Counts a session until `leave`. */
  enter(): void {
    this.sessions++;
  }

  /** @param now milliseconds of a clock that does not go back, here and below. */
  leave(now: number): void {
    this.sessions--;
    if (this.sessions === 0) this.onResting(this, now);
  }

  /** Counts a received message, its header included. */
  onMessage(bytes: number, now: number): void {
    this.bytesFullAt = this.rates.bytes.take(this.bytesFullAt, bytes, now);
    this.messagesFullAt = this.rates.messages.take(this.messagesFullAt, 1, now);
  }

  /** Counts a session that was ended for a message, or for its silence. */
  onRefused(now: number): void {
    this.refusalsFullAt = this.rates.refusals.take(this.refusalsFullAt, 1, now);
  }

  /** Whether a new session is allowed. */
  mayConnect(now: number): boolean {
    return this.rates.refusals.hasToken(this.refusalsFullAt, now);
  }

  /**
   * The time in milliseconds until the messages that were counted so far are within the rates; 0 or less if they are.
   * Each session waits for its own messages and those before, so the sessions of an address get turns.
   */
  overdrawnMs(now: number): number {
    const { bytes, messages } = this.rates;
    return Math.max(bytes.overdrawnMs(this.bytesFullAt, now), messages.overdrawnMs(this.messagesFullAt, now));
  }

  /** The limit that `overdrawnMs` comes from. */
  overdrawnLimit(now: number): LimitName {
    const { bytes, messages } = this.rates;
    const isBytes = bytes.overdrawnMs(this.bytesFullAt, now) >= messages.overdrawnMs(this.messagesFullAt, now);
    return isBytes ? 'address_bytes' : 'address_messages';
  }

  /** Whether all buckets are full: a new record of the address would be the same. */
  isFull(now: number): boolean {
    return Math.max(this.bytesFullAt, this.messagesFullAt, this.refusalsFullAt) <= now;
  }
}
