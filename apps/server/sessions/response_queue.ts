import { type FramedSocket } from '../../../lib/index';
import { type LotteryMessage } from '../../protocol/messages';

/** An answer that is owed: not known yet, known, or not to be had. */
interface OwedAnswer {
  message: LotteryMessage | undefined;
  failure: { readonly error: unknown } | undefined;
}

/** How much may wait in the queue before `waitForRoom` waits. */
export interface QueueLimits {
  /** Responses that are not known yet, or on their way to the kernel. */
  readonly responses: number;
  /** The bytes of the values of those that are known. */
  readonly bytes: number;
}

/** Whose answers they are. */
export interface AnswerOwner {
  /** Told once, of the first answer that could not be had or sent; those behind it are dropped. */
  onAnswerFailed(error: unknown): void;
}

/**
 * The answers that a session owes, sent in the order of the messages they answer: each as soon as it is known and all
 * before it are. Answers that become known together leave together.
 */
export class AnswerQueue {
  /** Those not handed to the connection yet. */
  private queue: OwedAnswer[] = [];
  /** How many of all owed are not known yet, those behind a failure included. */
  private unknown = 0;
  private unsent = 0;
  private unsentBytes = 0;
  private scheduled = false;
  private failed = false;
  private sentAt = performance.now();
  private roomWanted: (() => void) | undefined;
  private settlementWanted: (() => void) | undefined;

  /**
   * @param sendTimeoutMs how long the agency may take to receive one; then the connection is reset.
   */
  constructor(
    private readonly channel: FramedSocket<LotteryMessage>,
    private readonly limits: QueueLimits,
    private readonly sendTimeoutMs: number,
    private readonly owner: AnswerOwner,
  ) {}

  /** How many answers are owed: not known yet, or on their way to the kernel. */
  get owed(): number {
    return this.unsent;
  }

  /** When the last answer had left (on the clock of `performance.now()`), or the queue was made. */
  get lastSentAt(): number {
    return this.sentAt;
  }

  owe(answer: LotteryMessage | Promise<LotteryMessage>): void {
    const owed: OwedAnswer = { message: undefined, failure: undefined };
    this.queue.push(owed);
    this.unsent++;
    if (!(answer instanceof Promise)) {
      this.become(owed, answer);
      this.scheduleSending();
      return;
    }
    this.unknown++;
    answer.then(
      (message) => {
        this.become(owed, message);
        this.onKnown(owed);
      },
      (error: unknown) => {
        owed.failure = { error };
        this.onKnown(owed);
      },
    );
  }

  /** Resolves while the queue is below its limits, once no more will be sent, or at `stopWaiting`. */
  async waitForRoom(): Promise<void> {
    if (this.hasRoom || this.failed) return;
    await new Promise<void>((resolve) => {
      this.roomWanted = resolve;
    });
  }

  stopWaiting(): void {
    this.roomWanted?.();
    this.roomWanted = undefined;
  }

  /** Resolves once every answer owed so far is known and handed to the connection, or dropped. */
  async settled(): Promise<void> {
    if (this.isSettled) return;
    await new Promise<void>((resolve) => {
      this.settlementWanted = resolve;
    });
  }

  private get hasRoom(): boolean {
    return this.unsent < this.limits.responses && this.unsentBytes < this.limits.bytes;
  }

  private get isSettled(): boolean {
    return this.unknown === 0 && this.queue.length === 0;
  }

  private become(owed: OwedAnswer, message: LotteryMessage): void {
    owed.message = message;
    this.unsentBytes += message.value.length;
  }

  private onKnown(owed: OwedAnswer): void {
    this.unknown--;
    if (owed === this.queue[0]) this.scheduleSending();
    else this.tellIfSettled();
  }

  /** What becomes known in this turn leaves together: promises are settled before the next tick. */
  private scheduleSending(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    process.nextTick(() => this.sendKnown());
  }

  private sendKnown(): void {
    this.scheduled = false;
    const unknown = this.queue.findIndex(({ message }) => message === undefined);
    const known = unknown === -1 ? this.queue : this.queue.slice(0, unknown);
    this.queue = unknown === -1 ? [] : this.queue.slice(unknown);
    if (known.length > 0) this.send(known.map(({ message }) => message!));
    const failure = this.queue[0]?.failure;
    if (failure !== undefined) this.fail(failure.error);
    this.tellIfSettled();
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
    this.queue = [];
    if (this.failed) return;
    this.failed = true;
    this.owner.onAnswerFailed(error);
    this.stopWaiting();
  }

  private tellIfSettled(): void {
    if (this.isSettled) this.settlementWanted?.();
  }
}
