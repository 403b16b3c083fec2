import { crc32 } from 'node:zlib';
import { inject, injectable } from 'inversify';
import { type BetBatch } from '../../../../protocol/bet_batch';
import { type BetsDigest } from '../../../../protocol/bets_digest';
import { winningRowsOf } from '../../../../protocol/winning_rows';
import { type ActionLog } from '../../../../runtime/action_log';
import { type AgencyClaim } from '../../../domain/agency_claim';
import { type BetRepository, type Winner, type WinningRow } from '../../../domain/bet_repository';
import { type StoreObserver, NO_OBSERVER } from '../../../domain/store_observer';
import { TOKENS } from '../../../tokens';
import { type Commit, formatCommit } from './commit_record';
import {
  closeBetFiles,
  findBets,
  type FoundBets,
  missingBetFiles,
  recoverBets,
  type RecoveredBets,
} from './bet_recovery';
import { BatchOutOfSequenceError, StoreWriteError } from '../../../domain/store_errors';
import { readRange, type StoreDirectory, writeAll } from '../disk/file_system';
import { AgencyRuns } from '../../agency_runs';
import { GroupCommit, type Submission } from '../../group_commit';
import { type StoreHealth } from '../disk/store_health';
import { type AgencyEpochs, supersededClaim } from '../agency_epochs';
import { type StorePart } from '../store_part';
import { RowDigests } from './row_digests';
import { scanWinners } from './winner_scan';

/** A batch that waits for its commit. Its result is the number of the agency's stored bets. */
type PendingBatch = Submission<Pending, number>;

interface Pending {
  readonly claim: AgencyClaim;
  readonly batch: BetBatch;
  readonly after: number;
}

/** The content of one commit. */
interface CommitPlan {
  readonly accepted: readonly PendingBatch[];
  readonly buffers: readonly Uint8Array[];
  readonly commit: Commit;
}

const LINE_FEED = Buffer.from('\n');

/**
 * Stores the bets in `bets.csv`, with two files beside it: `bets.journal`, a record of every commit with its checksum,
 * and `bets.mark`, the watermark of acknowledged bets. docs/durability.md describes the order of the writes, and
 * recovery.
 */
@injectable()
export class FileBetRepository implements BetRepository, StorePart {
  private readonly counts = new Map<number, number>();
  private readonly commits = new GroupCommit<Pending, number>((submissions) => this.commit(submissions));
  private readonly digests = new RowDigests();
  private found: FoundBets | undefined;
  private files!: RecoveredBets;
  private end = 0;

  constructor(
    @inject(TOKENS.StoreDirectory) private readonly directory: StoreDirectory,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
    @inject(TOKENS.StoreHealth) private readonly health: StoreHealth,
    @inject(TOKENS.AgencyEpochs) private readonly epochs: AgencyEpochs,
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

  /** The number of bets of each agency with bets. */
  get countsByAgency(): ReadonlyMap<number, number> {
    return this.counts;
  }

  async claim(agency: number): Promise<AgencyClaim> {
    const epoch = this.epochs.advance(agency);
    return { agency, epoch, stored: this.counts.get(agency) ?? 0 };
  }

  /** The files have one server, and its sessions supersede each other by themselves. */
  onSuperseded(): void {}

  append(claim: AgencyClaim, batch: BetBatch, after: number): Promise<number> {
    return this.commits.submit({ claim, batch, after });
  }

  async digest(agency: number, count: number): Promise<BetsDigest> {
    const digest = await this.digests.of(agency, this.files.bets, this.end);
    if (digest.count === count) return digest;
    throw new BatchOutOfSequenceError(`agency ${agency} has ${digest.count} bets, not ${count}`);
  }

  winners(number: number, stop: AbortSignal): AsyncIterable<Winner> {
    return scanWinners(this.files.bets, this.end, number, stop);
  }

  async *winningRows(number: number, stop: AbortSignal): AsyncIterable<WinningRow> {
    const runs = new AgencyRuns();
    for await (const piece of readRange(this.files.bets, 0, this.end, stop)) {
      for (const { batch, after } of runs.take(piece)) {
        for (const place of winningRowsOf(batch.rows, number)) yield { agency: batch.agency, row: after + place };
      }
    }
  }

  /**
   * The rows of all stored bets, in pieces of bets.csv. A piece is valid until the next one is requested.
   *
   * @throws StoreStoppedError `stop` has fired.
   */
  async *readRows(stop: AbortSignal): AsyncIterable<Uint8Array> {
    const { bets } = this.found!;
    if (bets !== undefined) yield* readRange(bets, 0, this.end, stop);
  }

  async close(): Promise<void> {
    await Promise.all([this.commits.idle(), this.digests.close()]);
    if (this.found !== undefined) await closeBetFiles(this.found);
  }

  private async commit(submissions: readonly PendingBatch[]): Promise<void> {
    this.health.requireHealthy();
    const plan = this.plan(submissions);
    if (plan.accepted.length === 0) return;
    const startedAt = performance.now();
    await this.write(plan);
    await this.sync();
    // The commit is durable from here on, even if the watermark cannot be written.
    this.end = plan.commit.end;
    for (const [agency, added] of plan.commit.added) this.counts.set(agency, (this.counts.get(agency) ?? 0) + added);
    const { commit, accepted } = plan;
    const milliseconds = performance.now() - startedAt;
    this.observer.committed({ batches: accepted.length, bytes: commit.end - commit.start, milliseconds });
    await this.writeWatermark(commit.end);
    // A broken store acknowledges nothing, whatever the cause.
    this.health.requireHealthy();
    for (const { item, resolve } of accepted) resolve(item.after + item.batch.count);
  }

  /** Accepts the batches of current claims that follow the stored bets, and rejects the others. */
  private plan(submissions: readonly PendingBatch[]): CommitPlan {
    const added = new Map<number, number>();
    const accepted: PendingBatch[] = [];
    const buffers: Uint8Array[] = [];
    let checksum = 0;
    let end = this.end;
    for (const submission of submissions) {
      const { claim, batch, after } = submission.item;
      if (!this.epochs.isCurrent(claim)) {
        submission.reject(supersededClaim(claim));
        continue;
      }
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

  /** Writes bets and journal. A failure rolls both back. */
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
      throw this.health.markFailed('the rollback of a failed write failed', cause);
    }
  }

  private async sync(): Promise<void> {
    const { bets, journal } = this.files;
    // Another file of the store may have failed before or during the flush.
    this.health.requireHealthy();
    const flushes = [bets.sync(), journal.sync()].map((flush) =>
      flush.catch((cause: unknown) => void this.health.markFailed('the flush to the disk failed', cause)),
    );
    await Promise.all(flushes);
    this.health.requireHealthy();
  }

  /** Writes the watermark. A missed write loses no bet, but makes a later loss harder to detect. */
  private async writeWatermark(end: number): Promise<void> {
    try {
      await this.files.mark.write(end);
    } catch (error) {
      this.log.warning('mark_bets', 'fail', { error: (error as Error).message });
    }
  }
}
