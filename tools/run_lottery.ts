import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import Table from 'cli-table3';
import { type AppEnd, AppProcess } from './app_process';
import { ArgumentError, parseOptions, parseWholeNumber } from './arguments';
import { createProgressDisplay, type ProgressDisplay } from './progress_display';
import { makeSampleData } from './sample_data';

/** `make run`: the whole lottery on this machine, the server and each agency a process of its own. */

const RUN_DIRECTORY = '.data/run';
const LINE_FEED = 0x0a;

/** What the apps tell their parent; see apps/client/progress.ts and apps/server/lottery_server.ts. */
type AppMessage =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'stored' | 'finished'; readonly bets: number }
  | { readonly kind: 'winners'; readonly documents: readonly string[] };

/** How an agency came out. */
interface AgencyOutcome {
  readonly agency: number;
  readonly end: AppEnd;
  readonly bets: number;
  readonly winners: readonly string[];
  readonly process: AppProcess;
}

async function main(): Promise<number> {
  const { agencies, bets, data } = readArguments();
  if (data === undefined) await makeMissingSamples(agencies, bets);
  const files = agencyFiles(data ?? '.data', agencies);
  const totals = await countBets(files);
  await rm(RUN_DIRECTORY, { recursive: true, force: true });
  await mkdir(RUN_DIRECTORY, { recursive: true });
  return new LotteryRun(files, totals).run();
}

/** One run of the lottery, from an empty store to the winners. */
class LotteryRun {
  private readonly processes: AppProcess[] = [];
  private wasStopped = false;

  constructor(
    private readonly files: ReadonlyMap<number, string>,
    private readonly totals: ReadonlyMap<number, number>,
  ) {}

  async run(): Promise<number> {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => this.stop());
    const begun = performance.now();
    const { server, port } = await this.startServer();
    const display = createProgressDisplay(this.totals);
    // Without its server no agency gets anywhere.
    void server.ended.then(() => this.stopAll());
    const outcomes = await Promise.all(Array.from(this.files.keys(), (id) => this.runAgency(id, port, display)));
    display.stop();
    const seconds = (performance.now() - begun) / 1000;
    server.stop();
    const serverEnd = await server.ended;
    if (this.wasStopped) {
      process.stdout.write('stopped\n');
      return 0;
    }
    return this.report(outcomes, serverEnd, server, seconds);
  }

  private async startServer(): Promise<{ server: AppProcess; port: number }> {
    const environment = {
      SERVER_IP: '127.0.0.1',
      SERVER_PORT: '0',
      SERVER_AGENCIES: String(this.files.size),
      SERVER_DATA_DIR: join(RUN_DIRECTORY, 'store'),
    };
    const log = join(RUN_DIRECTORY, 'server.log');
    return new Promise((resolve, reject) => {
      const server = new AppProcess('server', environment, log, (message) => {
        const { kind, port } = message as AppMessage & { port: number };
        if (kind === 'listening') resolve({ server, port });
      });
      this.processes.push(server);
      void server.ended
        .then(() => server.lastLines(5))
        .then((lines) => reject(new RunError(`the server did not start; ${log} ends with:\n${lines}`)));
    });
  }

  private async runAgency(agency: number, port: number, display: ProgressDisplay): Promise<AgencyOutcome> {
    let bets = 0;
    let winners: readonly string[] = [];
    const environment = {
      CLI_ID: String(agency),
      CLI_SERVER_ADDRESS: `127.0.0.1:${port}`,
      CLI_DATA_FILE: this.files.get(agency)!,
    };
    const log = join(RUN_DIRECTORY, `agency-${agency}.log`);
    const child = new AppProcess('client', environment, log, (received) => {
      const message = received as AppMessage;
      if (message.kind === 'stored' || message.kind === 'finished') bets = message.bets;
      if (message.kind === 'winners') winners = message.documents;
      display.update(agency, bets, STATES[message.kind]);
    });
    this.processes.push(child);
    display.update(agency, 0, 'starting');
    const end = await child.ended;
    if (end !== 0) display.update(agency, bets, `failed (${end})`);
    return { agency, end, bets, winners, process: child };
  }

  private async report(
    outcomes: readonly AgencyOutcome[],
    serverEnd: AppEnd,
    server: AppProcess,
    seconds: number,
  ): Promise<number> {
    const table = new Table({ head: ['agency', 'bets', 'winners', 'documents'], style: { head: [], border: [] } });
    for (const { agency, bets, winners, end } of outcomes) {
      table.push([agency, bets, end === 0 ? winners.length : 'failed', winners.join(' ')]);
    }
    const total = outcomes.reduce((sum, { bets }) => sum + bets, 0);
    process.stdout.write(`\n${table.toString()}\n`);
    process.stdout.write(`${total} bets in ${seconds.toFixed(2)} s, every one on the disk; logs in ${RUN_DIRECTORY}\n`);
    for (const { agency, end, process: child } of outcomes) {
      if (end !== 0) process.stderr.write(`agency ${agency} failed (${end}):\n${await child.lastLines(3)}\n`);
    }
    if (serverEnd !== 0) process.stderr.write(`the server failed (${serverEnd}):\n${await server.lastLines(5)}\n`);
    return serverEnd === 0 && outcomes.every(({ end }) => end === 0) ? 0 : 1;
  }

  private stop(): void {
    this.wasStopped = true;
    this.stopAll();
  }

  private stopAll(): void {
    for (const child of this.processes) child.stop();
  }
}

const STATES: Readonly<Record<AppMessage['kind'], string>> = {
  listening: '',
  stored: 'uploading',
  finished: 'waiting for the draw',
  winners: 'has its winners',
};

class RunError extends Error {}

function readArguments(): { agencies: number; bets: number; data: string | undefined } {
  const values = parseOptions({
    agencies: { type: 'string', default: '5' },
    bets: { type: 'string', default: '10000' },
    data: { type: 'string' },
  });
  return {
    agencies: parseWholeNumber('AGENCIES', values.agencies, 1, 1000),
    bets: parseWholeNumber('BETS', values.bets, 0, 100_000_000),
    data: values.data,
  };
}

async function makeMissingSamples(agencies: number, bets: number): Promise<void> {
  const made = await makeSampleData({ directory: '.data', agencies, bets, onlyMissing: true });
  if (made.length > 0) process.stdout.write(`sample data: ${made.length} files of ${bets} bets in .data\n`);
}

function agencyFiles(directory: string, agencies: number): Map<number, string> {
  const files = new Map<number, string>();
  for (let agency = 1; agency <= agencies; agency++) files.set(agency, join(directory, `agency-${agency}.csv`));
  return files;
}

/** The lines of each file: what the progress is measured by. */
async function countBets(files: ReadonlyMap<number, string>): Promise<Map<number, number>> {
  const totals = new Map<number, number>();
  for (const [agency, file] of files) totals.set(agency, await countLines(file));
  return totals;
}

async function countLines(file: string): Promise<number> {
  let lines = 0;
  let last = LINE_FEED;
  try {
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      for (let at = chunk.indexOf(LINE_FEED); at !== -1; at = chunk.indexOf(LINE_FEED, at + 1)) lines++;
      last = chunk.at(-1)!;
    }
  } catch (error) {
    throw new RunError(`${file} cannot be read: ${(error as Error).message}`);
  }
  return last === LINE_FEED ? lines : lines + 1;
}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    const isClear =
      error instanceof ArgumentError || error instanceof RunError || (error as { code?: string }).code !== undefined;
    process.stderr.write(`run: ${isClear ? (error as Error).message : String((error as Error).stack)}\n`);
    process.exitCode = error instanceof RunError ? 1 : 2;
  },
);
