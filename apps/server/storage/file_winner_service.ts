import { inject, injectable } from 'inversify';
import { type ActionLog } from '../../runtime/action_log';
import { type BetRepository } from '../domain/bet_repository';
import { type FinishTracker } from '../domain/finish_tracker';
import { Latch } from '../domain/latch';
import { type StoreObserver, UNWATCHED } from '../domain/store_observer';
import { TOKENS } from '../tokens';
import { type WinnerService } from '../domain/winner_service';
import { requireInPlace } from './disk/directory_watch';
import {
  StoreConflictError,
  StoreDamagedError,
  StoreError,
  StoreStoppedError,
  StoreUnavailableError,
} from '../domain/store_errors';
import { type StoreDirectory } from './disk/file_system';
import { Journal } from './log/journal';
import { type StoreHealth } from './disk/store_health';
import { throwIfStopped } from '../domain/stop';
import { type StorePart } from './store_part';

/** What the journal says of a draw. */
interface DrawRecord {
  readonly number: number;
  readonly agencies: number;
}

/**
 * Holds the draw when all have finished, and keeps in `draw.journal` that it was held, with its number and its agencies
 * (a record `draw NUMBER AGENCIES`). The winners are not kept: the bets are closed by then, and tell them again.
 */
@injectable()
export class FileWinnerService implements WinnerService, StorePart {
  private readonly held = new Latch();
  private winners: ReadonlyMap<number, readonly string[]> = new Map();
  private readonly journal: Journal;
  private heldBefore: DrawRecord | undefined;
  private drawing: Promise<void> | undefined;
  private readonly closing = new AbortController();

  constructor(
    @inject(TOKENS.StoreDirectory) private readonly directory: StoreDirectory,
    @inject(TOKENS.WinningNumber) private readonly winningNumber: number,
    @inject(TOKENS.BetRepository) private readonly bets: BetRepository,
    @inject(TOKENS.FinishTracker) private readonly tracker: FinishTracker,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
    @inject(TOKENS.StoreHealth) private readonly health: StoreHealth,
    @inject(TOKENS.StoreObserver) private readonly observer: StoreObserver = UNWATCHED,
  ) {
    this.journal = new Journal(directory, 'draw.journal', health);
  }

  async open(stop: AbortSignal): Promise<void> {
    const [record] = await this.journal.open(stop);
    if (record !== undefined) this.heldBefore = parseDraw(record);
  }

  async recover(stop: AbortSignal): Promise<void> {
    await this.journal.recover(this.log, stop);
  }

  get hasRecords(): boolean {
    return this.heldBefore !== undefined;
  }

  get missingFiles(): readonly string[] {
    return this.journal.exists ? [] : [this.journal.name];
  }

  /** The draw that was held already, if it was. */
  get record(): DrawRecord | undefined {
    return this.heldBefore;
  }

  /** @throws StoreConflictError the draw was held with another number or other agencies than the settings say. */
  requireSameDraw(): void {
    if (this.heldBefore === undefined) return;
    const { number, agencies } = this.heldBefore;
    if (number === this.winningNumber && agencies === this.tracker.expected) return;
    throw new StoreConflictError(
      `the draw was held already, with the number ${number} and ${agencies} agencies; ` +
        `the settings say ${this.winningNumber} and ${this.tracker.expected}`,
    );
  }

  /** From here on the draw is held as soon as all have finished. */
  beginDraw(): void {
    void this.tracker.whenAllFinished().then(() => this.startDraw());
  }

  async waitForDraw({ timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal }): Promise<boolean> {
    if ((await this.tracker.count()) < this.tracker.expected) return this.held.wait({ timeoutMs, signal });
    this.startDraw();
    return this.held.wait({ signal });
  }

  async winnersOf(agency: number): Promise<readonly string[]> {
    return this.winners.get(agency) ?? [];
  }

  /** A draw under way is given up: nothing of it is kept, and the next start begins it anew. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.drawing;
    this.held.fail(new StoreStoppedError('the store is closed'));
    await this.journal.close();
  }

  /** Holds the draw in the background: those who wait for it wait at the latch. One that failed is begun again. */
  private startDraw(): void {
    if (this.held.isOpen || this.closing.signal.aborted) return;
    this.drawing ??= this.draw().finally(() => {
      this.drawing = undefined;
    });
  }

  private async draw(): Promise<void> {
    try {
      await requireInPlace(this.directory, this.health);
      this.winners = await this.findWinners();
      if (this.heldBefore === undefined)
        await this.journal.write(`draw ${this.winningNumber} ${this.tracker.expected}`);
    } catch (cause) {
      this.onDrawFailed(cause);
      return;
    }
    this.held.open();
    this.observer.drawHeld();
    this.log.info('sorteo', 'success');
  }

  private onDrawFailed(cause: unknown): void {
    // A stop is no failure of the draw.
    if (cause instanceof StoreStoppedError) return;
    this.log.error('sorteo', 'fail', { error: (cause as Error).message });
    const isKnown = cause instanceof StoreError;
    this.held.fail(isKnown ? cause : new StoreUnavailableError('the draw could not be held', { cause }));
  }

  private async findWinners(): Promise<ReadonlyMap<number, readonly string[]>> {
    const winners = new Map<number, string[]>();
    for await (const { agency, document } of this.bets.winners(this.winningNumber, this.closing.signal)) {
      const documents = winners.get(agency);
      if (documents === undefined) winners.set(agency, [document]);
      else documents.push(document);
    }
    throwIfStopped(this.closing.signal);
    return winners;
  }
}

function parseDraw(record: string): DrawRecord {
  const match = /^draw (\d+) (\d+)$/.exec(record);
  if (match === null)
    throw new StoreDamagedError(`draw.journal: ${JSON.stringify(record)} is no record of this version`);
  return { number: Number(match[1]), agencies: Number(match[2]) };
}
