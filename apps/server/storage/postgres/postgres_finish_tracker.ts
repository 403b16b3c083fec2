import { inject, injectable } from 'inversify';
import { type AgencyClaim } from '../../domain/agency_claim';
import { type FinishTracker } from '../../domain/finish_tracker';
import { BatchOutOfSequenceError } from '../../domain/store_errors';
import { TOKENS } from '../../tokens';
import { GroupCommit, type Submission } from '../group_commit';
import { type Database } from './database/database';
import { type Transaction } from './database/transaction';
import { type LocalClaims, supersededClaim } from './local_claims';
import { type OpenDraw } from './open_draw';
import { type WriteGate } from './write_gate';

interface Finish {
  readonly claim: AgencyClaim;
  readonly bets: number;
}

type PendingFinish = Submission<Finish>;

interface AgencyState {
  readonly agency: number;
  readonly epoch: number;
  readonly stored: number;
  readonly finished_with: number | null;
}

/** $1: draw, $2: agencies. */
const LOCK_AGENCIES = `
  SELECT agency, epoch, stored, finished_with FROM agencies
   WHERE draw = $1 AND agency = ANY ($2::int[]) ORDER BY agency FOR UPDATE`;

/** $1: draw, $2: agencies. */
const FINISH_AGENCIES = 'UPDATE agencies SET finished_with = stored WHERE draw = $1 AND agency = ANY ($2::int[])';

/** $1: draw, $2: the number of agencies that have finished in this transaction. */
const COUNT_FINISHES = 'UPDATE draws SET finished = finished + $2 WHERE draw = $1 RETURNING finished';

/**
 * Records the finishes of the current draw in PostgreSQL. The finishes of all servers are counted in the draw's row.
 */
@injectable()
export class PostgresFinishTracker implements FinishTracker {
  private readonly commits = new GroupCommit<Finish>((submissions) => this.commit(submissions));
  private readonly waiters: (() => void)[] = [];
  private finished = 0;

  constructor(
    @inject(TOKENS.Database) private readonly database: Database,
    @inject(TOKENS.OpenDraw) private readonly draw: OpenDraw,
    @inject(TOKENS.LocalClaims) private readonly claims: LocalClaims,
    @inject(TOKENS.WriteGate) private readonly gate: WriteGate,
    @inject(TOKENS.ExpectedAgencies) readonly expected: number,
  ) {}

  finish(claim: AgencyClaim, bets: number): Promise<void> {
    return this.commits.submit({ claim, bets });
  }

  async hasFinished(agency: number): Promise<boolean> {
    const known = this.claims.hasFinished(agency);
    if (known !== undefined) return known;
    const [row] = await this.database.query<{ finished: boolean }>(
      'SELECT finished_with IS NOT NULL AS finished FROM agencies WHERE draw = $1 AND agency = $2',
      [this.draw.id, agency],
    );
    return row?.finished ?? false;
  }

  /** The number as of the last poll or finish of this server. */
  async count(): Promise<number> {
    return this.finished;
  }

  async whenAllFinished(): Promise<void> {
    if (this.finished >= this.expected) return;
    await new Promise<void>((resolve) => this.waiters.push(resolve));
  }

  /** Takes the number of finished agencies from the draw's row. */
  update(finished: number): void {
    if (finished > this.finished) this.finished = finished;
    if (this.finished < this.expected) return;
    for (const resolve of this.waiters.splice(0)) resolve();
  }

  /** Resolves once no commit is in progress. */
  async idle(): Promise<void> {
    await this.commits.idle();
  }

  private async commit(submissions: readonly PendingFinish[]): Promise<void> {
    this.gate.requireOpen();
    const { states, finished } = await this.database.transaction((transaction) =>
      this.record(transaction, submissions),
    );
    if (finished !== undefined) this.update(finished);
    for (const { item, resolve, reject } of submissions) {
      const { claim, bets } = item;
      const state = states.get(claim.agency);
      if (state === undefined || state.epoch !== claim.epoch) reject(supersededClaim(claim));
      else if (state.stored !== bets)
        reject(new BatchOutOfSequenceError(`${state.stored} bets are stored, not ${bets}`));
      else {
        this.claims.recordFinish(claim);
        resolve();
      }
    }
  }

  /** Finishes the agencies whose claim and count fit. A repeated finish changes nothing. */
  private async record(
    transaction: Transaction,
    submissions: readonly PendingFinish[],
  ): Promise<{ states: ReadonlyMap<number, AgencyState>; finished: number | undefined }> {
    const draw = this.draw.id;
    const agencies = submissions.map(({ item }) => item.claim.agency);
    const rows = await transaction.query<AgencyState>(LOCK_AGENCIES, [draw, agencies]);
    const states = new Map(rows.map((state) => [state.agency, state]));
    const finishing = new Set<number>();
    for (const { claim, bets } of submissions.map(({ item }) => item)) {
      const state = states.get(claim.agency);
      if (state?.epoch === claim.epoch && state.stored === bets && state.finished_with === null) {
        finishing.add(claim.agency);
      }
    }
    if (finishing.size === 0) return { states, finished: undefined };
    await transaction.query(FINISH_AGENCIES, [draw, Array.from(finishing)]);
    const [counted] = await transaction.query<{ finished: number }>(COUNT_FINISHES, [draw, finishing.size]);
    return { states, finished: counted!.finished };
  }
}
