import { inject, injectable } from 'inversify';
import { type ActionLog } from '../../runtime/action_log';
import { type FinishTracker } from '../finish_tracker';
import { TOKENS } from '../tokens';
import { StoreConflictError, StoreDamagedError } from './errors';
import { type StoreDirectory } from './file_system';
import { Journal } from './journal';

const FILE = 'finished.journal';

/** Keeps who has finished in `finished.journal`: a record `finished AGENCY BETS` for each agency. */
@injectable()
export class FileFinishTracker implements FinishTracker {
  private readonly finished = new Set<number>();
  private readonly waiting: (() => void)[] = [];
  private journal!: Journal;

  constructor(
    @inject(TOKENS.StoreDirectory) private readonly directory: StoreDirectory,
    @inject(TOKENS.ExpectedAgencies) readonly expected: number,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
  ) {}

  /** @throws StoreDamagedError, StoreConflictError an agency has finished that is not expected any more. */
  async open(): Promise<void> {
    this.journal = await Journal.open(this.directory, FILE, this.log);
    for (const record of this.journal.records) this.finished.add(parseFinish(record));
    const stranger = Array.from(this.finished).find((agency) => agency > this.expected);
    if (stranger === undefined) return;
    await this.close();
    throw new StoreConflictError(`agency ${stranger} has finished here, and only ${this.expected} are expected`);
  }

  async finish(agency: number, bets: number): Promise<void> {
    if (this.finished.has(agency)) return;
    await this.journal.write(`finished ${agency} ${bets}`);
    this.finished.add(agency);
    if (this.finished.size < this.expected) return;
    for (const tell of this.waiting.splice(0)) tell();
  }

  async hasFinished(agency: number): Promise<boolean> {
    return this.finished.has(agency);
  }

  async count(): Promise<number> {
    return this.finished.size;
  }

  async whenAllFinished(): Promise<void> {
    if (this.finished.size >= this.expected) return;
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  async close(): Promise<void> {
    await this.journal.close();
  }
}

function parseFinish(record: string): number {
  const match = /^finished ([1-9]\d*) \d+$/.exec(record);
  if (match === null) throw new StoreDamagedError(`${FILE}: ${JSON.stringify(record)} is no record of this version`);
  return Number(match[1]);
}
