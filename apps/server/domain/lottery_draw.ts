import { inject, injectable } from 'inversify';
import { type ActionLog } from '../../runtime/action_log';
import { TOKENS } from '../tokens';
import { type BetRepository } from './bet_repository';
import { type DrawEvidence, NO_EVIDENCE } from './draw_evidence';
import { type DrawRecord, type DrawTerms } from './draw_record';
import { type FinishTracker } from './finish_tracker';
import { Latch } from './latch';
import { throwIfStopped } from './stop';
import { StoreError, StoreStoppedError, StoreUnavailableError } from './store_errors';
import { type StoreObserver, NO_OBSERVER } from './store_observer';
import { type WinnerService } from './winner_service';

/**
 * The draw as a rule of the lottery, independent of the store. It happens once, after all agencies have finished, and
 * searches the bets for the winning number. The store keeps the bets and the record of the draw. The winners are in
 * memory only; a server started after the draw repeats the search.
 */
@injectable()
export class LotteryDraw implements WinnerService {
  private readonly heldLatch = new Latch();
  private readonly stopping = new AbortController();
  private winners: ReadonlyMap<number, readonly string[]> = new Map();
  private drawing: Promise<void> | undefined;

  constructor(
    @inject(TOKENS.WinningNumber) private readonly winningNumber: number,
    @inject(TOKENS.BetRepository) private readonly bets: BetRepository,
    @inject(TOKENS.FinishTracker) private readonly tracker: FinishTracker,
    @inject(TOKENS.DrawRecord) private readonly drawRecord: DrawRecord,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
    @inject(TOKENS.StoreObserver) private readonly observer: StoreObserver = NO_OBSERVER,
    @inject(TOKENS.DrawEvidence) private readonly evidence: DrawEvidence = NO_EVIDENCE,
  ) {}

  start(stop: AbortSignal): void {
    stop.addEventListener('abort', () => this.stopping.abort());
    void this.tracker.whenAllFinished().then(() => this.startDraw());
  }

  async waitForDraw({ timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal }): Promise<boolean> {
    if ((await this.tracker.count()) < this.tracker.expected) return this.heldLatch.wait({ timeoutMs, signal });
    this.startDraw();
    return this.heldLatch.wait({ signal });
  }

  async winnersOf(agency: number): Promise<readonly string[]> {
    return this.winners.get(agency) ?? [];
  }

  async winnerCounts(): Promise<ReadonlyMap<number, number>> {
    return new Map(Array.from(this.winners, ([agency, documents]) => [agency, documents.length]));
  }

  async close(): Promise<void> {
    this.stopping.abort();
    await this.drawing;
    this.heldLatch.fail(new StoreStoppedError('the store is closed'));
  }

  /**
   * Starts the draw in the background; callers wait at the latch. After a failed draw the next call starts it again.
   */
  private startDraw(): void {
    if (this.heldLatch.isOpen || this.stopping.signal.aborted) return;
    this.drawing ??= this.draw().finally(() => {
      this.drawing = undefined;
    });
  }

  private async draw(): Promise<void> {
    try {
      this.winners = await this.findWinners();
      const terms: DrawTerms = { number: this.winningNumber, agencies: this.tracker.expected };
      await this.drawRecord.record(terms);
      await this.evidence.record(terms, this.stopping.signal);
    } catch (cause) {
      this.onDrawFailed(cause);
      return;
    }
    this.heldLatch.open();
    this.observer.drawHeld();
    this.log.info('sorteo', 'success');
  }

  private onDrawFailed(cause: unknown): void {
    // A stop is no failure of the draw.
    if (cause instanceof StoreStoppedError) return;
    this.log.error('sorteo', 'fail', { error: (cause as Error).message });
    const isKnown = cause instanceof StoreError;
    this.heldLatch.fail(isKnown ? cause : new StoreUnavailableError('the draw could not be held', { cause }));
  }

  private async findWinners(): Promise<ReadonlyMap<number, readonly string[]>> {
    const winners = new Map<number, string[]>();
    for await (const { agency, document } of this.bets.winners(this.winningNumber, this.stopping.signal)) {
      const documents = winners.get(agency);
      if (documents === undefined) winners.set(agency, [document]);
      else documents.push(document);
    }
    throwIfStopped(this.stopping.signal);
    return winners;
  }
}
