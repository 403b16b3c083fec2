import { inject, injectable } from 'inversify';
import { type AgencyClaim } from '../../domain/agency_claim';
import { type Finish, type FinishTracker } from '../../domain/finish_tracker';
import { BatchOutOfSequenceError } from '../../domain/store_errors';
import { TOKENS } from '../../tokens';
import { GroupCommit, type Submission } from '../group_commit';
import { type Database } from './database/database';
import { type Transaction } from './database/transaction';
import { type LocalClaims, supersededClaim } from './local_claims';
import { type OpenDraw } from './open_draw';
import { type WriteGate } from './write_gate';

interface ClaimFinish {
  readonly claim: AgencyClaim;
  readonly bets: number;
  readonly digest: string | undefined;
}

type PendingFinish = Submission<ClaimFinish>;

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

/** $1: draw, $2 and $3: agencies, digests. */
const FINISH_AGENCIES = `
  UPDATE agencies a SET finished_with = a.stored, finish_digest = t.digest
    FROM unnest($2::int[], $3::text[]) AS t(agency, digest) WHERE a.draw = $1 AND a.agency = t.agency`;

/** $1: draw. */
const FINISHES = `
  SELECT agency, finished_with AS bets, finish_digest AS digest FROM agencies
   WHERE draw = $1 AND finished_with IS NOT NULL`;

/** $1: draw, $2: the number of agencies that have finished in this transaction. */
const COUNT_FINISHES = 'UPDATE draws SET finished = finished + $2 WHERE draw = $1 RETURNING finished';

/**
 * Records the finishes of the current draw in PostgreSQL. The finishes of all servers are counted in the draw's row.
 */
@injectable()
export class PostgresFinishTracker implements FinishTracker {
  private readonly commits = new GroupCommit<ClaimFinish>((submissions) => this.commit(submissions));
  private readonly waiters: (() => void)[] = [];
  private finished = 0;

  constructor(
    @inject(TOKENS.Database) private readonly database: Database,
    @inject(TOKENS.OpenDraw) private readonly draw: OpenDraw,
    @inject(TOKENS.LocalClaims) private readonly claims: LocalClaims,
    @inject(TOKENS.WriteGate) private readonly gate: WriteGate,
    @inject(TOKENS.ExpectedAgencies) readonly expected: number,
  ) {}

  finish(claim: AgencyClaim, bets: number, digest?: string): Promise<void> {
    return this.commits.submit({ claim, bets, digest });
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

  async readFinishes(): Promise<ReadonlyMap<number, Finish>> {
    return readFinishes(this.database, this.draw.id);
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
    const finishing = new Map<number, string | undefined>();
    for (const { claim, bets, digest } of submissions.map(({ item }) => item)) {
      const state = states.get(claim.agency);
      if (state?.epoch === claim.epoch && state.stored === bets && state.finished_with === null) {
        finishing.set(claim.agency, digest);
      }
    }
    if (finishing.size === 0) return { states, finished: undefined };
    const digests = Array.from(finishing.values(), (digest) => digest ?? null);
    await transaction.query(FINISH_AGENCIES, [draw, Array.from(finishing.keys()), digests]);
    const [counted] = await transaction.query<{ finished: number }>(COUNT_FINISHES, [draw, finishing.size]);
    return { states, finished: counted!.finished };
  }
}

/** The finishes of a draw, by agency. */
export async function readFinishes(database: Database, draw: number): Promise<ReadonlyMap<number, Finish>> {
  const rows = await database.query<{ agency: number; bets: number; digest: string | null }>(FINISHES, [draw]);
  return new Map(rows.map(({ agency, bets, digest }) => [agency, { bets, digest: digest ?? undefined }]));
}
