import { type LimitName } from './limit_name';
import { type Traffic, type TrafficRates } from './traffic';

/** The names of the limits on messages, of addresses or of agencies. */
export interface MessageLimits {
  readonly bytes: LimitName;
  readonly messages: LimitName;
}

/** The messages of one address or one agency: of all its sessions, and of those that have ended a short time ago. */
export abstract class SenderTraffic implements Traffic {
  protected sessions = 0;
  private bytesFullAt = 0;
  private messagesFullAt = 0;
  private refusalsFullAt = 0;

  protected constructor(
    private readonly rates: TrafficRates,
    private readonly names: MessageLimits,
  ) {}

  abstract leave(now: number): void;

  onMessage(bytes: number, now: number): void {
    this.bytesFullAt = this.rates.bytes.take(this.bytesFullAt, bytes, now);
    this.messagesFullAt = this.rates.messages.take(this.messagesFullAt, 1, now);
  }

  onRefused(now: number): void {
    this.refusalsFullAt = this.rates.refusals.take(this.refusalsFullAt, 1, now);
  }

  /** Whether its refusals allow a new session. */
  mayConnect(now: number): boolean {
    return this.rates.refusals.hasToken(this.refusalsFullAt, now);
  }

  /** Each session waits for its own messages and those before, so the sessions of a sender get turns. */
  overdrawnMs(now: number): number {
    const { bytes, messages } = this.rates;
    return Math.max(bytes.overdrawnMs(this.bytesFullAt, now), messages.overdrawnMs(this.messagesFullAt, now));
  }

  overdrawnLimit(now: number): LimitName {
    const { bytes, messages } = this.rates;
    const isBytes = bytes.overdrawnMs(this.bytesFullAt, now) >= messages.overdrawnMs(this.messagesFullAt, now);
    return isBytes ? this.names.bytes : this.names.messages;
  }

  /** Whether all buckets are full: a new record of the sender would be the same. */
  isFull(now: number): boolean {
    return Math.max(this.bytesFullAt, this.messagesFullAt, this.refusalsFullAt) <= now;
  }
}
