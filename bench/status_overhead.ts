import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ArgumentError, parseOptions, parseWholeNumber } from '../tools/arguments';
import { findFreePort } from '../tools/free_port';
import { medianInterval } from './statistics';

/**
 * `make bench-status`: the effect of the status page on the bets. The same lottery runs in pairs: one run without the
 * status server, one with it and many open pages, in alternating order. The result is the ratio within a pair: the load
 * of the machine is the same for both. A separate process reads the pages. The median of the ratios has a confidence
 * interval; a limit is proved if the whole interval is below it.
 */

const APPS = join(__dirname, '../apps');

/** The allowed ratio: 3 % more time. */
const LIMIT = 1.03;
const CONFIDENCE = 0.95;

interface Lottery {
  readonly directory: string;
  readonly agencies: number;
  readonly pages: number;
}

/** The cost of a run, in milliseconds. */
interface RunCost {
  /** From the start of the agencies to the end of the last one. */
  readonly wallMs: number;
  /** The server's processor time. */
  readonly cpuMs: number;
}

async function main(): Promise<void> {
  const values = parseOptions({
    pairs: { type: 'string', default: '101' },
    agencies: { type: 'string', default: '5' },
    bets: { type: 'string', default: '200000' },
    pages: { type: 'string', default: '50' },
    read: { type: 'string' },
  });
  const pages = parseWholeNumber('PAGES', values.pages, 1, 1000);
  if (values.read !== undefined) return readPages(values.read, pages);
  const pairs = parseWholeNumber('PAIRS', values.pairs, 1, 10_000);
  const agencies = parseWholeNumber('AGENCIES', values.agencies, 1, 1000);
  const bets = parseWholeNumber('BETS', values.bets, 1, 10_000_000);

  const directory = await mkdtemp(join(tmpdir(), 'lottery-bench-'));
  try {
    const lottery = { directory, agencies, pages };
    await writeFiles(lottery, bets);
    await measure(lottery, pairs);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function measure(lottery: Lottery, pairs: number): Promise<void> {
  const wall: number[] = [];
  const cpu: number[] = [];
  await runLottery(lottery, { withPages: false });
  for (let pair = 0; pair < pairs; pair++) {
    const order = pair % 2 === 0 ? [false, true] : [true, false];
    const costs = new Map<boolean, RunCost>();
    for (const withPages of order) costs.set(withPages, await runLottery(lottery, { withPages }));
    const without = costs.get(false)!;
    const withPages = costs.get(true)!;
    wall.push(withPages.wallMs / without.wallMs);
    cpu.push(withPages.cpuMs / without.cpuMs);
    const [first, second] = [without, withPages].map(({ wallMs, cpuMs }) => `${wallMs.toFixed(0)}/${cpuMs.toFixed(0)}`);
    process.stdout.write(`pair ${pair + 1}: without ${first} ms (wall/server's processor), with pages ${second} ms\n`);
  }
  process.stdout.write(
    `\nratio with and without ${lottery.pages} open pages (median and its 95 % confidence interval, ${pairs} pairs):\n`,
  );
  process.stdout.write(`time to the last agency's winners: ${describe(wall)}\n`);
  process.stdout.write(`the server's processor time:       ${describe(cpu)}\n`);
}

async function runLottery(lottery: Lottery, { withPages }: { withPages: boolean }): Promise<RunCost> {
  const statusPort = withPages ? await findFreePort() : 0;
  const store = await mkdtemp(join(lottery.directory, 'store-'));
  const server = start('server', {
    SERVER_IP: '127.0.0.1',
    SERVER_PORT: '0',
    SERVER_AGENCIES: String(lottery.agencies),
    SERVER_DATA_DIR: store,
    SERVER_STATUS_PORT: String(statusPort),
  });
  const [{ port }] = (await once(server, 'message')) as [{ port: number }];
  const reader = withPages ? await startReader(statusPort, lottery.pages) : undefined;

  const cpuBefore = cpuMsOf(server);
  const begun = performance.now();
  const agencies = Array.from({ length: lottery.agencies }, (_, index) =>
    start('client', {
      CLI_ID: String(index + 1),
      CLI_SERVER_ADDRESS: `127.0.0.1:${port}`,
      CLI_DATA_FILE: join(lottery.directory, 'agency-{id}.csv'),
    }),
  );
  const ends = (await Promise.all(agencies.map((agency) => once(agency, 'exit')))) as [number | null][];
  const cost = { wallMs: performance.now() - begun, cpuMs: cpuMsOf(server) - cpuBefore };
  if (ends.some(([code]) => code !== 0)) throw new Error('an agency failed');

  reader?.kill();
  server.kill('SIGTERM');
  await once(server, 'exit');
  await rm(store, { recursive: true });
  return cost;
}

function start(program: 'server' | 'client', environment: Record<string, string>): ChildProcess {
  return fork(join(APPS, program, 'main.js'), {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

async function startReader(statusPort: number, pages: number): Promise<ChildProcess> {
  const url = `http://127.0.0.1:${statusPort}/events`;
  const reader = fork(__filename, ['--read', url, '--pages', String(pages)]);
  await once(reader, 'message');
  return reader;
}

/** Opens the pages, reports to the parent after the first bytes of each, and reads until it is killed. */
async function readPages(url: string, pages: number): Promise<void> {
  const agent = new Agent({ maxSockets: pages });
  const opened = Array.from({ length: pages }, () => openPage(url, agent));
  await Promise.all(opened);
  process.send!('open');
}

async function openPage(url: string, agent: Agent): Promise<void> {
  for (;;) {
    const outcome = await new Promise<'open' | 'refused'>((resolve) => {
      const request = get(url, { agent }, (response) => response.on('data', () => resolve('open')));
      request.on('error', () => resolve('refused'));
    });
    // The status server starts a moment after the server listens.
    if (outcome === 'open') return;
  }
}

/** proc(5): the first field of a thread's `schedstat` is its time on a processor in nanoseconds. */
function cpuMsOf({ pid }: ChildProcess): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const spent = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  );
  return spent.reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1e6;
}

async function writeFiles({ directory, agencies }: Lottery, bets: number): Promise<void> {
  for (let agency = 1; agency <= agencies; agency++) {
    const rows = Array.from({ length: bets }, (_, row) => {
      const date = `19${50 + (row % 50)}-0${1 + (row % 9)}-1${row % 10}`;
      return `Nombre ${row % 97},Apellido ${row % 89},${20_000_000 + row},${date},${(row * 7919) % 10_000}\n`;
    });
    await writeFile(join(directory, `agency-${agency}.csv`), rows.join(''));
  }
}

function describe(ratios: readonly number[]): string {
  const { median, least, most } = medianInterval(ratios, CONFIDENCE);
  const percent = (ratio: number): string => (100 * ratio).toFixed(1);
  const verdict = most <= LIMIT ? 'within' : least > LIMIT ? 'above' : 'not proved to be within';
  return `${percent(median)} % (${percent(least)} to ${percent(most)} %): ${verdict} ${percent(LIMIT)} %`;
}

main().catch((error: unknown) => {
  const isClear = error instanceof ArgumentError;
  process.stderr.write(`bench-status: ${isClear ? error.message : String((error as Error).stack)}\n`);
  process.exitCode = isClear ? 2 : 1;
});
