import { setTimeout as delay } from 'node:timers/promises';
import { inject, injectable } from 'inversify';
import { type ReceiveOptions } from '../../../lib/index';
import { type BetsDigest } from '../../protocol/bets_digest';
import { type ActionLog } from '../../runtime/action_log';
import { ExitCode } from '../../runtime/exit_code';
import { monotonicMs } from '../../runtime/monotonic_clock';
import { SettingsError } from '../../runtime/settings';
import { type BetSource } from '../bets/bet_source';
import { BetSourceError } from '../bets/errors';
import {
  DigestUnsupportedError,
  type LotteryClient,
  stopGracePeriod,
  UnexpectedResponseError,
} from '../connection/lottery_client';
import { type Reconnector } from '../connection/reconnector';
import { type Progress } from '../progress/progress';
import { type ClientSettings } from '../settings';
import { StoppedError } from '../stop';
import { TOKENS } from '../tokens';
import { type Agency } from './agency';

/**
 * Milliseconds between two requests for the draw: the pause doubles from the first to the longest. There is no pause
 * after a response that took longer than it, because a server with a long poll delays its `W`.
 */
const FIRST_POLL_PAUSE_MS = 50;
const LONGEST_POLL_PAUSE_MS = 1_000;

/** An agency with a file of bets: uploads them all, finishes, waits for the draw and receives its winners. */
@injectable()
export class UploadAgency implements Agency {
  /** The total number of bets, after the acknowledgement of the finish. The source is not read after that. */
  private finishedTotal: number | undefined;
  /** The names of the servers without digests. */
  private readonly withoutDigests = new Set<string>();

  constructor(
    @inject(TOKENS.Settings) private readonly settings: Pick<ClientSettings, 'CLI_ID' | 'CLI_WINDOW'>,
    @inject(TOKENS.BetSource) private readonly source: BetSource,
    @inject(TOKENS.Reconnector) private readonly reconnector: Reconnector,
    @inject(TOKENS.Progress) private readonly progress: Progress,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
  ) {}

  async run(stop: AbortSignal): Promise<ExitCode> {
    try {
      await this.source.requireUsable(stop);
      const winners = await this.reconnector.run(stop, (client) => this.runSession(client, stop));
      this.log.info('consulta_ganadores', 'success', { cant_ganadores: winners.length });
      for (const document of winners) this.log.debug('ganador', 'success', { dni: document });
      this.progress.winners(winners);
      return ExitCode.done;
    } catch (error) {
      const wasStopped = error instanceof StoppedError;
      const message = wasStopped ? 'stopped before the winners were known' : (error as Error).message;
      const isUnusable = error instanceof SettingsError;
      if (!isUnusable) this.log.error('consulta_ganadores', 'fail', { error: message });
      this.progress.ended(error as Error);
      if (isUnusable) throw error;
      return wasStopped ? ExitCode.done : ExitCode.failed;
    }
  }

  /** Runs the whole protocol on one connection; returns the documents of the winners. */
  private async runSession(client: LotteryClient, stop: AbortSignal): Promise<readonly string[]> {
    const { CLI_ID } = this.settings;
    const stored = await client.identify(CLI_ID);
    this.progress.stored(stored);
    this.log.info('upload', 'in_progress', { stored });
    const total = stored === this.finishedTotal ? stored : await this.resume(client, stored, stop);
    await client.finish(total);
    this.finishedTotal = total;
    this.log.info('upload', 'success', { cantidad: total });
    this.progress.finished(total);
    await this.waitForDraw(client, stop);
    return client.receiveWinners(CLI_ID);
  }

  /** Uploads the bets after the first `stored`, which the source must still have. Returns the total number of bets. */
  private async resume(client: LotteryClient, stored: number, stop: AbortSignal): Promise<number> {
    if (stored > 0 && !this.withoutDigests.has(client.server)) {
      const digest = await this.requestDigest(client);
      if (digest.count !== stored)
        throw new UnexpectedResponseError(`the server has a digest of ${digest.count} bets, and ${stored} are stored`);
      await this.source.requireStored(digest, stop);
    }
    return this.upload(client, stored, stop);
  }

  private async requestDigest(client: LotteryClient): Promise<BetsDigest> {
    try {
      return await client.requestDigest();
    } catch (error) {
      if (error instanceof DigestUnsupportedError) this.withoutDigests.add(client.server);
      throw error;
    }
  }

  /**
   * Sends the bets after the first `stored`, with a window of batches in flight. After a failure of the source, and
   * after a stop, it receives the responses to the batches in flight before it rejects.
   *
   * @returns the total number of bets, once all are acknowledged and the source is unchanged.
   */
  private async upload(client: LotteryClient, stored: number, stop: AbortSignal): Promise<number> {
    const inFlight: number[] = [];
    let sent = stored;
    try {
      for await (const { value, count } of this.source.batches(stored, stop)) {
        stop.throwIfAborted();
        client.sendBets(value);
        sent += count;
        inFlight.push(sent);
        while (inFlight.length >= this.settings.CLI_WINDOW) await this.receiveOldestInFlight(client, inFlight);
      }
      await this.receiveAllInFlight(client, inFlight);
      await this.source.requireUnchanged(stop);
    } catch (error) {
      if (error instanceof BetSourceError) await this.receiveAllInFlight(client, inFlight);
      if (stop.aborted) await this.receiveAllInFlight(client, inFlight, stopGracePeriod());
      throw error;
    }
    return sent;
  }

  private async receiveAllInFlight(client: LotteryClient, inFlight: number[], options?: ReceiveOptions): Promise<void> {
    while (inFlight.length > 0) await this.receiveOldestInFlight(client, inFlight, options);
  }

  /** @param inFlight for each batch in flight, the number of stored bets that its acknowledgement must contain. */
  private async receiveOldestInFlight(
    client: LotteryClient,
    inFlight: number[],
    options?: ReceiveOptions,
  ): Promise<void> {
    const stored = await client.receiveAcknowledgement(options);
    const expected = inFlight.shift();
    if (stored !== expected) {
      throw new UnexpectedResponseError(`the server has ${stored} bets of this agency, and ${expected} were sent`);
    }
    this.progress.stored(stored);
    this.log.debug('batch_enviado', 'success', { cantidad_total: stored });
  }

  private async waitForDraw(client: LotteryClient, stop: AbortSignal): Promise<void> {
    let pauseMs = FIRST_POLL_PAUSE_MS;
    for (;;) {
      const requestedAt = monotonicMs();
      const draw = await client.requestDraw();
      if (draw.held) return;
      this.log.debug('consulta_ganadores', 'in_progress', { finished: draw.progress });
      if (monotonicMs() - requestedAt >= pauseMs) continue;
      await delay(pauseMs, undefined, { signal: stop });
      pauseMs = Math.min(LONGEST_POLL_PAUSE_MS, pauseMs * 2);
    }
  }
}
