import { setTimeout as delay } from 'node:timers/promises';
import { inject, injectable } from 'inversify';
import { type ReceiveOptions } from '../../../lib/index';
import { type ActionLog } from '../../runtime/action_log';
import { ExitCode } from '../../runtime/exit_code';
import { SettingsError } from '../../runtime/settings';
import { type Agency } from './agency';
import { type BetSource, BetSourceError } from '../bets/bet_source';
import { StoppedError, UnexpectedResponseError } from '../connection/errors';
import { type Progress } from '../progress/progress';
import { type Reconnector } from '../connection/reconnector';
import { type LotteryClient, stopGracePeriod } from '../connection/lottery_client';
import { TOKENS } from '../tokens';

/**
 * A server that holds an `A` sets the pace of asking; one that says `W` at once is asked again after a pause that grows
 * up to the longest.
 */
const FIRST_POLL_PAUSE_MS = 50;
const LONGEST_POLL_PAUSE_MS = 1_000;

/** An agency with many bets: uploads them all, says that it has finished, and gets its winners. */
@injectable()
export class UploadAgency implements Agency {
  /** The total of bets, from the acknowledgement of the finish on; the source is not needed after that. */
  private finishedTotal: number | undefined;

  constructor(
    @inject(TOKENS.AgencyId) private readonly id: number,
    @inject(TOKENS.Window) private readonly window: number,
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

  private async runSession(client: LotteryClient, stop: AbortSignal): Promise<readonly string[]> {
    const stored = await client.identify(this.id);
    this.progress.stored(stored);
    this.log.info('upload', 'in_progress', { stored });
    const total = stored === this.finishedTotal ? stored : await this.upload(client, stored, stop);
    await client.finish(total);
    this.finishedTotal = total;
    this.log.info('upload', 'success', { cantidad: total });
    this.progress.finished(total);
    await this.waitForDraw(client, stop);
    return client.receiveWinners(this.id);
  }

  /**
   * Sends the bets behind the first `stored`, with a window of batches in flight, and returns how many there are in all
   * once each is acknowledged and the source is found unchanged. Where the source fails, or the agency is stopped, what
   * is in flight is settled first.
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
        while (inFlight.length >= this.window) await this.receiveOldestInFlight(client, inFlight);
      }
      while (inFlight.length > 0) await this.receiveOldestInFlight(client, inFlight);
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
      const askedAt = performance.now();
      const answer = await client.requestDraw();
      if (answer.held) return;
      this.log.debug('consulta_ganadores', 'in_progress', { finished: answer.progress });
      if (performance.now() - askedAt >= pauseMs) continue;
      await delay(pauseMs, undefined, { signal: stop });
      pauseMs = Math.min(LONGEST_POLL_PAUSE_MS, pauseMs * 2);
    }
  }
}
