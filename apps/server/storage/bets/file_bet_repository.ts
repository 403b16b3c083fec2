import { crc32 } from 'node:zlib';
import { inject, injectable } from 'inversify';
import { type BetBatch } from '../../../protocol/bet_batch';
import { type ActionLog } from '../../../runtime/action_log';
import { type BetRepository, type Winner } from '../../domain/bet_repository';
import { type StoreObserver, NO_OBSERVER } from '../../domain/store_observer';
import { TOKENS } from '../../tokens';
import { type Commit, formatCommit } from './bet_commit';
import { closeBets, findBets, type FoundBets, missingBetFiles, recoverBets, type RecoveredBets } from './bet_recovery';
import { BatchOutOfSequenceError, StoreWriteError } from '../../domain/store_errors';
import { type StoreDirectory, writeAll } from '../disk/file_system';
import { GroupCommit, type Submission } from '../log/group_commit';
import { type StoreHealth } from '../disk/store_health';
import { type StorePart } from '../store_part';
import { scanWinners } from './winner_scan';

/** A batch that waits for its commit; what it comes to is how many bets its agency has with it. */
type PendingBatch = Submission<Pending, number>;

interface Pending {
  readonly batch: BetBatch;
  readonly after: number;
}

/** What one commit writes. */
interface CommitPlan {
  readonly accepted: readonly PendingBatch[];
  readonly buffers: readonly Uint8Array[];
  readonly commit: Commit;
}

const LINE_FEED = Buffer.from('\n');

/**
 * Keeps the bets in `bets.csv`, and beside it what makes them trustworthy: `bets.journal`, a record of every commit
 * with its checksum, and `bets.mark`, the offset up to which everything was acknowledged. docs/durability.md says what
 * is written when, and what is read at start.
 */
@injectable()
export class FileBetRepository implements BetRepository, StorePart {
  private readonly counts = new Map<number, number>();
  private readonly commits = new GroupCommit<Pending, number>((submissions) => this.commit(submissions));
  private found: FoundBets | undefined;
  private files!: RecoveredBets;
  private end = 0;

  constructor(
    @inject(TOKENS.StoreDirectory) private readonly directory: StoreDirectory,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
    @inject(TOKENS.StoreHealth) private readonly health: StoreHealth,
    @inject(TOKENS.StoreObserver) private readonly observer: StoreObserver = NO_OBSERVER,
  ) {}

  async open(stop: AbortSignal): Promise<void> {
    this.found = await findBets(this.directory, stop);
    this.end = this.found.content.betsEnd;
    for (const [agency, count] of this.found.content.counts) this.counts.set(agency, count);
  }

  async recover(stop: AbortSignal): Promise<void> {
    this.files = await recoverBets(this.directory, this.found!, this.log, stop);
  }

  get hasRecords(): boolean {
    return this.found!.content.hasRecords;
  }

  get missingFiles(): readonly string[] {
    return missingBetFiles(this.found!);
  }

  /** How many bets each agency has that has any. */
  get countsByAgency(): ReadonlyMap<number, number> {
    return this.counts;
  }

  async count(agency: number): Promise<number> {
    return this.counts.get(agency) ?? 0;
  }

  async agencies(): Promise<readonly number[]> {
    return Array.from(this.counts.keys());
  }

  append(batch: BetBatch, after: number): Promise<number> {
    return this.commits.submit({ batch, after });
  }

  winners(number: number, stop: AbortSignal): AsyncIterable<Winner> {
    return scanWinners(this.files.bets, this.end, number, stop);
  }

  async close(): Promise<void> {
    await this.commits.idle();
    if (this.found !== undefined) await closeBets(this.found);
  }

  private async commit(submissions: readonly PendingBatch[]): Promise<void> {
    this.health.requireSound();
    const plan = this.plan(submissions);
    if (plan.accepted.length === 0) return;
    const begun = performance.now();
    await this.write(plan);
    await this.sync();
    // From here on it is stored, whatever becomes of the mark.
    this.end = plan.commit.end;
    for (const [agency, added] of plan.commit.added) this.counts.set(agency, (this.counts.get(agency) ?? 0) + added);
    const { commit, accepted } = plan;
    const milliseconds = performance.now() - begun;
    this.observer.committed({ batches: accepted.length, bytes: commit.end - commit.start, milliseconds });
    await this.mark(commit.end);
    // Nothing is acknowledged once the store is broken, whatever broke it.
    this.health.requireSound();
    for (const { item, resolve } of accepted) resolve(item.after + item.batch.count);
  }

  /** Takes the batches that follow what is stored, and refuses the others. */
  private plan(submissions: readonly PendingBatch[]): CommitPlan {
    const added = new Map<number, number>();
    const accepted: PendingBatch[] = [];
    const buffers: Uint8Array[] = [];
    let checksum = 0;
    let end = this.end;
    for (const submission of submissions) {
      const { batch, after } = submission.item;
      const before = (this.counts.get(batch.agency) ?? 0) + (added.get(batch.agency) ?? 0);
      if (before !== after) {
        submission.reject(new BatchOutOfSequenceError(`${before} bets are stored before the batch, not ${after}`));
        continue;
      }
      accepted.push(submission);
      added.set(batch.agency, (added.get(batch.agency) ?? 0) + batch.count);
      for (const buffer of [batch.rows, LINE_FEED]) {
        buffers.push(buffer);
        checksum = crc32(buffer, checksum);
        end += buffer.length;
      }
    }
    return { accepted, buffers, commit: { start: this.end, end, checksum, added } };
  }

  /** Writes bets and journal; where that fails, nothing of either stays. */
  private async write(plan: CommitPlan): Promise<void> {
    const { bets, journal } = this.files;
    const journalEnd = journal.size;
    try {
      await writeAll(bets, plan.buffers, plan.commit.start);
      await journal.append(formatCommit(plan.commit));
    } catch (cause) {
      await this.rollback(plan.commit.start, journalEnd);
      throw new StoreWriteError('the batch could not be written', { cause });
    }
  }

  private async rollback(betsEnd: number, journalEnd: number): Promise<void> {
    try {
      await this.files.bets.truncate(betsEnd);
      await this.files.journal.truncate(journalEnd);
    } catch (cause) {
      throw this.health.markFailed('a failed write could not be taken back', cause);
    }
  }

  private async sync(): Promise<void> {
    const { bets, journal } = this.files;
    // Any file of the store may have failed meanwhile, here and behind the flush.
    this.health.requireSound();
    const flushes = [bets.sync(), journal.sync()].map((flush) =>
      flush.catch((cause: unknown) => void this.health.markFailed('the disk did not confirm what was written', cause)),
    );
    await Promise.all(flushes);
    this.health.requireSound();
  }

  /** Notes that so much is acknowledged now. Without the note nothing is lost; a loss would be harder to notice. */
  private async mark(end: number): Promise<void> {
    try {
      await this.files.mark.write(end);
    } catch (error) {
      this.log.warning('mark_bets', 'fail', { error: (error as Error).message });
    }
  }
}
