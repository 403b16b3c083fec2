import { inject, injectable } from 'inversify';
import { type ActionLog } from '../../runtime/action_log';
import { type BetRepository } from '../bet_repository';
import { type FinishTracker } from '../finish_tracker';
import { Latch } from '../latch';
import { TOKENS } from '../tokens';
import { type WinnerService } from '../winner_service';
import { StoreConflictError, StoreUnavailableError } from './errors';
import { type StoreDirectory } from './file_system';
import { Journal } from './journal';

const FILE = 'draw.journal';

/**
 * Holds the draw when all have finished, and keeps in `draw.journal` that it was held, with its number and its agencies
 * (a record `draw NUMBER AGENCIES`). The winners are not kept: the bets are closed by then, and tell them again.
 */
@injectable()
export class FileWinnerService implements WinnerService {
  private readonly held = new Latch();
  private readonly winners = new Map<number, string[]>();
  private journal!: Journal;
  private drawing: Promise<void> | undefined;

  constructor(
    @inject(TOKENS.StoreDirectory) private readonly directory: StoreDirectory,
    @inject(TOKENS.WinningNumber) private readonly winningNumber: number,
    @inject(TOKENS.BetRepository) private readonly bets: BetRepository,
    @inject(TOKENS.FinishTracker) private readonly tracker: FinishTracker,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
  ) {}

  /** @throws StoreDamagedError, StoreConflictError the draw was held with another number or other agencies. */
  async open(): Promise<void> {
    this.journal = await Journal.open(this.directory, FILE, this.log);
    const [record] = this.journal.records;
    if (record !== undefined && record !== this.record) {
      await this.close();
      throw new StoreConflictError(
        `the draw was held already, as "${record}" (number, agencies), and the settings say "${this.record}"`,
      );
    }
    // A draw that fails here is tried again by the first agency that asks for it.
    void this.tracker.whenAllFinished().then(() => this.holdDraw().catch(() => {}));
  }

  async waitForDraw(options: { timeoutMs: number; signal: AbortSignal }): Promise<boolean> {
    if (!this.held.isOpen && (await this.tracker.count()) >= this.tracker.expected) await this.holdDraw();
    return this.held.wait(options);
  }

  async winnersOf(agency: number): Promise<readonly string[]> {
    return this.winners.get(agency) ?? [];
  }

  async close(): Promise<void> {
    await this.drawing?.catch(() => {});
    await this.journal.close();
  }

  private get record(): string {
    return `draw ${this.winningNumber} ${this.tracker.expected}`;
  }

  /** Whoever calls while the draw is under way waits for the same one. */
  private async holdDraw(): Promise<void> {
    if (this.held.isOpen) return;
    this.drawing ??= this.draw().finally(() => {
      this.drawing = undefined;
    });
    await this.drawing;
  }

  private async draw(): Promise<void> {
    try {
      this.winners.clear();
      for await (const { agency, document } of this.bets.winners(this.winningNumber)) {
        const documents = this.winners.get(agency);
        if (documents === undefined) this.winners.set(agency, [document]);
        else documents.push(document);
      }
      if (this.journal.records.length === 0) await this.journal.write(this.record);
    } catch (cause) {
      this.log.error('sorteo', 'fail', { error: (cause as Error).message });
      throw new StoreUnavailableError('the draw could not be held', { cause });
    }
    this.held.open();
    this.log.info('sorteo', 'success');
  }
}
