import { type FramedSocket } from '../../../lib/index';
import { type LotteryMessage } from '../../protocol/messages';
import { type SessionContext } from './session_context';

/** A response to a message: complete, or a promise of one (a batch in flight to the disk). */
export type SessionResponse = LotteryMessage | Promise<LotteryMessage>;

/** The bounds at which `waitForRoom` waits. */
export interface QueueLimits {
  /** Responses that are pending, or in flight to the kernel. */
  readonly responses: number;
  /** The bytes of the values of complete responses. */
  readonly bytes: number;
}

/** One place in the queue. */
interface Entry {
  message: LotteryMessage | undefined;
  failure: { readonly error: unknown } | undefined;
}

/**
 * The responses of a session, sent in the order of their messages. A response is sent once it and all before it are
 * complete. Responses completed in the same turn are sent together.
 *
 * The first failure, of a response or of a send, fails the session; the responses behind it are dropped.
 */
export class ResponseQueue {
  /** Responses not yet passed to the connection. */
  private entries: Entry[] = [];
  /** The number of pending responses, those behind a failure included. */
  private pendingCount = 0;
  private unsent = 0;
  private unsentBytes = 0;
  private isScheduled = false;
  private hasFailed = false;
  private sentAt = performance.now();
  private onRoom: (() => void) | undefined;
  private onSettled: (() => void) | undefined;

  /** @param sendTimeoutMs the limit for the delivery of a response, after which the connection is reset. */
  constructor(
    private readonly channel: FramedSocket<LotteryMessage>,
    private readonly limits: QueueLimits,
    private readonly sendTimeoutMs: number,
    private readonly context: Pick<SessionContext, 'fail'>,
  ) {}

  /** The number of responses that are pending, or in flight to the kernel. */
  get length(): number {
    return this.unsent;
  }

  /** The time (`performance.now()`) of the last sent response, or of the queue's creation. */
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
    this.pendingCount++;
    response.then(
      (message) => {
        this.complete(entry, message);
        this.onCompleted(entry);
      },
      (error: unknown) => {
        entry.failure = { error };
        this.onCompleted(entry);
      },
    );
  }

  /** Resolves while the queue is below its limits, after a failure, or at `stopWaiting`. */
  async waitForRoom(): Promise<void> {
    if (this.hasRoom || this.hasFailed) return;
    await new Promise<void>((resolve) => {
      this.onRoom = resolve;
    });
  }

  stopWaiting(): void {
    this.onRoom?.();
    this.onRoom = undefined;
  }

  /** Resolves once every response so far is complete and passed to the connection, or dropped. */
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
    return this.pendingCount === 0 && this.entries.length === 0;
  }

  private complete(entry: Entry, message: LotteryMessage): void {
    entry.message = message;
    this.unsentBytes += message.value.length;
  }

  private onCompleted(entry: Entry): void {
    this.pendingCount--;
    if (entry === this.entries[0]) this.scheduleSending();
    else this.notifyIfSettled();
  }

  /** Promises settle before the next tick, so responses completed in one turn are sent together. */
  private scheduleSending(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    process.nextTick(() => this.sendCompleted());
  }

  private sendCompleted(): void {
    this.isScheduled = false;
    const unknown = this.entries.findIndex(({ message }) => message === undefined);
    const known = unknown === -1 ? this.entries : this.entries.slice(0, unknown);
    this.entries = unknown === -1 ? [] : this.entries.slice(unknown);
    if (known.length > 0) this.send(known.map(({ message }) => message!));
    const failure = this.entries[0]?.failure;
    if (failure !== undefined) this.fail(failure.error);
    this.notifyIfSettled();
  }

  private send(messages: readonly LotteryMessage[]): void {
    if (this.hasFailed) return;
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
    if (this.hasFailed) return;
    this.hasFailed = true;
    this.context.fail(error);
    this.stopWaiting();
  }

  private notifyIfSettled(): void {
    if (this.isSettled) this.onSettled?.();
  }
}
