import { inject, injectable } from 'inversify';
import { type ActionLog } from '../../../runtime/action_log';
import { requireSameTerms } from '../../domain/draw_record';
import { type Store, type StoreLocation } from '../../domain/store';
import { type StoreContent } from '../../domain/store_content';
import { TOKENS } from '../../tokens';
import { DirectoryWatch } from './disk/directory_watch';
import {
  type StoreBrokenError,
  StoreConflictError,
  StoreDamagedError,
  StoreLocationError,
  StoreStoppedError,
} from '../../domain/store_errors';
import { type FileBetRepository } from './bets/file_bet_repository';
import { type FileFinishTracker } from './file_finish_tracker';
import { DIRECTORY_ENTRY, type StoreDirectory } from './disk/file_system';
import { type FileDrawRecord } from './file_draw_record';
import { formatMode, isReadableByOthers } from './disk/private_files';
import { throwIfStopped } from '../../domain/stop';
import { type StoreHealth } from './disk/store_health';

/** A store in the files of one directory. One server at a time has it open. */
@injectable()
export class FileStore implements Store {
  readonly isShared = false;
  private readonly watch: DirectoryWatch;

  constructor(
    @inject(TOKENS.StoreDirectory) private readonly directory: StoreDirectory,
    @inject(TOKENS.StoreHealth) private readonly health: StoreHealth,
    @inject(TOKENS.BetRepository) private readonly bets: FileBetRepository,
    @inject(TOKENS.FinishTracker) private readonly tracker: FileFinishTracker,
    @inject(TOKENS.DrawRecord) private readonly draw: FileDrawRecord,
    @inject(TOKENS.WinningNumber) private readonly winningNumber: number,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
  ) {
    this.watch = new DirectoryWatch(directory, health, log);
  }

  get location(): StoreLocation {
    return { setting: 'SERVER_DATA_DIR', field: 'dir', value: this.directory.path };
  }

  onBroken(listener: (error: StoreBrokenError) => void): void {
    this.health.onBroken(listener);
  }

  async open(stop: AbortSignal): Promise<void> {
    await this.claim(stop, async () => {
      // All checks are before all changes.
      await this.check(stop);
      await this.recover(stop);
      await this.directory.sync();
    });
    this.warnOfOpenPermissions();
    this.watch.start();
  }

  /**
   * Claims and checks the store as `open` does, and changes nothing. `content` can be read then.
   *
   * @throws StoreLocationError the directory has no store.
   * @throws StoreError
   */
  async openUnchanged(stop: AbortSignal): Promise<void> {
    if ((await this.directory.entry(DIRECTORY_ENTRY)) === undefined) throw new StoreLocationError('it does not exist');
    await this.claim(stop, async () => {
      await this.check(stop);
      const files = Array.from(this.directory.opened.keys()).filter((name) => name !== DIRECTORY_ENTRY);
      if (files.length === 0) throw new StoreLocationError('it holds no store');
    });
  }

  /** The content of the open store. */
  get content(): StoreContent {
    return {
      terms: { number: this.winningNumber, agencies: this.tracker.expected },
      isHeld: this.draw.heldTerms !== undefined,
      counts: this.bets.countsByAgency,
      finishes: this.tracker.finishes,
      readEvidence: () => this.draw.readEvidence(),
      readRows: (stop) => this.bets.readRows(stop),
    };
  }

  async close(): Promise<void> {
    await this.watch.stop();
    for (const [name, part] of [
      ['draw', this.draw] as const,
      ['finished', this.tracker] as const,
      ['bets', this.bets] as const,
    ]) {
      await part.close();
      this.log.info('close_store', 'success', { part: name });
    }
    await this.directory.release();
  }

  /** Locks the directory for `work`. After a failure everything is released. */
  private async claim(stop: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await this.directory.claim(stop);
      await work();
    } catch (error) {
      if (error instanceof StoreStoppedError) await this.close();
      else await this.releaseAfterFailure();
      throw error;
    }
  }

  private async check(stop: AbortSignal): Promise<void> {
    for (const part of this.parts) {
      throwIfStopped(stop);
      await part.open(stop);
    }
    this.requireConsistent();
    this.requireSameDraw();
  }

  private async recover(stop: AbortSignal): Promise<void> {
    for (const part of this.parts) {
      throwIfStopped(stop);
      await part.recover(stop);
    }
  }

  /** Closes the parts after a failed opening. Their errors are dropped, because the first failure is reported. */
  private async releaseAfterFailure(): Promise<void> {
    await Promise.allSettled(this.parts.map((part) => part.close()));
    await this.directory.release();
  }

  private get parts(): readonly [FileBetRepository, FileFinishTracker, FileDrawRecord] {
    return [this.bets, this.tracker, this.draw];
  }

  /** Warns of files with group or other permissions. The modes of existing files are the operator's choice and stay. */
  private warnOfOpenPermissions(): void {
    const { opened, path: dir } = this.directory;
    const itself = opened.get(DIRECTORY_ENTRY)!;
    const files = Array.from(opened).filter(
      ([name, file]) => name !== DIRECTORY_ENTRY && isReadableByOthers(itself, file),
    );
    if (files.length === 0) return;
    const modes = files.map(([name, file]) => `${name} ${formatMode(file)}`).join(', ');
    this.log.warning('check_permissions', 'fail', { dir, dir_mode: formatMode(itself), readable_by_others: modes });
  }

  /** Checks the parts against each other. Each file alone can be valid, and come from another point in time. */
  private requireConsistent(): void {
    const missing = this.parts.flatMap((part) => part.missingFiles);
    if (missing.length > 0 && this.parts.some((part) => part.hasRecords)) {
      throw new StoreDamagedError(`${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`);
    }
    for (const [agency, { bets }] of this.tracker.finishes) {
      const stored = this.bets.countsByAgency.get(agency) ?? 0;
      if (stored !== bets) {
        throw new StoreDamagedError(`agency ${agency} has finished with ${bets} bets, and ${stored} are stored`);
      }
    }
    const drawnAgencies = this.draw.heldTerms?.agencies;
    if (drawnAgencies !== undefined && this.tracker.finishes.size < drawnAgencies) {
      throw new StoreDamagedError(`the draw was held, and only ${this.tracker.finishes.size} agencies have finished`);
    }
  }

  /** The settings must match the stored draw. */
  private requireSameDraw(): void {
    const { expected } = this.tracker;
    requireSameTerms(this.draw.heldTerms, { number: this.winningNumber, agencies: expected });
    for (const agency of [...this.bets.countsByAgency.keys(), ...this.tracker.finishes.keys()]) {
      if (agency <= expected) continue;
      throw new StoreConflictError(
        `the store holds bets of agency ${agency}, and only ${expected} agencies are expected`,
      );
    }
  }
}
