import { type Address } from '../../address';
import { type AbortableWait, AbortWatch } from '../../async/abort_watch';
import { type WaitOptions } from '../../async/deadlines';
import { Deferred, rejection } from '../../async/deferred';
import { Waiter } from '../../async/waiter';
import { AbortedError, AcceptFailedError, SocketClosedError, SocketError } from '../../errors';
import { type PeerSocket } from '../peer_socket';
import { AddressLimits } from './address_limits';
import { type Admission } from './arrival';
import { type RefusalReason } from './counters';
import { type ListenerActivity } from './listener_activity';
import { addressGroup } from './address_group';
import { ConnectRate } from './connect_rate';
import { type ConnectionHandler, type ServeSettings } from './serve_options';

/**
 * After a failure of accept(2), further ones are counted and not reported for this time, in milliseconds: a shortage
 * fails every attempt, and neither Node nor libuv can stop to accept for a while.
 */
const ACCEPT_REPORT_PAUSE_MS = 100;

/**
 * The work of `ListenSocket.serve`: it admits connections or refuses them, runs a handler for each, and ends when the
 * listener is closed and the last connection has ended.
 *
 * A connection counts from `admit` to the end of its handler. Its TLS handshake is between the two; a connection that does
 * not come through is given back by `withdraw`.
 */
export class Service implements AbortableWait {
  private readonly limits: AddressLimits;
  /** The answers to refused connections of each address; undefined without a limit. */
  private readonly answers: ConnectRate | undefined;
  /** The connections with a handler, those with the handler of refused connections included. */
  private readonly peers = new Set<PeerSocket>();
  private readonly end = new Deferred<void>();
  private admitted = 0;
  private refusing = 0;
  private isListening = true;
  private isDrained = false;
  private nextAcceptReportAt = 0;

  constructor(
    private readonly handler: ConnectionHandler,
    private readonly settings: ServeSettings,
    private readonly activity: ListenerActivity,
    private readonly closeListener: () => void,
  ) {
    this.limits = new AddressLimits(settings);
    const { answersPerSecond, maxRefusing } = settings;
    if (answersPerSecond !== undefined) this.answers = new ConnectRate(answersPerSecond, Math.max(1, maxRefusing));
    if (settings.signal !== undefined) AbortWatch.of(settings.signal).add(this);
  }

  /** Resolves, and never rejects, when the listener is closed and every connection has ended. */
  get ended(): Promise<void> {
    return this.end.promise;
  }

  onAbort(): void {
    this.closeListener();
  }

  /** The listener is closed: no connection comes any more. */
  onListenerClosed(): void {
    this.isListening = false;
    if (this.settings.signal !== undefined) AbortWatch.of(this.settings.signal).remove(this);
    this.endIfDone();
  }

  onAcceptFailed(error: AcceptFailedError): void {
    const now = performance.now();
    if (now < this.nextAcceptReportAt) return;
    this.nextAcceptReportAt = now + ACCEPT_REPORT_PAUSE_MS;
    this.report(error, undefined);
  }

  /**
   * Decides on a new connection.
   *
   * @returns undefined if it is to be reset. Else `run` or `withdraw` follows, once.
   */
  admit(remote: Address | undefined): Admission | undefined {
    const reason = this.reasonAgainst(remote);
    if (reason === undefined) {
      this.admitted++;
      return 'admitted';
    }
    this.activity.connectionRefused(reason, remote);
    if (this.mayAnswer(remote)) {
      this.refusing++;
      return reason;
    }
    this.onReset(reason, remote);
    return undefined;
  }

  /** Gives back the place of a connection that has ended before its handler. */
  withdraw(remote: Address | undefined, admission: Admission): void {
    if (admission === 'admitted') this.leave(remote);
    else this.refusing--;
    this.endIfDone();
  }

  /** A connection was refused by a reset. */
  onReset(reason: RefusalReason, remoteAddress: Address | undefined): void {
    if (this.settings.onRefused === undefined) return;
    void this.failureOf(this.answer(reason, remoteAddress, undefined)).then((failure) => {
      if (failure !== undefined) this.onHandlerFailed(failure.error, undefined);
    });
  }

  /** Runs the handler of an admitted connection, or answers a refused one. */
  run(peer: PeerSocket, admission: Admission): void {
    this.peers.add(peer);
    if (admission === 'admitted') this.serve(peer);
    else void this.refuse(peer, admission);
  }

  /**
   * Waits for the end of every connection, and resets those that are left after the time limit or the abort.
   *
   * @returns the number of connections that were reset; those that their handlers were closing are cut off, and not
   * counted.
   */
  async drain(options: WaitOptions): Promise<number> {
    const waiter = new Waiter<void>('accept', {}, options);
    void this.ended.then(() => waiter.resolve());
    if (options.signal?.aborted === true) waiter.reject(options.signal.reason);
    await waiter.promise.catch(() => undefined);
    this.isDrained = true;
    const left = Array.from(this.peers);
    const inUse = left.filter((peer) => !peer.isClosed).length;
    for (const peer of left) peer.reset();
    await Promise.all(left.map(async (peer) => peer.closed));
    return inUse;
  }

  private reasonAgainst(remote: Address | undefined): RefusalReason | undefined {
    if (this.admitted >= this.settings.maxConnections) return 'maxConnections';
    if (this.settings.admit?.(remote) === false) return 'admit';
    if (!this.limits.isActive || remote?.host === undefined) return undefined;
    return this.limits.enter(remote.host, performance.now());
  }

  private mayAnswer(remote: Address | undefined): boolean {
    const { onRefused, maxRefusing } = this.settings;
    if (onRefused === undefined || this.refusing >= maxRefusing) return false;
    if (this.answers === undefined || remote?.host === undefined) return true;
    return this.answers.take(addressGroup(remote.host), performance.now());
  }

  private leave(remote: Address | undefined): void {
    this.admitted--;
    if (remote?.host !== undefined) this.limits.leave(remote.host);
  }

  /** One bound function: closures, or the suspended frame of an async function, take more memory (docs/decisions/0006). */
  private serve(peer: PeerSocket): void {
    this.activity.connectionAccepted();
    this.activity.handlerStarted(peer);
    const result = this.resultOf(peer);
    const finish = this.finish.bind(this, peer, result);
    result.then(finish, finish);
  }

  private resultOf(peer: PeerSocket): Promise<unknown> {
    try {
      return Promise.resolve(this.handler(peer));
    } catch (error) {
      return rejection(error);
    }
  }

  /** @param result of the handler; it is settled. */
  private async finish(peer: PeerSocket, result: Promise<unknown>): Promise<void> {
    const failure = await this.failureOf(result);
    await peer.close();
    this.leave(peer.remoteAddress);
    this.activity.handlerEnded(peer, failure?.error);
    this.forget(peer);
    if (failure !== undefined) this.onHandlerFailed(failure.error, peer);
  }

  private async refuse(peer: PeerSocket, reason: RefusalReason): Promise<void> {
    const failure = await this.failureOf(this.answer(reason, peer.remoteAddress, peer));
    await peer.close();
    this.refusing--;
    this.forget(peer);
    if (failure !== undefined) this.onHandlerFailed(failure.error, peer);
  }

  private async answer(reason: RefusalReason, remoteAddress: Address | undefined, peer?: PeerSocket): Promise<void> {
    await this.settings.onRefused!({ reason, remoteAddress, peer });
  }

  private async failureOf(result: Promise<unknown>): Promise<{ readonly error: unknown } | undefined> {
    try {
      await result;
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  private onHandlerFailed(error: unknown, peer: PeerSocket | undefined): void {
    if (this.isOwnStop(error, peer)) return;
    this.activity.handlerFailed();
    this.report(error, peer);
  }

  /** Whether the error of a handler comes from a stop by this side, of the service or of the peer's connection: no failure. */
  private isOwnStop(error: unknown, peer: PeerSocket | undefined): boolean {
    if (error instanceof AbortedError) return this.settings.signal?.aborted === true;
    if (!(error instanceof SocketClosedError)) return false;
    return this.isDrained || (peer !== undefined && error.isOf(peer.endpoints));
  }

  private report(error: unknown, peer: PeerSocket | undefined): void {
    (this.settings.onError ?? warn)(error, peer);
  }

  private forget(peer: PeerSocket): void {
    this.peers.delete(peer);
    this.endIfDone();
  }

  private endIfDone(): void {
    if (!this.isListening && this.admitted === 0 && this.refusing === 0) this.end.resolve();
  }
}

/** Errors of one connection say nothing about the program; all others do. */
function warn(error: unknown): void {
  if (error instanceof SocketError && !(error instanceof AcceptFailedError)) return;
  process.emitWarning(error instanceof Error ? error : String(error));
}
