import { inject, injectable } from 'inversify';
import { type ActionLog } from '../../../runtime/action_log';
import { type AgencyClaim } from '../../domain/agency_claim';
import { type Finish, type FinishTracker } from '../../domain/finish_tracker';
import { TOKENS } from '../../tokens';
import { StoreDamagedError } from '../../domain/store_errors';
import { type AgencyEpochs } from './agency_epochs';
import { type StoreDirectory } from './disk/file_system';
import { GroupCommit, type Submission } from '../group_commit';
import { Journal } from './log/journal';
import { type StoreHealth } from './disk/store_health';
import { type StorePart } from './store_part';

interface AgencyFinish extends Finish {
  readonly agency: number;
}

/**
 * Stores the finished agencies in `finished.journal`: `finished AGENCY:BETS[:DIGEST]…`. Simultaneous finishes share
 * a record.
 */
@injectable()
export class FileFinishTracker implements FinishTracker, StorePart {
  private readonly finished = new Map<number, Finish>();
  private readonly waiters: (() => void)[] = [];
  private readonly journal: Journal;
  private readonly commits = new GroupCommit<AgencyFinish>((submissions) => this.commit(submissions));

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
      for (const { agency, bets, digest } of parseFinishes(record)) this.finished.set(agency, { bets, digest });
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

  get finishes(): ReadonlyMap<number, Finish> {
    return this.finished;
  }

  async finish(claim: AgencyClaim, bets: number, digest?: string): Promise<void> {
    this.epochs.requireCurrent(claim);
    if (this.finished.has(claim.agency)) return;
    await this.commits.submit({ agency: claim.agency, bets, digest });
    if (this.finished.size < this.expected) return;
    for (const resolve of this.waiters.splice(0)) resolve();
  }

  async hasFinished(agency: number): Promise<boolean> {
    return this.finished.has(agency);
  }

  async count(): Promise<number> {
    return this.finished.size;
  }

  async readFinishes(): Promise<ReadonlyMap<number, Finish>> {
    return this.finished;
  }

  async whenAllFinished(): Promise<void> {
    if (this.finished.size >= this.expected) return;
    await new Promise<void>((resolve) => this.waiters.push(resolve));
  }

  async close(): Promise<void> {
    await this.commits.idle();
    await this.journal.close();
  }

  private async commit(submissions: readonly Submission<AgencyFinish>[]): Promise<void> {
    const finishes = submissions.map(({ item }) => item);
    await this.journal.write(`finished ${finishes.map(formatFinish).join(' ')}`);
    for (const { agency, bets, digest } of finishes) this.finished.set(agency, { bets, digest });
    for (const { resolve } of submissions) resolve();
  }
}

function formatFinish({ agency, bets, digest }: AgencyFinish): string {
  return digest === undefined ? `${agency}:${bets}` : `${agency}:${bets}:${digest}`;
}

/** @throws StoreDamagedError this version writes no such record. */
export function parseFinishes(record: string): AgencyFinish[] {
  if (!/^finished(?: \d+:\d+(?::[0-9a-f]{64})?)+$/.test(record)) {
    throw new StoreDamagedError(`finished.journal: ${JSON.stringify(record)} is no record of this version`);
  }
  const finishes = record.split(' ').slice(1);
  return finishes.map((finish) => {
    const [agency, bets, digest] = finish.split(':');
    return { agency: Number(agency), bets: Number(bets), digest };
  });
}
