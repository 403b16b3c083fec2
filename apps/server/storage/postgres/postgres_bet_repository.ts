import { inject, injectable } from 'inversify';
import { type BetBatch } from '../../../protocol/bet_batch';
import { type BetsDigest } from '../../../protocol/bets_digest';
import { type AgencyClaim } from '../../domain/agency_claim';
import { type BetRepository, type Winner, type WinningRow } from '../../domain/bet_repository';
import { BatchOutOfSequenceError, StoreConflictError, type StoreError } from '../../domain/store_errors';
import { throwIfStopped } from '../../domain/stop';
import { NO_OBSERVER, type StoreObserver } from '../../domain/store_observer';
import { TOKENS } from '../../tokens';
import { type CommitLimits, GroupCommit, type Submission } from '../group_commit';
import { addWinners, COPY_BETS } from './bet_statements';
import { type AgencyAppend, type BatchAppend, type PendingBatch, planAppends } from './append_plan';
import { AgencyDigests } from './agency_digests';
import { CopyBuffer } from './copy_buffer';
import { type Database } from './database/database';
import { StatementError } from './database/database_errors';
import { type Transaction } from './database/transaction';
import { type LocalClaims, supersededClaim } from './local_claims';
import { type OpenDraw } from './open_draw';
import { type WinningBet, WinningBets } from './winning_bets';
import { type WriteGate } from './write_gate';

/** The state of an agency's row, as of its lock. */
interface AgencyState {
  readonly agency: number;
  readonly epoch: number;
  readonly stored: number;
  readonly finished_with: number | null;
}

type MovedState = AgencyState & { readonly moved: boolean };

/** The result of a transaction of batches. */
interface StoredAppends {
  readonly accepted: readonly AgencyAppend[];
  readonly refused: readonly { readonly append: AgencyAppend; readonly state: AgencyState | undefined }[];
}

/** A claim has ended, or a count differs: the transaction is rolled back. */
class Misfit extends Error {}

const UNIQUE_VIOLATION = '23505';

/** While one commit waits for the disk and the standby, the rows of the next one are sent. An agency has 64 batches in flight. */
const COMMIT_LIMITS: CommitLimits = { concurrency: 2, maxItems: 64, minItemsBeside: 32 };

/**
 * Claims agencies of the current draw. The lock on the row of the draw delays a new draw until the commit.
 * $1: draw, $2: agencies.
 */
const CLAIM = `
  INSERT INTO agencies (draw, agency, epoch, stored)
  SELECT d.draw, a.agency, 1, 0
    FROM (SELECT draw FROM draws WHERE draw = $1 AND is_current FOR KEY SHARE) d
    CROSS JOIN unnest($2::int[]) AS a(agency)
   ORDER BY a.agency
  ON CONFLICT (draw, agency) DO UPDATE SET epoch = agencies.epoch + 1
  RETURNING agency, epoch, stored, finished_with`;

/**
 * Locks the rows of the agencies in their order, and moves the counts of those whose claim and count fit.
 * $1: draw, $2 to $5: agencies, epochs, counts before, counts added.
 */
const MOVE_COUNTS = `
  WITH asked AS (SELECT * FROM unnest($2::int[], $3::bigint[], $4::bigint[], $5::bigint[])
                   AS t(agency, epoch, after, added)),
       locked AS (SELECT a.agency, a.epoch, a.stored, a.finished_with FROM agencies a
                  WHERE a.draw = $1 AND a.agency = ANY ($2::int[]) ORDER BY a.agency FOR UPDATE),
       moved AS (UPDATE agencies a SET stored = a.stored + q.added
                 FROM asked q JOIN locked l USING (agency)
                 WHERE a.draw = $1 AND a.agency = q.agency AND l.epoch = q.epoch
                   AND l.stored = q.after AND l.finished_with IS NULL
                 RETURNING a.agency)
  SELECT l.agency, l.epoch, l.stored, l.finished_with, m.agency IS NOT NULL AS moved
    FROM locked l LEFT JOIN moved m USING (agency)`;

/**
 * Stores the bets in PostgreSQL, for any number of servers (docs/cluster.md). A commit carries the batches of many
 * agencies in one transaction; a batch whose claim or count does not fit is rejected alone. A batch is acknowledged
 * after a clean COMMIT only. The outcome of a COMMIT without a response is unknown: its batches fail, and the agency's
 * next claim reads the count.
 */
@injectable()
export class PostgresBetRepository implements BetRepository {
  private readonly claiming = new GroupCommit<number, AgencyClaim>((submissions) => this.commitClaims(submissions));
  private readonly appending = new GroupCommit<BatchAppend, number>(
    (submissions) => this.commitBatches(submissions),
    COMMIT_LIMITS,
  );
  private readonly winningBets: WinningBets;
  private readonly digests: AgencyDigests;
  /** Resolves after the end of the last commit of batches that has begun. */
  private lastCommit: Promise<unknown> = Promise.resolve();
  private readonly idleBuffers: CopyBuffer[] = [];

  constructor(
    @inject(TOKENS.Database) private readonly database: Database,
    @inject(TOKENS.OpenDraw) private readonly draw: OpenDraw,
    @inject(TOKENS.LocalClaims) private readonly claims: LocalClaims,
    @inject(TOKENS.WriteGate) private readonly gate: WriteGate,
    @inject(TOKENS.WinningNumber) private readonly winningNumber: number,
    @inject(TOKENS.StoreObserver) private readonly observer: StoreObserver = NO_OBSERVER,
  ) {
    this.winningBets = new WinningBets(winningNumber);
    this.digests = new AgencyDigests(database, draw);
  }

  claim(agency: number): Promise<AgencyClaim> {
    this.claims.remove(agency);
    return this.claiming.submit(agency);
  }

  onSuperseded(listener: (claim: AgencyClaim) => void): void {
    this.claims.onSuperseded = listener;
  }

  append(claim: AgencyClaim, batch: BetBatch, after: number): Promise<number> {
    return this.appending.submit({ claim, batch, after });
  }

  digest(agency: number, count: number): Promise<BetsDigest> {
    return this.digests.of(agency, count);
  }

  async *winners(number: number, stop: AbortSignal): AsyncIterable<Winner> {
    yield* await this.readWinners<Winner>('agency, document', number, stop);
  }

  async *winningRows(number: number, stop: AbortSignal): AsyncIterable<WinningRow> {
    yield* await this.readWinners<WinningRow>('agency, seq AS row', number, stop);
  }

  /** Ends the reading for digests, and resolves once no commit is in progress. */
  async close(): Promise<void> {
    await Promise.all([this.claiming.idle(), this.appending.idle(), this.digests.close()]);
  }

  private async readWinners<Row extends object>(columns: string, number: number, stop: AbortSignal): Promise<Row[]> {
    if (number !== this.winningNumber) throw new Error(`the winners of ${this.winningNumber} are stored, no others`);
    throwIfStopped(stop);
    return this.database.query<Row>(`SELECT ${columns} FROM winners WHERE draw = $1 ORDER BY agency, seq`, [
      this.draw.id,
    ]);
  }

  private async commitClaims(submissions: readonly Submission<number, AgencyClaim>[]): Promise<void> {
    this.gate.requireOpen();
    const newest = new Map(submissions.map((submission) => [submission.item, submission]));
    const agencies = Array.from(newest.keys());
    const rows = await this.database.write<AgencyState>(CLAIM, [this.draw.id, agencies]);
    if (rows.length === 0) throw new StoreConflictError('the draw has ended: a new one has begun');
    for (const { agency, epoch, stored, finished_with: finishedWith } of rows) {
      const claim: AgencyClaim = { agency, epoch, stored };
      this.claims.add(claim, finishedWith !== null);
      this.digests.limit(agency, stored);
      newest.get(agency)!.resolve(claim);
    }
    // Of two claims of one agency in a group the first one has ended already.
    for (const submission of submissions) {
      if (newest.get(submission.item) !== submission) submission.reject(supersededClaim({ agency: submission.item }));
    }
  }

  private async commitBatches(submissions: readonly PendingBatch[]): Promise<void> {
    const planned = planAppends(submissions, this.claims);
    if (planned.length === 0) return;
    const startedAt = performance.now();
    const commit = this.commitPlanned(planned, this.lastCommit);
    this.lastCommit = commit.catch(() => {});
    const { accepted, refused } = await commit;
    for (const { append, state } of refused) this.refuse(append, state);
    if (accepted.length === 0) return;
    const batches = accepted.flatMap((append) => append.submissions);
    const bytes = batches.reduce((sum, { item }) => sum + item.batch.rows.length, 0);
    this.observer.committed({ batches: batches.length, bytes, milliseconds: performance.now() - startedAt });
    for (const { item, resolve } of batches) resolve(item.after + item.batch.count);
  }

  /**
   * Stores the batches whose claims and counts fit. After a failure nothing more is sent under their claims.
   *
   * @param predecessor resolves after the end of the commit before, whose batches may precede these.
   */
  private async commitPlanned(planned: readonly AgencyAppend[], predecessor: Promise<unknown>): Promise<StoredAppends> {
    const rows = this.idleBuffers.pop() ?? new CopyBuffer();
    try {
      this.gate.requireOpen();
      const stored = (await this.storeAll(planned, rows, predecessor)) ?? (await this.storeFitting(planned, rows));
      this.idleBuffers.push(rows);
      return stored;
    } catch (error) {
      // The buffer is given up: a lost connection may still hold it.
      for (const { claim } of planned) this.claims.recordFailure(claim, error as Error);
      throw error;
    }
  }

  /**
   * Stores all batches, with the check at the end: the rows are sent during the commit before.
   * Returns undefined, and stores nothing, if a claim or a count does not fit.
   */
  private async storeAll(
    planned: readonly AgencyAppend[],
    rows: CopyBuffer,
    predecessor: Promise<unknown>,
  ): Promise<StoredAppends | undefined> {
    this.fill(rows, planned);
    try {
      await this.database.transaction(async (transaction) => {
        await transaction.copyFrom(COPY_BETS, [rows.lines]);
        await predecessor;
        const states = await this.moveCounts(transaction, planned);
        if (!planned.every(({ claim }) => states.get(claim.agency)?.moved === true)) throw new Misfit();
        await this.addWinners(transaction, planned);
      });
      return { accepted: planned, refused: [] };
    } catch (error) {
      const isTaken = error instanceof StatementError && error.sqlState === UNIQUE_VIOLATION;
      if (!(error instanceof Misfit) && !isTaken) throw error;
      await predecessor;
      return undefined;
    }
  }

  /** Stores the batches whose claims and counts fit, with the check at the beginning. */
  private storeFitting(planned: readonly AgencyAppend[], rows: CopyBuffer): Promise<StoredAppends> {
    return this.database.transaction(async (transaction) => {
      const states = await this.moveCounts(transaction, planned);
      const isMoved = ({ claim }: AgencyAppend): boolean => states.get(claim.agency)?.moved === true;
      const accepted = planned.filter(isMoved);
      const refused = planned
        .filter((append) => !isMoved(append))
        .map((append) => ({ append, state: states.get(append.claim.agency) }));
      if (accepted.length > 0) {
        this.fill(rows, accepted);
        await transaction.copyFrom(COPY_BETS, [rows.lines]);
        await this.addWinners(transaction, accepted);
      }
      return { accepted, refused };
    });
  }

  private fill(rows: CopyBuffer, appends: readonly AgencyAppend[]): void {
    rows.clear();
    for (const { submissions } of appends) {
      for (const { item } of submissions) rows.add(this.draw.id, item.batch, item.after);
    }
  }

  private async moveCounts(
    transaction: Transaction,
    planned: readonly AgencyAppend[],
  ): Promise<ReadonlyMap<number, MovedState>> {
    const states = await transaction.query<MovedState>(MOVE_COUNTS, [
      this.draw.id,
      planned.map(({ claim }) => claim.agency),
      planned.map(({ claim }) => claim.epoch),
      planned.map(({ after }) => after),
      planned.map(({ added }) => added),
    ]);
    return new Map(states.map((state) => [state.agency, state]));
  }

  private refuse({ claim, after, submissions }: AgencyAppend, state: AgencyState | undefined): void {
    const error = refusalOf(claim, after, state);
    this.claims.recordFailure(claim, error);
    for (const submission of submissions) submission.reject(error);
  }

  private winnersOf(appends: readonly AgencyAppend[]): readonly WinningBet[] {
    return appends.flatMap(({ submissions }) =>
      submissions.flatMap(({ item }) => this.winningBets.of(item.batch, item.after)),
    );
  }

  private async addWinners(transaction: Transaction, appends: readonly AgencyAppend[]): Promise<void> {
    const winners = this.winnersOf(appends);
    if (winners.length > 0) await addWinners(transaction, this.draw.id, winners);
  }
}

function refusalOf(claim: AgencyClaim, after: number, state: AgencyState | undefined): StoreError {
  if (state?.epoch !== claim.epoch) return supersededClaim(claim);
  if (state.finished_with !== null) return new BatchOutOfSequenceError(`agency ${claim.agency} has finished`);
  return new BatchOutOfSequenceError(`${state.stored} bets are stored before the batch, not ${after}`);
}
