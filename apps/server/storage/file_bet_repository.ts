import { crc32 } from 'node:zlib';
import { inject, injectable } from 'inversify';
import { type BetBatch } from '../../lottery/bet_batch';
import { type ActionLog } from '../../runtime/action_log';
import { type BetRepository, type Winner } from '../bet_repository';
import { TOKENS } from '../tokens';
import { type Commit, formatCommit, formatMark, recoverBets } from './bet_recovery';
import { BatchOutOfSequenceError, StoreBrokenError, StoreWriteError } from './errors';
import { type StoreDirectory, type StoreFile, writeAll } from './file_system';
import { GroupCommit, type Submission } from './group_commit';
import { type RecordLog } from './record_log';
import { scanWinners } from './winner_scan';

/** A batch that waits for its commit. */
interface Pending {
  readonly batch: BetBatch;
  readonly after: number;
}

/** What one commit writes. */
interface CommitPlan {
  readonly accepted: readonly Submission<Pending>[];
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
export class FileBetRepository implements BetRepository {
  private readonly counts = new Map<number, number>();
  private readonly commits = new GroupCommit<Pending>((submissions) => this.commit(submissions));
  private bets!: StoreFile;
  private journal!: RecordLog;
  private mark!: StoreFile;
  private end = 0;
  private broken: StoreBrokenError | undefined;

  constructor(
    @inject(TOKENS.StoreDirectory) private readonly directory: StoreDirectory,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
  ) {}

  async open(): Promise<void> {
    const recovered = await recoverBets(this.directory, this.log);
    this.bets = recovered.bets;
    this.journal = recovered.journal;
    this.mark = recovered.mark;
    this.end = recovered.end;
    for (const [agency, count] of recovered.counts) this.counts.set(agency, count);
  }

  async count(agency: number): Promise<number> {
    return this.counts.get(agency) ?? 0;
  }

  async agencies(): Promise<readonly number[]> {
    return Array.from(this.counts.keys());
  }

  async append(batch: BetBatch, after: number): Promise<number> {
    await this.commits.submit({ batch, after });
    return after + batch.count;
  }

  winners(number: number): AsyncIterable<Winner> {
    return scanWinners(this.bets, this.end, number);
  }

  async close(): Promise<void> {
    await this.commits.idle();
    await Promise.all([this.bets.close(), this.journal.close(), this.mark.close()]);
  }

  private async commit(submissions: readonly Submission<Pending>[]): Promise<void> {
    if (this.broken !== undefined) throw this.broken;
    const plan = this.plan(submissions);
    if (plan.accepted.length === 0) return;
    await this.write(plan);
    await this.flush(plan);
    this.end = plan.commit.end;
    for (const [agency, added] of plan.commit.added) this.counts.set(agency, (this.counts.get(agency) ?? 0) + added);
    for (const { resolve } of plan.accepted) resolve();
  }

  /** Takes the batches that follow what is stored, and refuses the others. */
  private plan(submissions: readonly Submission<Pending>[]): CommitPlan {
    const added = new Map<number, number>();
    const accepted: Submission<Pending>[] = [];
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
    const journalEnd = this.journal.size;
    try {
      await writeAll(this.bets, plan.buffers, plan.commit.start);
      await this.journal.append(formatCommit(plan.commit));
    } catch (cause) {
      await this.takeBack(plan.commit.start, journalEnd);
      throw new StoreWriteError('the batch could not be written', { cause });
    }
  }

  private async takeBack(betsEnd: number, journalEnd: number): Promise<void> {
    try {
      await this.bets.truncate(betsEnd);
      await this.journal.truncate(journalEnd);
    } catch (cause) {
      throw this.breakDown('a failed write could not be taken back', cause);
    }
  }

  /** From here on the commit is acknowledged: on the disk, and marked so that its loss would be noticed. */
  private async flush(plan: CommitPlan): Promise<void> {
    try {
      await Promise.all([this.bets.flush(), this.journal.flush()]);
      await writeAll(this.mark, [formatMark(plan.commit.end)], 0);
    } catch (cause) {
      throw this.breakDown('the disk did not confirm what was written', cause);
    }
  }

  private breakDown(problem: string, cause: unknown): StoreBrokenError {
    this.broken = new StoreBrokenError(problem, { cause });
    return this.broken;
  }
}
