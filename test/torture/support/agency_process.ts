import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { dirname, join } from 'node:path';
import { DIST } from '../../support/app';
import { type BetFields, storedRow } from '../../support/generated_bets';
import { type AgencyRecord } from './oracle';
import { BrokenPromiseError } from './recording_agency';
import { type ProcessEnd } from './server_process';

export interface AgencyProcessOptions {
  readonly id: number;
  readonly bets: readonly BetFields[];
  /** The file with these bets. */
  readonly file: string;
  /** `host:port` of each server, separated by commas. */
  readonly servers: string;
  readonly betsPerBatch: number;
  /** Batches in flight. */
  readonly window: number;
}

/** The compiled client as a process of its own, and its record of acknowledged bets, which is its log. */
export class AgencyProcess implements AgencyRecord {
  private static readonly running = new Set<AgencyProcess>();
  readonly id: number;
  readonly bets: readonly BetFields[];
  readonly rows: readonly string[];
  /** The number of acknowledged bets in its log. */
  acknowledged = 0;
  /** The finish is acknowledged. */
  hasFinished = false;
  readonly winners: string[] = [];
  /** A broken promise in its log. */
  failure: BrokenPromiseError | undefined;
  /** All log lines but those of acknowledged batches. */
  readonly lines: string[] = [];
  readonly ended: Promise<ProcessEnd>;
  private readonly child: ChildProcess;
  private end: ProcessEnd | undefined;
  private watchers: (() => void)[] = [];
  private refusals = 0;
  private acknowledgedAt = 0;
  private longestPauseMs = 0;

  constructor(private readonly options: AgencyProcessOptions) {
    this.id = options.id;
    this.bets = options.bets;
    this.rows = options.bets.map((bet) => storedRow(options.id, bet));
    const { PATH, NODE_V8_COVERAGE } = process.env;
    this.child = spawn(process.execPath, [join(DIST, 'apps/client/main.js')], {
      cwd: dirname(options.file),
      env: {
        PATH,
        NODE_V8_COVERAGE,
        CONFIG_FILE: '/dev/null',
        CLI_ID: String(options.id),
        CLI_SERVER_ADDRESS: options.servers,
        CLI_DATA_FILE: options.file,
        CLI_LOG_LEVEL: 'DEBUG',
        CLI_BATCH_MAX_AMOUNT: String(options.betsPerBatch),
        CLI_WINDOW: String(options.window),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    createInterface(this.child.stdout!).on('line', (line) => this.record(line));
    createInterface(this.child.stderr!).on('line', (line) => this.lines.push(line));
    AgencyProcess.running.add(this);
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        AgencyProcess.running.delete(this);
        this.end = { code, signal };
        this.notify();
        resolve(this.end);
      });
    });
  }

  /** Kills the processes that a test has left running. */
  static async killAll(): Promise<void> {
    await Promise.all(
      Array.from(AgencyProcess.running, async (agency) => {
        agency.child.kill('SIGKILL');
        await agency.ended;
      }),
    );
  }

  get hasEnded(): boolean {
    return this.end !== undefined;
  }

  /** Batches begin where the agency continues, which is behind a whole batch. */
  couldBeStored(count: number): boolean {
    return count % this.options.betsPerBatch === 0 || count === this.bets.length;
  }

  /** Begins to measure the longest time between two acknowledgements. */
  startPause(): void {
    this.acknowledgedAt = performance.now();
    this.longestPauseMs = 0;
  }

  /**
   * Waits for the next acknowledgement, unless all have come. Resolves with the longest time since `startPause` without
   * one, in milliseconds; with undefined if none came in that time.
   */
  async endPause(): Promise<number | undefined> {
    const { acknowledged } = this;
    while (this.acknowledged === acknowledged && !this.hasFinished && !this.hasEnded) await this.change();
    return this.longestPauseMs === 0 ? undefined : this.longestPauseMs;
  }

  /** Resolves at the next `E` with the code `storage` or `busy` in its log, or when it ends. */
  async refusal(): Promise<void> {
    const before = this.refusals;
    while (this.refusals === before && !this.hasEnded) await this.change();
  }

  /** Resolves at the next line of its log, or when it ends. */
  async change(): Promise<void> {
    await new Promise<void>((resolve) => void this.watchers.push(resolve));
  }

  private record(line: string): void {
    const stored = /action: (?:batch_enviado .*cantidad_total|upload .*(?:stored|cantidad)): (\d+)/.exec(line)?.[1];
    if (stored !== undefined) this.recordAcknowledgement(Number(stored));
    if (line.includes('action: upload | result: success')) this.hasFinished = true;
    if (/error: .*\b(?:storage|busy)\b/.test(line)) this.refusals++;
    const winner = /action: ganador .*dni: (\d+)/.exec(line)?.[1];
    if (winner !== undefined) this.winners.push(winner);
    if (!line.includes('action: batch_enviado')) this.lines.push(line);
    this.notify();
  }

  private recordAcknowledgement(count: number): void {
    if (count < this.acknowledged) {
      this.failure ??= new BrokenPromiseError(
        `agency ${this.id}: ${this.acknowledged} were acknowledged, now ${count} are stored`,
      );
    }
    this.acknowledged = Math.max(this.acknowledged, count);
    const now = performance.now();
    this.longestPauseMs = Math.max(this.longestPauseMs, now - this.acknowledgedAt);
    this.acknowledgedAt = now;
  }

  private notify(): void {
    const watchers = this.watchers;
    this.watchers = [];
    for (const watcher of watchers) watcher();
  }
}
