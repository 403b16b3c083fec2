import {
  FrameTooLongError,
  type FramedSocket,
  type ReceiveOptions,
  SocketError,
  TimedOutError,
  UnknownTypeError,
} from '../../../lib/index';
import { type LotteryMessage, MessageType, textMessage } from '../../protocol/messages';
import { ProtocolError } from '../../protocol/protocol_error';
import { AgencyConversation, type ConversationHost, type LotteryServices } from './session_protocol';
import { type AnswerOwner, AnswerQueue, type QueueLimits } from './response_queue';
import { describePeer } from '../../runtime/describe_peer';
import { StoreBrokenError, StoreError } from '../domain/store_errors';

/** The clocks of a session, in milliseconds. */
export interface SessionLimits {
  /** From the first byte of a message to its last; also how long the agency may take to receive an answer. */
  readonly messageTimeoutMs: number;
  /** How long the agency may be silent while the server owes it nothing. */
  readonly idleTimeoutMs: number;
  /** How long an `A` may be held before it is answered `W`. */
  readonly waitHoldMs: number;
}

/** Who runs the sessions. */
export interface SessionOwner {
  /** The session's connection is closed. */
  onSessionEnded(session: AgencySession): void;
  /** Nothing can be stored any more. */
  onStoreBroken(error: StoreBrokenError): void;
}

/**
 * The session stops reading at so many responses that have not left: the batches of an agency that share flushes, or
 * some messages of a long list of winners.
 */
const RESPONSE_LIMITS: QueueLimits = { responses: 64, bytes: 65_536 };

/** How long an agency is waited for that does not end after the session has, so that the last words reach it. */
const MAX_LINGER_MS = 5_000;

/** What ends a conversation whose agency nobody needs to be told anything any more. */
const CONNECTION_GONE = new Error('the connection is gone');

/**
 * One connection of an agency: an async loop from the first message to the end. It reads on while batches are stored,
 * keeps the clocks, and ends once: when the agency does, at the first message that the protocol refuses, or when it is
 * told to. What came before the end is answered first; what stands behind it is not looked at.
 */
export class AgencySession implements ConversationHost, AnswerOwner {
  private readonly begunAt = performance.now();
  private hasEnded = false;
  /** Only for those who wait for something else than the agency: most sessions need none. */
  private controller: AbortController | undefined;
  private readonly answers: AnswerQueue;
  private readonly conversation: AgencyConversation;
  private isSettled = false;
  private successor: (() => void) | undefined;
  private refusal: ProtocolError | undefined;

  constructor(
    private readonly channel: FramedSocket<LotteryMessage>,
    private readonly services: LotteryServices,
    private readonly limits: SessionLimits,
    private readonly owner: SessionOwner,
  ) {
    const { messageTimeoutMs, waitHoldMs } = limits;
    this.answers = new AnswerQueue(channel, RESPONSE_LIMITS, messageTimeoutMs, this);
    this.conversation = new AgencyConversation(services, this, waitHoldMs);
  }

  /** Runs the session; resolves, and never rejects, when its connection is closed. */
  run(): Promise<void> {
    this.services.activity.sessionOpened();
    return this.converse();
  }

  async supersede(): Promise<void> {
    this.end(new ProtocolError('superseded', 'a newer session of this agency took over'));
    if (this.isSettled) return;
    await new Promise<void>((resolve) => {
      this.successor = resolve;
    });
  }

  /** Ends the session because the server does: what is in flight is stored and answered, nothing more is read. */
  shutDown(): void {
    this.end(new ProtocolError('shutting-down', 'the server is stopping'));
  }

  /** Closes the connection without another word. */
  async cut(): Promise<void> {
    await this.channel.close();
  }

  get ending(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.hasEnded) this.controller.abort();
      // A read tells that the connection is gone; other waits must be told.
      void this.channel.socket.closed.then(() => this.end());
    }
    return this.controller.signal;
  }

  throwIfEnding(): void {
    if (this.hasEnded) throw this.refusal ?? CONNECTION_GONE;
  }

  waitForRoom(): Promise<void> {
    return this.answers.waitForRoom();
  }

  owe(answer: LotteryMessage | Promise<LotteryMessage>): void {
    this.answers.owe(answer);
  }

  onAnswerFailed(error: unknown): void {
    this.endBecause(error);
  }

  /** What the log says of the session. */
  describe(): Record<string, string | number> {
    return { agency: this.conversation.agencyId, ...describePeer(this.channel.socket) };
  }

  /** What is in scope here costs memory for each agency that is silent: nothing is that is not needed then. */
  private async converse(): Promise<void> {
    while (!this.hasEnded) {
      try {
        const message = this.channel.tryReceive() ?? (await this.channel.receive(this.receiveOptions));
        if (message === null) break;
        await this.conversation.handle(message);
        await this.answers.waitForRoom();
      } catch (error) {
        if (!this.isOfAnAnswerOwed(error)) this.endBecause(error);
      }
    }
    return this.conclude();
  }

  private async conclude(): Promise<void> {
    await this.answers.settled();
    this.conversation.end();
    this.isSettled = true;
    this.successor?.();
    await this.sayLastWords();
    this.services.activity.sessionClosed(performance.now() - this.begunAt);
    this.services.log.debug('close_session', 'success', this.describe());
    this.owner.onSessionEnded(this);
  }

  private get receiveOptions(): ReceiveOptions {
    const { idleTimeoutMs, messageTimeoutMs } = this.limits;
    const timeLeft = Math.max(1, Math.ceil(idleTimeoutMs - this.silenceMs()));
    return timeLeft === idleTimeoutMs ? this.limits : { idleTimeoutMs: timeLeft, messageTimeoutMs };
  }

  /** The idle clock counts the agency's silence only: what it counted while an answer was owed does not hold. */
  private isOfAnAnswerOwed(error: unknown): boolean {
    return error instanceof TimedOutError && error.clock === 'idle' && this.silenceMs() < this.limits.idleTimeoutMs;
  }

  private silenceMs(): number {
    return this.answers.owed > 0 ? 0 : performance.now() - this.answers.lastSentAt;
  }

  /**
   * The first reason to end is the one that is told. That a batch was not stored comes before what stood behind it, and
   * before a stop of the server.
   */
  private endBecause(error: unknown): void {
    const refusal = this.refusalFor(error);
    if (error instanceof StoreError && this.refusal !== undefined && this.refusal.code !== 'superseded') {
      this.refusal = refusal;
    }
    this.end(refusal);
  }

  private end(refusal?: ProtocolError): void {
    if (!this.hasEnded) this.refusal ??= refusal;
    this.hasEnded = true;
    this.channel.socket.cancelRead(refusal);
    this.controller?.abort(refusal);
    this.answers.stopWaiting();
  }

  private refusalFor(error: unknown): ProtocolError | undefined {
    if (error instanceof ProtocolError) return error;
    if (error instanceof FrameTooLongError) return new ProtocolError('too-long', error.message, { cause: error });
    if (error instanceof UnknownTypeError) return new ProtocolError('bad-type', error.message, { cause: error });
    if (error instanceof TimedOutError && error.operation === 'receive') {
      return new ProtocolError('timeout', error.message, { cause: error });
    }
    if (error instanceof StoreBrokenError) this.owner.onStoreBroken(error);
    if (error instanceof StoreError) return new ProtocolError('storage', error.message, { cause: error });
    const isForeseen = error instanceof SocketError || error === CONNECTION_GONE;
    if (!isForeseen) this.services.log.error('session', 'fail', { error: String(error) });
    return undefined;
  }

  private async sayLastWords(): Promise<void> {
    const lingerMs = Math.min(MAX_LINGER_MS, this.limits.messageTimeoutMs);
    if (this.refusal !== undefined) {
      this.services.log.info('session', 'fail', { ...this.describe(), error: this.refusal.message });
      const { code, detail } = this.refusal;
      this.services.activity.sessionRefused(this.conversation.agencyId, code);
      // A peer that is gone, or that does not read, is not told: nothing depends on it.
      await this.channel
        .send(textMessage(MessageType.error, `${code}: ${detail}`), { timeoutMs: lingerMs })
        .catch(() => {});
    }
    await this.channel.socket.lingeringClose({ timeoutMs: lingerMs });
  }
}
