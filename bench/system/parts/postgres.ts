import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pairedRatio, spread } from '../../statistics';
import { inputFile, makeInputFiles, scaledBets } from '../input_files';
import { type LotteryFigures, runLottery } from '../lottery_run';
import { OURS, type Part, type PartContext } from '../part';
import { BenchPostgres, NO_POSTGRES } from '../postgres';

const MILLION = 1_000_000;
const MEBIBYTE = 1_048_576;
const AGENCIES = 5;
const RATIO_GOAL = 0.7;
const RATE_GOAL = 0.1;

/**
 * One server that stores in a PostgreSQL of this machine, compared with `psql \copy` of the same rows into the same table
 * in the same round: in the order in which the server has stored them, and sorted by agency. The sorted order is cheaper
 * for the index of the primary key, and no server that stores the bets of several agencies at once can have it.
 */
export const postgres: Part = {
  name: 'postgres',
  about: '1,000,000 bets in PostgreSQL, alone and with a synchronous standby (FULL=1: 10,000,000 too)',
  async run(context) {
    await measure(context, MILLION, 'alone', false);
    await measure(context, MILLION, 'with a synchronous standby', true);
    if (context.full) await measure({ ...context, rounds: 1 }, 10 * MILLION, 'alone, 10 M', false);
  },
};

interface Figures {
  readonly ours: LotteryFigures[];
  /** Times of `\copy`, in milliseconds. */
  readonly copies: number[];
  readonly sortedCopies: number[];
}

async function measure(context: PartContext, bets: number, title: string, withStandby: boolean): Promise<void> {
  const { directory, rounds, print } = context;
  const database = await BenchPostgres.start(directory, withStandby);
  if (database === undefined) return print(title, NO_POSTGRES);
  const input = makeInputFiles(directory, scaledBets(bets));
  const sortedRows = makeCopyInput(join(directory, `copy-${bets}.csv`), input);
  const storedRows = join(directory, 'postgres', 'stored.csv');
  const figures: Figures = { ours: [], copies: [], sortedCopies: [] };
  try {
    // The first write-ahead log of a new database goes to new files, later log to recycled ones.
    copyOnce(database, sortedRows);
    for (let round = 0; round < Math.min(3, rounds); round++) {
      figures.ours.push(await runOurs(context, database, input, storedRows));
      figures.copies.push(copyOnce(database, storedRows));
      figures.sortedCopies.push(copyOnce(database, sortedRows));
    }
  } finally {
    database.stop();
  }
  printFigures(context, bets, title, figures);
}

function printFigures({ print }: PartContext, bets: number, title: string, { ours, ...times }: Figures): void {
  const rates = (milliseconds: readonly number[]): string =>
    spread(
      milliseconds.map((ms) => bets / ms / 1000),
      'M/s',
      3,
    );
  const uploads = ours.map(({ uploadMs }) => uploadMs);
  const peaks = ours.map(({ serverPeak }) => serverPeak / MEBIBYTE);
  const draws = ours.map(({ drawMs }) => drawMs);
  print(`${title}: durable bets/s, upload`, `${rates(uploads)}   to reach: ${RATE_GOAL}`);
  print(`${title}: psql \\copy, rows/s`, rates(times.copies));
  print(`${title}: upload rate / \\copy’s`, `${pairedRatio(times.copies, uploads)}   to reach: ${RATIO_GOAL}`);
  print(`${title}: psql \\copy, sorted by agency`, rates(times.sortedCopies));
  print(`${title}: upload rate / sorted \\copy’s`, pairedRatio(times.sortedCopies, uploads));
  print(`${title}: server’s peak memory`, `${spread(peaks, 'MiB', 1)}   to reach: 120`);
  print(`${title}: draw`, `${spread(draws, 'ms', 1)}   to reach: 2000`);
}

/** @param storedRows receives the rows, as input of `copyOnce`, in the order of the table. */
async function runOurs(
  { directory }: PartContext,
  database: BenchPostgres,
  input: string,
  storedRows: string,
): Promise<LotteryFigures> {
  const url = database.createDatabase();
  const exported = join(directory, 'postgres', 'exported.csv');
  database.checkpoint();
  const figures = await runLottery({
    contestant: OURS,
    input,
    directory: join(directory, 'run'),
    settings: { SERVER_STORE: 'postgres', SERVER_DATABASE_URL: url },
    storedBets: () => {
      database.exportBets(url, exported);
      return exported;
    },
  });
  database.exportTable(url, storedRows);
  database.dropDatabase(url);
  return figures;
}

function copyOnce(database: BenchPostgres, file: string): number {
  const url = database.createDatabase();
  database.checkpoint();
  const milliseconds = database.copyBets(url, file);
  database.dropDatabase(url);
  return milliseconds;
}

/** Writes the rows of all agencies' files with draw, sequence number and agency, in the order of the agencies. */
function makeCopyInput(path: string, input: string): string {
  const file = openSync(path, 'w');
  for (let agency = 1; agency <= AGENCIES; agency++) {
    const rows = readFileSync(inputFile(input, agency), 'utf8').split('\r\n').slice(0, -1);
    for (let first = 0; first < rows.length; first += 10_000) {
      const chunk = rows.slice(first, first + 10_000);
      writeSync(file, chunk.map((row, index) => `1,${first + index + 1},${agency},${row}\n`).join(''));
    }
  }
  closeSync(file);
  return path;
}
