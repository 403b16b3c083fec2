import {
  type FramedSocket,
  FrameTooLongError,
  type ReceiveOptions,
  SocketError,
  TimedOutError,
  UnknownTypeError,
} from '../../../lib/index';
import { type LotteryMessage, MessageType, textMessage } from '../../protocol/messages';
import { ProtocolError } from '../../protocol/protocol_error';
import { describePeer } from '../../runtime/describe_peer';
import { StoreError } from '../domain/store_errors';
import { type QueueLimits, ResponseQueue, type SessionResponse } from './response_queue';
import { type SessionContext } from './session_context';
import { SessionProtocol } from './session_protocol';
import { type SessionServices } from './session_services';

/** The clocks of a session, in milliseconds. */
export interface SessionLimits {
  /** From the first byte of a message to its last; also how long the agency may take to receive a response. */
  readonly messageTimeoutMs: number;
  /** How long the agency may be silent while no response to it is due. */
  readonly idleTimeoutMs: number;
  /** How long an `A` may be held before it is answered `W`. */
  readonly longPollMs: number;
}

/**
 * The session stops reading at so many responses that have not left: the batches of an agency that share flushes, or
 * some messages of a long list of winners.
 */
const RESPONSE_LIMITS: QueueLimits = { responses: 64, bytes: 65_536 };

/** The longest wait for the peer's end after a session has ended, so that the `E` reaches a peer that goes on sending. */
const MAX_LINGER_MS = 5_000;

/** The reason of an end that needs no `E`. */
const CONNECTION_GONE = new Error('the connection is gone');

/**
 * One connection of an agency: an async loop from the first message to the end. It reads on while batches are stored,
 * keeps the clocks, and ends once: with the agency's end of the connection, at the first message that the protocol
 * refuses, or on an order of the server. Messages before the end are answered first; messages behind it are not read.
 */
export class AgencySession implements SessionContext {
  private readonly begunAt = performance.now();
  private hasEnded = false;
  /** Made at the first wait on anything but the agency: most sessions need none. */
  private controller: AbortController | undefined;
  private readonly responses: ResponseQueue;
  private readonly protocol: SessionProtocol;
  private isSettled = false;
  private onSettled: (() => void) | undefined;
  private refusal: ProtocolError | undefined;

  constructor(
    private readonly channel: FramedSocket<LotteryMessage>,
    private readonly services: SessionServices,
    private readonly limits: SessionLimits,
  ) {
    this.responses = new ResponseQueue(channel, RESPONSE_LIMITS, limits.messageTimeoutMs, this);
    this.protocol = new SessionProtocol(services, this, limits.longPollMs);
  }

  /** Runs the session; resolves with it, and never rejects, when its connection is closed. */
  run(): Promise<this> {
    this.services.activity.sessionOpened();
    return this.converse();
  }

  async supersede(): Promise<void> {
    this.end(new ProtocolError('superseded', 'a newer session of this agency took over'));
    if (this.isSettled) return;
    await new Promise<void>((resolve) => {
      this.onSettled = resolve;
    });
  }

  /** Ends the session because the server stops: what is in flight is stored and answered, nothing more is read. */
  shutDown(): void {
    this.end(new ProtocolError('shutting-down', 'the server is stopping'));
  }

  /** Closes the connection without another message. */
  async cut(): Promise<void> {
    await this.channel.close();
  }

  get ending(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.hasEnded) this.controller.abort();
      // A read notices a lost connection by itself; other waits do not.
      void this.channel.socket.closed.then(() => this.end());
    }
    return this.controller.signal;
  }

  throwIfEnding(): void {
    if (this.hasEnded) throw this.refusal ?? CONNECTION_GONE;
  }

  /**
   * The first error decides what the agency is sent. A batch that was not stored comes before what stood behind it, and
   * before a stop of the server.
   */
  fail(error: unknown): void {
    const refusal = this.refusalFor(error);
    if (error instanceof StoreError && this.refusal !== undefined && this.refusal.code !== 'superseded') {
      this.refusal = refusal;
    }
    this.end(refusal);
  }

  /** The session's fields in the log. */
  describe(): Record<string, string | number> {
    return { agency: this.protocol.agencyId, ...describePeer(this.channel.socket) };
  }

  /** The variables in scope here live as long as an agency is silent (docs/decisions/0006): there are none but `this`. */
  private async converse(): Promise<this> {
    while (!this.hasEnded) {
      try {
        const message = this.channel.tryReceive() ?? (await this.channel.receive(this.receiveOptions));
        if (message === null) break;
        await this.respond(await this.protocol.handle(message));
      } catch (error) {
        if (!this.isOfDueResponse(error)) this.fail(error);
      }
    }
    return this.conclude();
  }

  /** Enqueues the responses, each once there is room for it, and waits until there is room for more. */
  private async respond(responses: Iterable<SessionResponse>): Promise<void> {
    for (const response of responses) {
      this.responses.enqueue(response);
      await this.responses.waitForRoom();
      this.throwIfEnding();
    }
  }

  private async conclude(): Promise<this> {
    await this.responses.settled();
    this.protocol.end();
    this.isSettled = true;
    this.onSettled?.();
    await this.sendErrorAndClose();
    this.services.activity.sessionClosed(performance.now() - this.begunAt);
    this.services.log.debug('close_session', 'success', this.describe());
    return this;
  }

  private get receiveOptions(): ReceiveOptions {
    const { idleTimeoutMs, messageTimeoutMs } = this.limits;
    const timeLeft = Math.max(1, Math.ceil(idleTimeoutMs - this.silenceMs()));
    return timeLeft === idleTimeoutMs ? this.limits : { idleTimeoutMs: timeLeft, messageTimeoutMs };
  }

  /** The idle clock is for the agency's silence only: time during which a response was due does not count. */
  private isOfDueResponse(error: unknown): boolean {
    return error instanceof TimedOutError && error.clock === 'idle' && this.silenceMs() < this.limits.idleTimeoutMs;
  }

  private silenceMs(): number {
    return this.responses.length > 0 ? 0 : performance.now() - this.responses.lastSentAt;
  }

  private end(refusal?: ProtocolError): void {
    if (!this.hasEnded) this.refusal ??= refusal;
    this.hasEnded = true;
    this.channel.socket.cancelRead(refusal);
    this.controller?.abort(refusal);
    this.responses.stopWaiting();
  }

  private refusalFor(error: unknown): ProtocolError | undefined {
    if (error instanceof ProtocolError) return error;
    if (error instanceof FrameTooLongError) return new ProtocolError('too-long', error.message, { cause: error });
    if (error instanceof UnknownTypeError) return new ProtocolError('bad-type', error.message, { cause: error });
    if (error instanceof TimedOutError && error.operation === 'receive') {
      return new ProtocolError('timeout', error.message, { cause: error });
    }
    if (error instanceof StoreError) return new ProtocolError('storage', error.message, { cause: error });
    const isForeseen = error instanceof SocketError || error === CONNECTION_GONE;
    if (!isForeseen) this.services.log.error('session', 'fail', { error: String(error) });
    return undefined;
  }

  private async sendErrorAndClose(): Promise<void> {
    const lingerMs = Math.min(MAX_LINGER_MS, this.limits.messageTimeoutMs);
    if (this.refusal !== undefined) {
      this.services.log.info('session', 'fail', { ...this.describe(), error: this.refusal.message });
      const { code, detail } = this.refusal;
      this.services.activity.sessionRefused(this.protocol.agencyId, code);
      // Nothing depends on it: the peer may be gone, or may not read.
      await this.channel
        .send(textMessage(MessageType.error, `${code}: ${detail}`), { timeoutMs: lingerMs })
        .catch(() => {});
    }
    await this.channel.socket.lingeringClose({ timeoutMs: lingerMs });
  }
}
