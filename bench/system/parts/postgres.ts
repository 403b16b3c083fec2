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
 * in the same round.
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

async function measure(context: PartContext, bets: number, title: string, withStandby: boolean): Promise<void> {
  const { directory, rounds, print } = context;
  const database = await BenchPostgres.start(directory, withStandby);
  if (database === undefined) return print(title, NO_POSTGRES);
  const input = makeInputFiles(directory, scaledBets(bets));
  const copyInput = makeCopyInput(join(directory, `copy-${bets}.csv`), input);
  const ours: LotteryFigures[] = [];
  const copies: number[] = [];
  try {
    for (let round = 0; round < Math.min(3, rounds); round++) {
      ours.push(await runOurs(context, database, input));
      copies.push(copyOnce(database, copyInput));
    }
  } finally {
    database.stop();
  }
  const uploads = ours.map(({ uploadMs }) => uploadMs);
  const goal = withStandby ? '' : `   to reach: ${RATE_GOAL}`;
  print(
    `${title}: durable bets/s, upload`,
    `${spread(
      uploads.map((ms) => bets / ms / 1000),
      'M/s',
      3,
    )}${goal}`,
  );
  print(
    `${title}: psql \\copy, rows/s`,
    spread(
      copies.map((ms) => bets / ms / 1000),
      'M/s',
      3,
    ),
  );
  print(`${title}: upload rate / \\copy’s`, `${pairedRatio(copies, uploads)}   to reach: ${RATIO_GOAL}`);
  const peaks = ours.map(({ serverPeak }) => serverPeak / MEBIBYTE);
  print(`${title}: server’s peak memory`, `${spread(peaks, 'MiB', 1)}   to reach: 120`);
  print(
    `${title}: draw`,
    spread(
      ours.map(({ drawMs }) => drawMs),
      'ms',
      1,
    ),
  );
}

async function runOurs({ directory }: PartContext, database: BenchPostgres, input: string): Promise<LotteryFigures> {
  const url = database.createDatabase();
  const exported = join(directory, 'postgres', 'exported.csv');
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
  database.dropDatabase(url);
  return figures;
}

function copyOnce(database: BenchPostgres, file: string): number {
  const url = database.createDatabase();
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
