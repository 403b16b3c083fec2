import { setTimeout as delay } from 'node:timers/promises';
import { inject, injectable } from 'inversify';
import { type ConnectSocket, FramedSocket, SocketError } from '../../../lib/index';
import { createAgencyCodec } from '../../protocol/messages';
import { ProtocolError } from '../../protocol/protocol_error';
import { type ActionLog } from '../../runtime/action_log';
import { type ClientSettings } from '../settings';
import { StoppedError } from '../stop';
import { TOKENS } from '../tokens';
import { LotteryClient, ServerEndedError } from './lottery_client';

/** Creates the socket of one connection to the server. */
export type SocketFactory = () => ConnectSocket;

const CONNECT_TIMEOUT_MS = 5_000;

/** The backoff in milliseconds doubles from the first to the longest. Half of it is random (jitter). */
const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5_000;

/** Time limit for the end of a connection on both sides, in milliseconds. */
const LINGER_MS = 500;

/** Runs the agency's work on a connection to the server, and again on a new one after a transient error. */
@injectable()
export class Reconnector {
  private readonly codec = createAgencyCodec();
  private failures = 0;
  private lastProgress = 0;

  constructor(
    @inject(TOKENS.Settings) private readonly settings: Pick<ClientSettings, 'CLI_RETRY_LIMIT_MS'>,
    @inject(TOKENS.SocketFactory) private readonly createSocket: SocketFactory,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
  ) {}

  /**
   * Runs `work` on a connection, and again on a new one after each transient error: a connection that is refused or
   * lost, or a retryable `E`. It gives up after the retry limit without any progress.
   *
   * @param work begins anew on each connection: the server's count of stored bets is the place to continue.
   * @throws the last error of `work`; StoppedError after `stop` has fired.
   */
  async run<Result>(stop: AbortSignal, work: (client: LotteryClient) => Promise<Result>): Promise<Result> {
    this.recordProgress();
    for (;;) {
      if (stop.aborted) throw new StoppedError('stopped');
      try {
        return await this.runOnce(stop, work);
      } catch (error) {
        if (stop.aborted) throw new StoppedError('stopped', { cause: error });
        if (!isTransient(error)) throw error;
        await this.backOff(error as Error, stop);
      }
    }
  }

  private async runOnce<Result>(stop: AbortSignal, work: (client: LotteryClient) => Promise<Result>): Promise<Result> {
    const socket = this.createSocket();
    await socket.connect({ timeoutMs: CONNECT_TIMEOUT_MS, signal: stop });
    this.log.debug('connect', 'success');
    try {
      return await work(new LotteryClient(new FramedSocket(socket, this.codec), stop, () => this.recordProgress()));
    } finally {
      await socket.lingeringClose({ timeoutMs: LINGER_MS });
      if (stop.aborted) this.log.info('close_connection', 'success');
    }
  }

  /** @throws `error` after the retry limit. */
  private async backOff(error: Error, stop: AbortSignal): Promise<void> {
    const timeLeft = this.lastProgress + this.settings.CLI_RETRY_LIMIT_MS - performance.now();
    if (timeLeft <= 0) throw error;
    const longest = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.failures++);
    const backoffMs = Math.ceil(Math.min(timeLeft, longest * (0.5 + Math.random() / 2)));
    this.log.warning('connect', 'in_progress', { error: error.message, again_in_ms: backoffMs });
    await delay(backoffMs, undefined, { signal: stop }).catch(() => {});
  }

  private recordProgress(): void {
    this.failures = 0;
    this.lastProgress = performance.now();
  }
}

function isTransient(error: unknown): boolean {
  return error instanceof ProtocolError
    ? error.isRetryable
    : error instanceof SocketError || error instanceof ServerEndedError;
}
