import { setTimeout as delay } from 'node:timers/promises';
import {
  type FramedSocket,
  FrameTooLongError,
  type ReceiveOptions,
  SocketError,
  TimedOutError,
  type TlsInfo,
  UnknownTypeError,
} from '../../../lib/index';
import { type LotteryMessage, messageBytes, MessageType, textMessage } from '../../protocol/messages';
import { PROTOCOL_ERROR_CODES, ProtocolError, type ProtocolErrorCode } from '../../protocol/protocol_error';
import { describePeer } from '../../runtime/action_log';
import { type AgencyClaim } from '../domain/agency_claim';
import { ClaimSupersededError, StoreError } from '../domain/store_errors';
import { type Traffic } from '../limits/traffic';
import { type QueueLimits, ResponseQueue, type SessionResponse } from './response_queue';
import { type SessionContext } from './session_context';
import { SessionProtocol } from './session_protocol';
import { type SessionServices } from './session_services';

/** The deadlines of a session, in milliseconds. */
export interface SessionLimits {
  /** From the first byte of a message to its last; also the limit for the delivery of a response. */
  readonly messageTimeoutMs: number;
  /** The longest silence of the agency while no response is pending. */
  readonly idleTimeoutMs: number;
  /** The longest delay of a `W` response to an `A`. */
  readonly longPollMs: number;
  /** From the beginning to the last byte of the first message. Undefined: no limit. */
  readonly unnamedTimeoutMs?: number | undefined;
  /** From the beginning to the end. Undefined: no limit. */
  readonly lifetimeMs?: number | undefined;
}

/**
 * Bounds of the unsent responses, at which the session stops reading. They leave room for the batches of an agency that
 * share flushes, and for some messages of a long list of winners.
 */
const RESPONSE_LIMITS: QueueLimits = { responses: 64, bytes: 65_536 };

/**
 * The longest wait for the peer's end of stream after the session's end, so that the `E` reaches a peer that is still
 * sending.
 */
const MAX_LINGER_MS = 5_000;

/** The codes of an `E` that count as refusals of the agency, and of its address. */
const CAUSED_BY_AGENCY: ReadonlySet<ProtocolErrorCode> = new Set(
  PROTOCOL_ERROR_CODES.filter((code) => !['superseded', 'busy', 'storage', 'shutting-down'].includes(code)),
);

/** The reason of an end without an `E`. */
const CONNECTION_GONE = new Error('the connection is gone');

/**
 * One connection of an agency: an async loop from the first message to the end. It reads further messages during the
 * storage of batches and enforces the deadlines. It ends once: at the agency's end of stream, at the first refused
 * message, or by order of the server. Messages before the end get their responses; later messages are not read.
 */
export class AgencySession implements SessionContext {
  private readonly startedAt = performance.now();
  private hasEnded = false;
  /** Created at the first wait other than a read (docs/decisions/0006, rule 2). */
  private controller: AbortController | undefined;
  private readonly responses: ResponseQueue;
  private readonly protocol: SessionProtocol;
  private isSettled = false;
  private onSettled: (() => void) | undefined;
  private onEnded: ((session: this) => void) | undefined;
  private refusal: ProtocolError | undefined;

  /** @param certified the agency of the peer's certificate; undefined if the session may name any agency. */
  constructor(
    private readonly channel: FramedSocket<LotteryMessage>,
    private readonly services: SessionServices,
    private readonly limits: SessionLimits,
    /** Its `leave` is called at the end of the session. */
    private readonly traffic?: Traffic | undefined,
    certified?: number,
  ) {
    this.responses = new ResponseQueue(channel, RESPONSE_LIMITS, limits.messageTimeoutMs, this);
    this.protocol = new SessionProtocol(services, this, limits.longPollMs, certified);
  }

  /**
   * Runs the session. Resolves after its connection has closed, and never rejects.
   *
   * @param onEnded called before that; a `then` would cost a promise for each session (docs/decisions/0006).
   */
  run(onEnded?: (session: this) => void): Promise<this> {
    this.onEnded = onEnded;
    this.services.activity.sessionOpened();
    return this.runLoop();
  }

  async supersede(): Promise<void> {
    this.end(superseded());
    if (this.isSettled) return;
    await new Promise<void>((resolve) => {
      this.onSettled = resolve;
    });
  }

  /** Ends the session at a stop of the server: messages in flight are stored and answered, no more are read. */
  shutDown(): void {
    this.end(new ProtocolError('shutting-down', 'the server is stopping'));
  }

  /** Closes the connection without another message. */
  async cut(): Promise<void> {
    await this.channel.close();
  }

  /** The TLS connection; undefined over plain TCP. */
  get tls(): TlsInfo | undefined {
    return this.channel.socket.tls;
  }

  get claim(): AgencyClaim | undefined {
    return this.protocol.claim;
  }

  get ending(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.hasEnded) this.controller.abort();
      // A read detects a lost connection by itself; other waits do not.
      void this.channel.socket.closed.then(() => this.end());
    }
    return this.controller.signal;
  }

  throwIfEnding(): void {
    if (this.hasEnded) throw this.refusal ?? CONNECTION_GONE;
  }

  /**
   * Ends the session with the error; the first error determines the `E`. A storage error takes precedence over an error
   * of a later message and over a stop of the server.
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

  /**
   * A function without local variables, because it is suspended during the agency's silence (docs/decisions/0006, rule
   * 7).
   */
  private async runLoop(): Promise<this> {
    while (!this.hasEnded) {
      try {
        const message = this.channel.tryReceive() ?? (await this.channel.receive(this.receiveOptions));
        if (message === null) break;
        if (this.mustPause(message)) await this.pause();
        await this.respond(await this.protocol.handle(message));
      } catch (error) {
        if (!this.isDuringPendingResponse(error)) this.fail(error);
      }
    }
    return this.finish();
  }

  /**
   * Counts the message. Over the rates of its address or agency the session pauses: further bytes fill the buffer of the socket,
   * then that of the agency's system, so the agency waits and loses nothing.
   */
  private mustPause(message: LotteryMessage): boolean {
    const now = performance.now();
    if (this.lifeLeftMs(now) <= 0) throw this.lifetimeExpired();
    if (this.traffic === undefined) return false;
    this.traffic.onMessage(messageBytes(message), now);
    if (this.traffic.overdrawnMs(now) <= 0) return false;
    this.services.activity.limitReached(this.traffic.overdrawnLimit(now));
    return true;
  }

  /** Waits until the messages that its address and agency have sent so far are within the rates. */
  private async pause(): Promise<void> {
    const milliseconds = Math.ceil(this.traffic!.overdrawnMs(performance.now()));
    await delay(milliseconds, undefined, { signal: this.ending }).catch(() => {});
    this.throwIfEnding();
  }

  /** Enqueues each response once there is room for it, then waits for room for the next one. */
  private async respond(responses: Iterable<SessionResponse>): Promise<void> {
    for (const response of responses) {
      this.responses.enqueue(response);
      await this.responses.waitForRoom();
      this.throwIfEnding();
    }
  }

  private async finish(): Promise<this> {
    await this.responses.settled();
    this.protocol.end();
    this.isSettled = true;
    this.onSettled?.();
    await this.sendErrorAndClose();
    this.traffic?.leave(performance.now());
    this.services.activity.sessionClosed(performance.now() - this.startedAt);
    this.services.log.debug('close_session', 'success', this.describe());
    this.onEnded?.(this);
    return this;
  }

  private get receiveOptions(): ReceiveOptions {
    const { idleTimeoutMs, messageTimeoutMs, unnamedTimeoutMs: timeoutMs } = this.limits;
    const timeLeft = Math.min(idleTimeoutMs - this.idleMs(), this.lifeLeftMs(performance.now()));
    const rounded = Math.max(1, Math.ceil(timeLeft));
    // The first message names the session, or ends it.
    if (this.protocol.agencyId === 0 && timeoutMs !== undefined)
      return { idleTimeoutMs: rounded, messageTimeoutMs, timeoutMs };
    return rounded === idleTimeoutMs ? this.limits : { idleTimeoutMs: rounded, messageTimeoutMs };
  }

  /** Whether a response was pending during the expired idle deadline. Such time does not count as silence. */
  private isDuringPendingResponse(error: unknown): boolean {
    if (!(error instanceof TimedOutError) || error.clock !== 'idle') return false;
    return this.idleMs() < this.limits.idleTimeoutMs && this.lifeLeftMs(performance.now()) > 0;
  }

  private lifeLeftMs(now: number): number {
    const { lifetimeMs } = this.limits;
    return lifetimeMs === undefined ? Infinity : this.startedAt + lifetimeMs - now;
  }

  private lifetimeExpired(cause?: Error): ProtocolError {
    this.services.activity.limitReached('lifetime');
    return new ProtocolError('timeout', `no session may last longer than ${this.limits.lifetimeMs} ms`, { cause });
  }

  private timeoutFor(error: TimedOutError): ProtocolError {
    if (this.lifeLeftMs(performance.now()) <= 0) return this.lifetimeExpired(error);
    if (error.clock !== 'call') return new ProtocolError('timeout', error.message, { cause: error });
    this.services.activity.limitReached('unnamed');
    const text = `the session had no name after ${this.limits.unnamedTimeoutMs} ms`;
    return new ProtocolError('timeout', text, { cause: error });
  }

  private idleMs(): number {
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
    if (error instanceof TimedOutError && error.operation === 'receive') return this.timeoutFor(error);
    if (error instanceof ClaimSupersededError) return superseded(error);
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
      if (CAUSED_BY_AGENCY.has(code)) this.traffic?.onRefused(performance.now());
      // A failed send is ignored: the peer may be gone, or may not read.
      await this.channel
        .send(textMessage(MessageType.error, `${code}: ${detail}`), { timeoutMs: lingerMs })
        .catch(() => {});
    }
    await this.channel.socket.lingeringClose({ timeoutMs: lingerMs });
  }
}

function superseded(cause?: Error): ProtocolError {
  return new ProtocolError('superseded', 'a newer session of this agency took over', { cause });
}
