import { setTimeout as delay } from 'node:timers/promises';
import { inject, injectable } from 'inversify';
import { type ConnectSocket, FramedSocket, SocketError } from '../../../lib/index';
import { createAgencyCodec } from '../../protocol/messages';
import { ProtocolError } from '../../protocol/protocol_error';
import { type ActionLog } from '../../runtime/action_log';
import { type HostAndPort } from '../../runtime/setting_schemas';
import { type ClientSettings } from '../settings';
import { StoppedError } from '../stop';
import { TOKENS } from '../tokens';
import { type Endpoint } from './endpoint_finder';
import { type EndpointRounds } from './endpoint_rounds';
import { DigestUnsupportedError, LotteryClient, ServerEndedError } from './lottery_client';
import { NameLookupError } from './name_resolver';

/** Creates the socket of one connection. The host is an IP address. */
export type SocketFactory = (target: HostAndPort) => ConnectSocket;

/**
 * Milliseconds for a connection, and for one among several endpoints. Linux repeats a lost SYN after 1 s (RFC 6298,
 * section 2.1): one repetition is within both.
 */
const CONNECT_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_AMONG_SEVERAL_MS = 1_500;

/** The longest pause in milliseconds before the next endpoint of a round. It is random (jitter), from 0 on. */
const LONGEST_MOVE_PAUSE_MS = 200;

/** The backoff between rounds in milliseconds doubles from the first to the longest. Half of it is random (jitter). */
const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5_000;

/** Time limit for the end of a connection on both sides, in milliseconds. */
const LINGER_MS = 500;

/**
 * Runs the agency's work on a connection to a server, and after a transient error on another one: to the next endpoint
 * of the round, or after a backoff to the first one of the next round.
 */
@injectable()
export class Reconnector {
  private readonly codec = createAgencyCodec();
  /** The number of rounds without progress. */
  private failedRounds = 0;
  private lastProgress = 0;
  /** Whether there was progress since the last choice of an endpoint. */
  private hasProgressed = false;

  constructor(
    @inject(TOKENS.Settings) private readonly settings: Pick<ClientSettings, 'CLI_RETRY_LIMIT_MS'>,
    @inject(TOKENS.EndpointRounds) private readonly rounds: EndpointRounds,
    @inject(TOKENS.SocketFactory) private readonly createSocket: SocketFactory,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
  ) {}

  /**
   * Runs `work` on a connection, and again on a new one after each transient error: a connection that is refused or
   * lost, an unknown name, a retryable `E`, or a server without digests. It gives up after the retry limit without any progress, but not before
   * an attempt at each endpoint.
   *
   * @param work begins anew on each connection: the server's count of stored bets is the place to continue.
   * @throws the last error of `work`; StoppedError after `stop` has fired.
   */
  async run<Result>(stop: AbortSignal, work: (client: LotteryClient) => Promise<Result>): Promise<Result> {
    this.recordProgress();
    for (;;) {
      if (stop.aborted) throw new StoppedError('stopped');
      const endpoint = await this.rounds.next(stop);
      this.hasProgressed = false;
      try {
        return await this.runAt(endpoint, stop, work);
      } catch (error) {
        if (stop.aborted) throw new StoppedError('stopped', { cause: error });
        if (!isTransient(error)) throw error;
        await this.pause(endpoint, error as Error, stop);
      }
    }
  }

  private async runAt<Result>(
    { name, target }: Endpoint,
    stop: AbortSignal,
    work: (client: LotteryClient) => Promise<Result>,
  ): Promise<Result> {
    if (target instanceof NameLookupError) throw target;
    const socket = this.createSocket(target);
    const timeoutMs = this.rounds.size === 1 ? CONNECT_TIMEOUT_MS : CONNECT_TIMEOUT_AMONG_SEVERAL_MS;
    await socket.connect({ timeoutMs, signal: stop });
    this.log.debug('connect', 'success', { server: name });
    try {
      const channel = new FramedSocket(socket, this.codec);
      return await work(new LotteryClient(channel, stop, name, () => this.recordProgress()));
    } finally {
      await socket.lingeringClose({ timeoutMs: LINGER_MS });
      if (stop.aborted) this.log.info('close_connection', 'success');
    }
  }

  /**
   * Waits before the next attempt.
   *
   * @throws `error` after the retry limit.
   */
  private async pause(failed: Endpoint, error: Error, stop: AbortSignal): Promise<void> {
    if (this.hasProgressed) this.rounds.restart();
    const { isOver, nextName } = this.rounds;
    const timeLeft = this.lastProgress + this.settings.CLI_RETRY_LIMIT_MS - performance.now();
    if (timeLeft <= 0 && (isOver || this.failedRounds > 0)) throw error;
    const pauseMs = isOver
      ? Math.ceil(Math.min(timeLeft, this.nextBackoffMs()))
      : Math.floor(Math.random() * LONGEST_MOVE_PAUSE_MS);
    const fields = { server: failed.name, error: error.message, next: nextName, again_in_ms: pauseMs };
    this.log.warning('connect', 'in_progress', fields);
    await delay(pauseMs, undefined, { signal: stop }).catch(() => {});
  }

  private nextBackoffMs(): number {
    const longest = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.failedRounds++);
    return longest * (0.5 + Math.random() / 2);
  }

  private recordProgress(): void {
    this.hasProgressed = true;
    this.failedRounds = 0;
    this.lastProgress = performance.now();
  }
}

const TRANSIENT = [SocketError, ServerEndedError, NameLookupError, DigestUnsupportedError];

function isTransient(error: unknown): boolean {
  if (error instanceof ProtocolError) return error.isRetryable;
  return TRANSIENT.some((kind) => error instanceof kind);
}
