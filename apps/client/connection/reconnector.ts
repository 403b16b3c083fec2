import { inject, injectable } from 'inversify';
import {
  CertificateRefusedError,
  type ConnectSocket,
  FramedSocket,
  type HandshakeFailure,
  HandshakeFailedError,
  reconnecting,
  SocketError,
} from '../../../lib/index';
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

/** Creates the socket of one connection to an IP address. `host` is the one of the setting. */
export type SocketFactory = (target: HostAndPort, host: string) => ConnectSocket;

/**
 * Milliseconds for a connection, and for one among several endpoints. Linux repeats a lost SYN after 1 s (RFC 6298,
 * section 2.1): one repetition is within both.
 */
const CONNECT_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_AMONG_SEVERAL_MS = 1_500;

/**
 * The pauses in milliseconds. The backoff between rounds doubles from the first to the longest, and half of it is random
 * (jitter). All of the pause before the next endpoint of a round is random.
 */
const BACKOFF = { firstMs: 100, longestMs: 5_000, betweenTargetsMs: 200 };

/** The reasons of a failed TLS handshake that may not be there at the next attempt. All others are of the settings. */
const TRANSIENT_HANDSHAKE_FAILURES: readonly HandshakeFailure[] = ['ended', 'timeout', 'other'];

/** Time limit for the end of a connection on both sides, in milliseconds. */
const LINGER_MS = 500;

/**
 * Runs the agency's work on a connection to a server, and after a transient error on another one: to the next endpoint
 * of the round, or after a backoff to the first one of the next round.
 */
@injectable()
export class Reconnector {
  private readonly codec = createAgencyCodec();

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
    let endpoint: Endpoint;
    const connect = async (): Promise<ConnectSocket> => {
      endpoint = await this.rounds.next(stop);
      return this.connect(endpoint, stop);
    };
    const runWork = (socket: ConnectSocket, progress: () => void): Promise<Result> => {
      const client = new LotteryClient(new FramedSocket(socket, this.codec), stop, endpoint.name, progress);
      return this.runSession(socket, stop, client, work);
    };
    try {
      return await reconnecting(connect, runWork, {
        backoff: BACKOFF,
        limitMs: this.settings.CLI_RETRY_LIMIT_MS,
        signal: stop,
        targets: this.rounds,
        isTransient: (error) => this.isTransient(error),
        onPause: (error, pauseMs) => this.logPause(endpoint, error as Error, pauseMs),
      });
    } catch (error) {
      if (stop.aborted) throw new StoppedError('stopped', { cause: error });
      throw error;
    }
  }

  private async connect({ name, target, host }: Endpoint, stop: AbortSignal): Promise<ConnectSocket> {
    if (target instanceof NameLookupError) throw target;
    const socket = this.createSocket(target, host);
    const timeoutMs = this.rounds.size === 1 ? CONNECT_TIMEOUT_MS : CONNECT_TIMEOUT_AMONG_SEVERAL_MS;
    await socket.connect({ timeoutMs, signal: stop });
    this.log.debug('connect', 'success', { server: name });
    return socket;
  }

  private async runSession<Result>(
    socket: ConnectSocket,
    stop: AbortSignal,
    client: LotteryClient,
    work: (client: LotteryClient) => Promise<Result>,
  ): Promise<Result> {
    try {
      return await work(client);
    } finally {
      await socket.lingeringClose({ timeoutMs: LINGER_MS });
      if (stop.aborted) this.log.info('close_connection', 'success');
    }
  }

  /** A server whose certificate is refused here is final only after an attempt at each of the others. */
  private isTransient(error: unknown): boolean {
    if (error instanceof HandshakeFailedError && !TRANSIENT_HANDSHAKE_FAILURES.includes(error.reason)) {
      return !this.rounds.isOver;
    }
    return isTransient(error);
  }

  private logPause(failed: Endpoint, error: Error, pauseMs: number): void {
    const fields = { server: failed.name, error: error.message, next: this.rounds.nextName, again_in_ms: pauseMs };
    this.log.warning('connect', 'in_progress', fields);
  }
}

const TRANSIENT = [SocketError, ServerEndedError, NameLookupError, DigestUnsupportedError];

function isTransient(error: unknown): boolean {
  if (error instanceof CertificateRefusedError) return false;
  if (error instanceof ProtocolError) return error.isRetryable;
  return TRANSIENT.some((kind) => error instanceof kind);
}
