import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import Table from 'cli-table3';
import { countRows } from '../apps/client/bets/count_rows';
import { DataFile } from '../apps/client/bets/data_file';
import { SourceUnreadableError } from '../apps/client/bets/errors';
import { type ClientMessage } from '../apps/client/progress/parent_progress';
import { ExitCode } from '../apps/runtime/exit_code';
import { endProcess } from '../apps/runtime/process_end';
import { ignoreLostReader, writeLine, writeText, written } from '../apps/runtime/standard_streams';
import { type ListeningMessage } from '../apps/server/lottery_server';
import { makePrivateDirectory } from '../apps/server/storage/files/disk/private_files';
import { type AppEnd, AppProcess } from './app_process';
import { ArgumentError, parseOptions, parseWholeNumber } from './arguments';
import { findFreePort } from './free_port';
import { createProgressDisplay, type ProgressDisplay } from './progress_display';
import { makeRunCertificates, PLAIN_RUN, type RunTls } from './run_certificates';
import { makeSampleData } from './sample_data';

/** `make run`: the whole lottery on this machine, with a process for the server and for each agency. */

const RUN_DIRECTORY = '.data/run';

/** Fires at SIGTERM or SIGINT, once the processes of a run exist. */
const stop = new AbortController();

/** The result of an agency. */
interface AgencyOutcome {
  readonly agency: number;
  readonly end: AppEnd;
  readonly bets: number;
  readonly winners: readonly string[];
  readonly process: AppProcess;
}

async function main(): Promise<ExitCode> {
  const { agencies, bets, data, json, tls } = readArguments();
  // With --json, stdout contains only the result.
  const print = (text: string): void => writeText(json ? process.stderr : process.stdout, text);
  if (data === undefined) await makeMissingSamples(agencies, bets, print);
  const files = agencyFiles(data ?? '.data', agencies);
  const totals = await countBets(files);
  await rm(RUN_DIRECTORY, { recursive: true, force: true });
  await mkdir(dirname(RUN_DIRECTORY), { recursive: true });
  // At DEBUG the logs contain documents, and DATA may be data of real persons.
  await makePrivateDirectory(RUN_DIRECTORY);
  const settings = tls ? await makeRunCertificates(join(RUN_DIRECTORY, 'certificates'), agencies) : PLAIN_RUN;
  return new LotteryRun(files, totals, settings, json, print).run();
}

/** One run of the lottery, from an empty store to the winners. */
class LotteryRun {
  private readonly processes: AppProcess[] = [];

  constructor(
    private readonly files: ReadonlyMap<number, string>,
    private readonly totals: ReadonlyMap<number, number>,
    private readonly tls: RunTls,
    private readonly json: boolean,
    private readonly print: (text: string) => void,
  ) {}

  async run(): Promise<ExitCode> {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
    stop.signal.addEventListener('abort', () => this.stopAll());
    const startedAt = performance.now();
    const { server, port } = await this.startServer();
    const display = this.json ? NO_DISPLAY : createProgressDisplay(this.totals);
    // The agencies cannot finish without their server.
    void server.ended.then(() => this.stopAll());
    const outcomes = await Promise.all(Array.from(this.files.keys(), (id) => this.runAgency(id, port, display)));
    display.stop();
    const seconds = (performance.now() - startedAt) / 1000;
    server.stop();
    const serverEnd = await server.ended;
    const failed = serverEnd !== 0 || outcomes.some(({ end }) => end !== 0);
    if (this.json) this.printJson(outcomes, failed, seconds);
    else if (stop.signal.aborted) this.print('stopped\n');
    else this.printTable(outcomes, seconds);
    if (stop.signal.aborted) return ExitCode.done;
    await this.explainFailures(outcomes, serverEnd, server);
    return failed ? ExitCode.failed : ExitCode.done;
  }

  private async startServer(): Promise<{ server: AppProcess; port: number }> {
    // Zero disables the server's status page, so a free port is chosen here.
    const statusPort = process.env['SERVER_STATUS_PORT'] ?? String(await findFreePort());
    const scheme = this.tls.server['SERVER_STATUS_TLS'] === 'on' ? 'https' : 'http';
    if (statusPort !== '0') this.print(`status page: ${scheme}://127.0.0.1:${statusPort}/\n`);
    const environment = {
      SERVER_IP: '127.0.0.1',
      SERVER_PORT: '0',
      SERVER_AGENCIES: String(this.files.size),
      SERVER_DATA_DIR: join(RUN_DIRECTORY, 'store'),
      SERVER_STATUS_IP: '127.0.0.1',
      SERVER_STATUS_PORT: statusPort,
      ...this.tls.server,
    };
    const log = join(RUN_DIRECTORY, 'server.log');
    return new Promise((resolve, reject) => {
      const server = new AppProcess('server', environment, log, (received) => {
        const message = received as ListeningMessage;
        if (message.kind === 'listening' && message.port !== undefined) resolve({ server, port: message.port });
      });
      this.processes.push(server);
      void server.ended
        .then(() => server.lastLines(5))
        .then((lines) => reject(new RunError(`the server did not start; ${log} ends with:`, `${lines}\n`)));
    });
  }

  private async runAgency(agency: number, port: number, display: ProgressDisplay): Promise<AgencyOutcome> {
    let bets = 0;
    let winners: readonly string[] = [];
    const environment = {
      CLI_ID: String(agency),
      CLI_SERVER_ADDRESS: `127.0.0.1:${port}`,
      CLI_DATA_FILE: this.files.get(agency)!,
      ...this.tls.client,
    };
    const log = join(RUN_DIRECTORY, `agency-${agency}.log`);
    const child = new AppProcess('client', environment, log, (received) => {
      const message = received as ClientMessage;
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

  private printTable(outcomes: readonly AgencyOutcome[], seconds: number): void {
    const widths = tableWidths(outcomes);
    const table = new Table({
      head: TABLE_HEAD,
      style: { head: [], border: [] },
      ...(widths !== undefined && { colWidths: widths, wordWrap: true }),
    });
    for (const { agency, bets, winners, end } of outcomes) {
      table.push([agency, bets, end === 0 ? winners.length : 'failed', winners.join(' ')]);
    }
    this.print(`\n${table.toString()}\n`);
    const total = sumOf(outcomes.map(({ bets }) => bets));
    this.print(`${total} bets in ${seconds.toFixed(2)} s, every one on the disk; logs in ${RUN_DIRECTORY}\n`);
  }

  /** Prints the result for scripts. docs/operations.md documents it. */
  private printJson(outcomes: readonly AgencyOutcome[], failed: boolean, seconds: number): void {
    const agencies = outcomes.map(({ agency, end, bets, winners }) => {
      const outcome = stop.signal.aborted ? 'stopped' : end === 0 ? 'winners' : 'failed';
      return { agency, outcome, bets, winners: outcome === 'winners' ? winners : null };
    });
    const result = {
      outcome: stop.signal.aborted ? 'stopped' : failed ? 'failed' : 'done',
      bets: sumOf(outcomes.map(({ bets }) => bets)),
      winners: sumOf(outcomes.map(({ winners }) => winners.length)),
      ms: Math.round(seconds * 1000),
      logs: RUN_DIRECTORY,
      agencies,
    };
    writeLine(process.stdout, JSON.stringify(result));
  }

  private async explainFailures(
    outcomes: readonly AgencyOutcome[],
    serverEnd: AppEnd,
    server: AppProcess,
  ): Promise<void> {
    for (const { agency, end, process: child } of outcomes) {
      if (end !== 0) writeText(process.stderr, `agency ${agency} failed (${end}):\n${await child.lastLines(3)}\n`);
    }
    if (serverEnd !== 0) writeText(process.stderr, `the server failed (${serverEnd}):\n${await server.lastLines(5)}\n`);
  }

  private stopAll(): void {
    for (const child of this.processes) child.stop();
  }
}

const STATES: Readonly<Record<ClientMessage['kind'], string>> = {
  stored: 'uploading',
  finished: 'waiting for the draw',
  winners: 'has its winners',
};

const NO_DISPLAY: ProgressDisplay = { update: () => {}, stop: () => {} };

const TABLE_HEAD = ['agency', 'bets', 'winners', 'documents'];
/** The blanks of a column, without its lines. A table with N columns has N + 1 lines. */
const COLUMN_PADDING = 2;
const DOCUMENT_LENGTH = 8;

/** The widths of the table's columns in a terminal, where the winners' documents are wrapped. */
function tableWidths(outcomes: readonly AgencyOutcome[]): number[] | undefined {
  if (!process.stdout.isTTY) return undefined;
  const longest = [outcomes.map(({ agency }) => agency), outcomes.map(({ bets }) => bets), []].map((cells, column) =>
    Math.max(TABLE_HEAD[column]!.length, ...cells.map((cell) => String(cell).length)),
  );
  const fixed = longest.map((length) => length + COLUMN_PADDING);
  const room = process.stdout.columns - sumOf(fixed) - TABLE_HEAD.length - 1;
  return [...fixed, Math.max(room, DOCUMENT_LENGTH + COLUMN_PADDING)];
}

/** A failed run. `details` is text of several lines, or empty. */
class RunError extends Error {
  constructor(
    message: string,
    readonly details = '',
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

function readArguments(): { agencies: number; bets: number; data: string | undefined; json: boolean; tls: boolean } {
  const values = parseOptions({
    agencies: { type: 'string', default: '5' },
    bets: { type: 'string', default: '10000' },
    data: { type: 'string' },
    json: { type: 'boolean', default: false },
    tls: { type: 'boolean', default: false },
  });
  return {
    agencies: parseWholeNumber('AGENCIES', values.agencies, 1, 1000),
    bets: parseWholeNumber('BETS', values.bets, 0, 100_000_000),
    data: values.data,
    json: values.json,
    tls: values.tls,
  };
}

async function makeMissingSamples(agencies: number, bets: number, print: (text: string) => void): Promise<void> {
  const made = await makeSampleData({ directory: '.data', agencies, bets, onlyMissing: true });
  if (made.length > 0) print(`sample data: ${made.length} files of ${bets} bets in .data\n`);
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

function agencyFiles(directory: string, agencies: number): Map<number, string> {
  const files = new Map<number, string>();
  for (let agency = 1; agency <= agencies; agency++) files.set(agency, join(directory, `agency-${agency}.csv`));
  return files;
}

/** A signal that never fires: before the run, signals have their default action and end the process. */
const NEVER_STOPPED = new AbortController().signal;

/** Counts the rows of each file, as the totals of the progress display. */
async function countBets(files: ReadonlyMap<number, string>): Promise<Map<number, number>> {
  const totals = new Map<number, number>();
  for (const [agency, file] of files) totals.set(agency, await countBetsOf(file));
  return totals;
}

async function countBetsOf(file: string): Promise<number> {
  try {
    return await countRows(new DataFile(file), NEVER_STOPPED);
  } catch (error) {
    if (error instanceof SourceUnreadableError) throw new RunError(error.message, '', { cause: error });
    throw error;
  }
}

/** Reports an error on stderr, in one line if its cause is known. Returns its exit code. */
function reportError(error: unknown): ExitCode {
  const { message, stack, code } = error as NodeJS.ErrnoException;
  const isClear = error instanceof ArgumentError || error instanceof RunError || code !== undefined;
  if (isClear) writeLine(process.stderr, `run: ${message}`);
  else writeText(process.stderr, `run: ${stack}\n`);
  if (!(error instanceof RunError)) return ExitCode.unusableSettings;
  writeText(process.stderr, error.details);
  return ExitCode.failed;
}

// The lottery continues after the loss of the output's reader (`make run | head`).
ignoreLostReader(process.stdout);

void main()
  .catch(reportError)
  .then((code) => endProcess(code, { results: [written(process.stdout), written(process.stderr)] }, stop.signal));
