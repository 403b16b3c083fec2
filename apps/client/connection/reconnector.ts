import { setTimeout as delay } from 'node:timers/promises';
import { inject, injectable } from 'inversify';
import { type ConnectSocket, MessageChannel, SocketError } from '../../../lib/index';
import { createAgencyCodec } from '../../lottery/protocol';
import { ProtocolError } from '../../lottery/protocol_error';
import { type ActionLog } from '../../runtime/action_log';
import { ServerEndedError, StoppedError } from './errors';
import { LotteryClient } from './lottery_client';
import { TOKENS } from '../tokens';

/** Makes the socket of one connection to the server. */
export type SocketFactory = () => ConnectSocket;

const CONNECT_TIMEOUT_MS = 5_000;

/** The pause before another try doubles from the first to the longest; half of it is left to chance. */
const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5_000;

/** How long a connection that is done with may take to end on both sides. */
const LINGER_MS = 500;

/** The agency's way to the server: it makes connections until the agency's work is done, or cannot be. */
@injectable()
export class Reconnector {
  private readonly codec = createAgencyCodec();
  private failures = 0;
  private lastProgress = 0;

  constructor(
    @inject(TOKENS.SocketFactory) private readonly createSocket: SocketFactory,
    @inject(TOKENS.RetryLimitMs) private readonly retryLimitMs: number,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
  ) {}

  /**
   * Runs `work` on a connection, and again on a new one as long as it fails for a reason that a new one may mend: a
   * connection that is refused or lost, or an `E` marked for trying again. It gives up when nothing has got further for
   * the retry limit.
   *
   * @param work begins from the start each time: it asks the server where to go on.
   * @throws what `work` threw last; StoppedError once `stop` has fired.
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
      return await work(new LotteryClient(new MessageChannel(socket, this.codec), stop, () => this.recordProgress()));
    } finally {
      await socket.drainAndClose({ timeoutMs: LINGER_MS });
      if (stop.aborted) this.log.info('close_connection', 'success');
    }
  }

  /** Waits before another try, or gives up by throwing `error`. */
  private async backOff(error: Error, stop: AbortSignal): Promise<void> {
    const timeLeft = this.lastProgress + this.retryLimitMs - performance.now();
    if (timeLeft <= 0) throw error;
    const longest = Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** this.failures++);
    const pauseMs = Math.ceil(Math.min(timeLeft, longest * (0.5 + Math.random() / 2)));
    this.log.warning('connect', 'in_progress', { error: error.message, again_in_ms: pauseMs });
    await delay(pauseMs, undefined, { signal: stop }).catch(() => {});
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
