import { inject, injectable } from 'inversify';
import { type ActionLog } from '../../../runtime/action_log';
import { type AgencyClaim } from '../../domain/agency_claim';
import { type FinishTracker } from '../../domain/finish_tracker';
import { TOKENS } from '../../tokens';
import { StoreDamagedError } from '../../domain/store_errors';
import { type AgencyEpochs } from './agency_epochs';
import { type StoreDirectory } from './disk/file_system';
import { GroupCommit, type Submission } from '../group_commit';
import { Journal } from './log/journal';
import { type StoreHealth } from './disk/store_health';
import { type StorePart } from './store_part';

interface Finish {
  readonly agency: number;
  readonly bets: number;
}

/**
 * Stores the finished agencies in `finished.journal`: `finished AGENCY:BETS…`. Simultaneous finishes share a record.
 */
@injectable()
export class FileFinishTracker implements FinishTracker, StorePart {
  private readonly finished = new Map<number, number>();
  private readonly waiters: (() => void)[] = [];
  private readonly journal: Journal;
  private readonly commits = new GroupCommit<Finish>((submissions) => this.commit(submissions));

  constructor(
    @inject(TOKENS.StoreDirectory) directory: StoreDirectory,
    @inject(TOKENS.ExpectedAgencies) readonly expected: number,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
    @inject(TOKENS.StoreHealth) health: StoreHealth,
    @inject(TOKENS.AgencyEpochs) private readonly epochs: AgencyEpochs,
  ) {
    this.journal = new Journal(directory, 'finished.journal', health);
  }

  async open(stop: AbortSignal): Promise<void> {
    for (const record of await this.journal.open(stop)) {
      for (const { agency, bets } of parseFinishes(record)) this.finished.set(agency, bets);
    }
  }

  async recover(stop: AbortSignal): Promise<void> {
    await this.journal.recover(this.log, stop);
  }

  get hasRecords(): boolean {
    return this.finished.size > 0;
  }

  get missingFiles(): readonly string[] {
    return this.journal.exists ? [] : [this.journal.name];
  }

  /** The number of bets of each finished agency. */
  get finishes(): ReadonlyMap<number, number> {
    return this.finished;
  }

  async finish(claim: AgencyClaim, bets: number): Promise<void> {
    this.epochs.requireCurrent(claim);
    if (this.finished.has(claim.agency)) return;
    await this.commits.submit({ agency: claim.agency, bets });
    if (this.finished.size < this.expected) return;
    for (const resolve of this.waiters.splice(0)) resolve();
  }

  async hasFinished(agency: number): Promise<boolean> {
    return this.finished.has(agency);
  }

  async count(): Promise<number> {
    return this.finished.size;
  }

  async whenAllFinished(): Promise<void> {
    if (this.finished.size >= this.expected) return;
    await new Promise<void>((resolve) => this.waiters.push(resolve));
  }

  async close(): Promise<void> {
    await this.commits.idle();
    await this.journal.close();
  }

  private async commit(submissions: readonly Submission<Finish>[]): Promise<void> {
    const finishes = submissions.map(({ item }) => item);
    await this.journal.write(`finished ${finishes.map(({ agency, bets }) => `${agency}:${bets}`).join(' ')}`);
    for (const { agency, bets } of finishes) this.finished.set(agency, bets);
    for (const { resolve } of submissions) resolve();
  }
}

function parseFinishes(record: string): Finish[] {
  if (!/^finished(?: \d+:\d+)+$/.test(record)) {
    throw new StoreDamagedError(`finished.journal: ${JSON.stringify(record)} is no record of this version`);
  }
  const pairs = record.split(' ').slice(1);
  return pairs
    .map((pair) => pair.split(':').map(Number) as [number, number])
    .map(([agency, bets]) => ({ agency, bets }));
}
