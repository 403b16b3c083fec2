import { type BetBatch, betsOf } from '../../apps/protocol/bet_batch';
import { type BetsDigest } from '../../apps/protocol/bets_digest';
import { RowsHash } from '../../apps/protocol/rows_hash';
import { ServerActivity } from '../../apps/server/stats/server_activity';
import { type SessionServices } from '../../apps/server/sessions/session_services';
import { type AgencyClaim } from '../../apps/server/domain/agency_claim';
import { type BetRepository, type Winner, type WinningRow } from '../../apps/server/domain/bet_repository';
import { type DrawEvidence, NO_EVIDENCE } from '../../apps/server/domain/draw_evidence';
import { type Finish, type FinishTracker } from '../../apps/server/domain/finish_tracker';
import { type LotteryOverview, type LotteryState } from '../../apps/server/domain/lottery_overview';
import { Latch } from '../../apps/server/domain/latch';
import { SessionRegistry } from '../../apps/server/sessions/session_registry';
import { BatchOutOfSequenceError, ClaimSupersededError } from '../../apps/server/domain/store_errors';
import { NEVER_STOPPED } from '../../apps/server/domain/stop';
import { type WinnerService } from '../../apps/server/domain/winner_service';
import { ActionLog } from '../../apps/runtime/action_log';

/** A repository in memory. A test may delay or fail its batches. */
export class MemoryBetRepository implements BetRepository {
  /** The stored rows, in order. */
  readonly rows: string[] = [];
  /** Called before the storage of each batch. Its promise delays the batch, and its rejection fails it. */
  beforeStoring: (batch: BetBatch) => Promise<void> = async () => {};
  /** Called before each digest. Its promise delays it, and its rejection fails it. */
  beforeDigest: () => Promise<void> = async () => {};
  /** The number of submitted batches. */
  appended = 0;
  private readonly counts = new Map<number, number>();
  private readonly epochs = new Map<number, number>();
  private readonly winnersByNumber: (Winner & { number: number })[] = [];
  private tail: Promise<unknown> = Promise.resolve();

  /** The number of bets of each agency with bets. */
  get countsByAgency(): ReadonlyMap<number, number> {
    return this.counts;
  }

  async claim(agency: number): Promise<AgencyClaim> {
    const epoch = (this.epochs.get(agency) ?? 0) + 1;
    this.epochs.set(agency, epoch);
    return { agency, epoch, stored: this.counts.get(agency) ?? 0 };
  }

  onSuperseded(): void {}

  async append(claim: AgencyClaim, batch: BetBatch, after: number): Promise<number> {
    this.appended++;
    const storing = this.tail.then(() => this.store(claim, batch, after));
    this.tail = storing.catch(() => {});
    return storing;
  }

  async digest(agency: number, count: number): Promise<BetsDigest> {
    await this.beforeDigest();
    const rows = this.rows.filter((row) => row.startsWith(`${agency},`)).slice(0, count);
    const hash = new RowsHash();
    for (const row of rows) hash.add(Buffer.from(row), 1);
    return hash.digest;
  }

  async *winners(number: number): AsyncGenerator<Winner> {
    for (const winner of this.winnersByNumber) if (winner.number === number) yield winner;
  }

  async *winningRows(number: number): AsyncGenerator<WinningRow> {
    const counts = new Map<number, number>();
    for (const text of this.rows) {
      const agency = Number.parseInt(text, 10);
      const row = (counts.get(agency) ?? 0) + 1;
      counts.set(agency, row);
      if (Number(text.slice(text.lastIndexOf(',') + 1)) === number) yield { agency, row };
    }
  }

  private async store(claim: AgencyClaim, batch: BetBatch, after: number): Promise<number> {
    await this.beforeStoring(batch);
    if (this.epochs.get(claim.agency) !== claim.epoch) throw new ClaimSupersededError('a newer session has claimed it');
    const before = this.counts.get(batch.agency) ?? 0;
    if (before !== after) throw new BatchOutOfSequenceError(`${before} bets are stored, not ${after}`);
    this.rows.push(...Buffer.from(batch.rows).toString('utf8').split('\n'));
    for (const { document, number } of betsOf(batch)) {
      this.winnersByNumber.push({ agency: batch.agency, document, number: Number(number) });
    }
    this.counts.set(batch.agency, before + batch.count);
    return before + batch.count;
  }
}

/** A tracker in memory. */
export class MemoryFinishTracker implements FinishTracker {
  readonly finished = new Set<number>();
  private readonly finishes = new Map<number, Finish>();
  private readonly waiting: (() => void)[] = [];

  constructor(readonly expected: number) {}

  async finish({ agency }: AgencyClaim, bets = 0, digest?: string): Promise<void> {
    this.finished.add(agency);
    this.finishes.set(agency, { bets, digest });
    if (this.finished.size >= this.expected) for (const resolve of this.waiting.splice(0)) resolve();
  }

  async hasFinished(agency: number): Promise<boolean> {
    return this.finished.has(agency);
  }

  async count(): Promise<number> {
    return this.finished.size;
  }

  async readFinishes(): Promise<ReadonlyMap<number, Finish>> {
    return this.finishes;
  }

  async whenAllFinished(): Promise<void> {
    if (this.finished.size < this.expected) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}

/** A winner service in memory. */
export class MemoryWinnerService implements WinnerService {
  private readonly held = new Latch();

  constructor(
    private readonly number: number,
    private readonly bets: BetRepository,
    tracker: FinishTracker,
  ) {
    void tracker.whenAllFinished().then(() => this.held.open());
  }

  start(): void {}

  async close(): Promise<void> {}

  async waitForDraw(options: { timeoutMs: number; signal: AbortSignal }): Promise<boolean> {
    return this.held.wait(options);
  }

  async winnersOf(agency: number): Promise<readonly string[]> {
    const documents: string[] = [];
    for await (const winner of this.bets.winners(this.number, NEVER_STOPPED)) {
      if (winner.agency === agency) documents.push(winner.document);
    }
    return documents;
  }

  async winnerCounts(): Promise<ReadonlyMap<number, number>> {
    const counts = new Map<number, number>();
    for await (const { agency } of this.bets.winners(this.number, NEVER_STOPPED)) {
      counts.set(agency, (counts.get(agency) ?? 0) + 1);
    }
    return counts;
  }
}

/** The whole lottery of these services. */
export class MemoryLotteryOverview implements LotteryOverview {
  readonly database = undefined;

  constructor(
    private readonly bets: MemoryBetRepository,
    private readonly tracker: MemoryFinishTracker,
  ) {}

  async read(): Promise<LotteryState> {
    const { countsByAgency } = this.bets;
    const { finished } = this.tracker;
    const known = new Set([...countsByAgency.keys(), ...finished]);
    const agencies = Array.from(known, (agency) => {
      return { agency, bets: countsByAgency.get(agency) ?? 0, hasFinished: finished.has(agency), hasWinners: false };
    });
    return { agencies, servers: [], standbys: undefined };
  }
}

/** A log with its lines in memory. */
export function createMemoryLog(level: 'DEBUG' | 'INFO' = 'DEBUG'): { log: ActionLog; lines: string[] } {
  const lines: string[] = [];
  return { log: new ActionLog(level, (line) => lines.push(line.trimEnd())), lines };
}

export interface MemoryLottery extends SessionServices {
  readonly bets: MemoryBetRepository;
  readonly overview: LotteryOverview;
  readonly tracker: MemoryFinishTracker;
  readonly lines: string[];
  /** None by default. */
  evidence: DrawEvidence;
}

/** The services of the sessions, in memory. The number 42 wins. */
export function createMemoryLottery(expected = 3): MemoryLottery {
  const bets = new MemoryBetRepository();
  const tracker = new MemoryFinishTracker(expected);
  const winners = new MemoryWinnerService(42, bets, tracker);
  const overview = new MemoryLotteryOverview(bets, tracker);
  const registry = new SessionRegistry();
  const evidence = NO_EVIDENCE;
  return { bets, tracker, winners, evidence, overview, registry, activity: new ServerActivity(), ...createMemoryLog() };
}
