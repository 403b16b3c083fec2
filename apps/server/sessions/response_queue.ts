import { type FramedSocket } from '../../../lib/index';
import { type LotteryMessage } from '../../protocol/messages';
import { type SessionContext } from './session_context';

/** A response to a message: known, or the promise of it (a batch that is on its way to the disk). */
export type SessionResponse = LotteryMessage | Promise<LotteryMessage>;

/** The bounds at which `waitForRoom` waits. */
export interface QueueLimits {
  /** Responses that are not known yet, or on their way to the kernel. */
  readonly responses: number;
  /** The bytes of the values of those that are known. */
  readonly bytes: number;
}

/** One place in the queue. */
interface Entry {
  message: LotteryMessage | undefined;
  failure: { readonly error: unknown } | undefined;
}

/**
 * The responses of a session, sent in the order of the messages that they answer: each as soon as it is known and all
 * before it are. Responses that become known together leave together.
 *
 * The first response that fails, or cannot be sent, fails the session; those behind it are dropped.
 */
export class ResponseQueue {
  /** Responses that are not handed to the connection yet. */
  private entries: Entry[] = [];
  /** How many of all enqueued are not known yet, those behind a failure included. */
  private unknown = 0;
  private unsent = 0;
  private unsentBytes = 0;
  private scheduled = false;
  private failed = false;
  private sentAt = performance.now();
  private onRoom: (() => void) | undefined;
  private onSettled: (() => void) | undefined;

  /** @param sendTimeoutMs how long the agency may take to receive a response; then the connection is reset. */
  constructor(
    private readonly channel: FramedSocket<LotteryMessage>,
    private readonly limits: QueueLimits,
    private readonly sendTimeoutMs: number,
    private readonly context: Pick<SessionContext, 'fail'>,
  ) {}

  /** How many responses are not known yet, or on their way to the kernel. */
  get length(): number {
    return this.unsent;
  }

  /** When the last response had left (on the clock of `performance.now()`), or the queue was made. */
  get lastSentAt(): number {
    return this.sentAt;
  }

  enqueue(response: SessionResponse): void {
    const entry: Entry = { message: undefined, failure: undefined };
    this.entries.push(entry);
    this.unsent++;
    if (!(response instanceof Promise)) {
      this.complete(entry, response);
      this.scheduleSending();
      return;
    }
    this.unknown++;
    response.then(
      (message) => {
        this.complete(entry, message);
        this.onKnown(entry);
      },
      (error: unknown) => {
        entry.failure = { error };
        this.onKnown(entry);
      },
    );
  }

  /** Resolves while the queue is below its limits, once no more is sent, or at `stopWaiting`. */
  async waitForRoom(): Promise<void> {
    if (this.hasRoom || this.failed) return;
    await new Promise<void>((resolve) => {
      this.onRoom = resolve;
    });
  }

  stopWaiting(): void {
    this.onRoom?.();
    this.onRoom = undefined;
  }

  /** Resolves once every response so far is known and handed to the connection, or dropped. */
  async settled(): Promise<void> {
    if (this.isSettled) return;
    await new Promise<void>((resolve) => {
      this.onSettled = resolve;
    });
  }

  private get hasRoom(): boolean {
    return this.unsent < this.limits.responses && this.unsentBytes < this.limits.bytes;
  }

  private get isSettled(): boolean {
    return this.unknown === 0 && this.entries.length === 0;
  }

  private complete(entry: Entry, message: LotteryMessage): void {
    entry.message = message;
    this.unsentBytes += message.value.length;
  }

  private onKnown(entry: Entry): void {
    this.unknown--;
    if (entry === this.entries[0]) this.scheduleSending();
    else this.notifyIfSettled();
  }

  /** Promises are settled before the next tick: what becomes known in this turn leaves together. */
  private scheduleSending(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    process.nextTick(() => this.sendKnown());
  }

  private sendKnown(): void {
    this.scheduled = false;
    const unknown = this.entries.findIndex(({ message }) => message === undefined);
    const known = unknown === -1 ? this.entries : this.entries.slice(0, unknown);
    this.entries = unknown === -1 ? [] : this.entries.slice(unknown);
    if (known.length > 0) this.send(known.map(({ message }) => message!));
    const failure = this.entries[0]?.failure;
    if (failure !== undefined) this.fail(failure.error);
    this.notifyIfSettled();
  }

  private send(messages: readonly LotteryMessage[]): void {
    if (this.failed) return;
    this.channel.sendMany(messages, { timeoutMs: this.sendTimeoutMs }).then(
      () => this.onSent(messages),
      (error: unknown) => this.fail(error),
    );
  }

  private onSent(messages: readonly LotteryMessage[]): void {
    this.unsent -= messages.length;
    for (const { value } of messages) this.unsentBytes -= value.length;
    this.sentAt = performance.now();
    if (this.hasRoom) this.stopWaiting();
  }

  private fail(error: unknown): void {
    this.entries = [];
    if (this.failed) return;
    this.failed = true;
    this.context.fail(error);
    this.stopWaiting();
  }

  private notifyIfSettled(): void {
    if (this.isSettled) this.onSettled?.();
  }
}
