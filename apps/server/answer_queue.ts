import { type MessageChannel } from '../../lib/index';
import { type LotteryMessage } from '../lottery/protocol';

/**
 * The answers that a session owes, sent in the order of the messages they answer: each as soon as it is known and all
 * before it are. Answers that become known together leave together.
 */
export class AnswerQueue {
  private tail: Promise<void> = Promise.resolve();
  private unsent = 0;
  private failed = false;
  private sentAt = performance.now();
  private roomWanted: (() => void) | undefined;

  /**
   * @param limit how many answers may be owed before `waitForRoom` waits.
   * @param sendTimeoutMs how long the agency may take to receive one; then the connection is reset.
   * @param onFailure told once, of the first answer that could not be had or sent; those behind it are dropped.
   */
  constructor(
    private readonly channel: MessageChannel<LotteryMessage>,
    private readonly limit: number,
    private readonly sendTimeoutMs: number,
    private readonly onFailure: (error: unknown) => void,
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
    this.unsent++;
    this.tail = this.tail
      .then(() => answer)
      .then(
        (message) => this.send(message),
        (error: unknown) => this.fail(error),
      );
    // It may fail while those before it are awaited: that is looked at when its turn comes.
    if (answer instanceof Promise) answer.catch(() => {});
  }

  /** Resolves while fewer answers are owed than the limit, once no more will be sent, or at `stopWaiting`. */
  async waitForRoom(): Promise<void> {
    if (this.unsent < this.limit || this.failed) return;
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
    await this.tail;
  }

  private send(message: LotteryMessage): void {
    if (this.failed) return;
    // Not awaited: the answers that become known in this turn leave in one system call.
    this.channel.send(message, { timeoutMs: this.sendTimeoutMs }).then(
      () => this.onSent(),
      (error: unknown) => this.fail(error),
    );
  }

  private onSent(): void {
    this.unsent--;
    this.sentAt = performance.now();
    this.stopWaiting();
  }

  private fail(error: unknown): void {
    if (this.failed) return;
    this.failed = true;
    this.onFailure(error);
    this.stopWaiting();
  }
}
