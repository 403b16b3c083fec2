import { join } from 'node:path';
import { pairedRatio, spread } from '../../statistics';
import { makeInputFiles, scaledBets } from '../input_files';
import { type LotteryFigures, runLottery } from '../lottery_run';
import { BASELINE, OURS, type Part, PYTHON_BASELINE } from '../part';
import { findPython, NO_PYTHON } from '../python';

const MILLION = 1_000_000;
const MEBIBYTE = 1_048_576;

/** A million bets: the steady rate of durable bets, and the peaks of memory. */
export const million: Part = {
  name: 'million',
  about: '1,000,000 bets: rate and memory',
  async run({ directory, rounds, print }) {
    const input = makeInputFiles(directory, scaledBets(MILLION));
    const run = join(directory, 'run');
    const ours: LotteryFigures[] = [];
    const baseline: LotteryFigures[] = [];
    const python: LotteryFigures[] = [];
    const withPython = findPython() !== undefined;
    for (let round = 0; round < rounds; round++) {
      ours.push(await runLottery({ contestant: OURS, input, directory: run }));
      if (round < 3) baseline.push(await runLottery({ contestant: BASELINE, input, directory: run }));
      if (round < 3 && withPython)
        python.push(await runLottery({ contestant: PYTHON_BASELINE, input, directory: run }));
    }
    printRates(ours, MILLION, print);
    print('baseline: durable bets/s, upload', rate(baseline, MILLION, 'uploadMs'));
    print('upload rate / the baseline’s', timesAsFast(ours, baseline));
    if (withPython) {
      print('Python baseline: durable bets/s, upload', rate(python, MILLION, 'uploadMs'));
      print('upload rate / the Python baseline’s', `${timesAsFast(ours, python)}   to reach: 12`);
    } else {
      print('Python baseline', NO_PYTHON);
    }
  },
};

function timesAsFast(ours: readonly LotteryFigures[], others: readonly LotteryFigures[]): string {
  const uploadMs = (figures: readonly LotteryFigures[]): number[] => figures.map((run) => run.uploadMs);
  return pairedRatio(uploadMs(others), uploadMs(ours.slice(0, others.length)));
}

/** Ten million bets: rate and memory, compared with a million. */
export const tenMillion: Part = {
  name: 'ten-million',
  about: '10,000,000 bets: rate, memory, draw (takes 1.5 GB of disk)',
  async run({ directory, rounds, print }) {
    const run = join(directory, 'run');
    const small = makeInputFiles(directory, scaledBets(MILLION));
    const large = makeInputFiles(directory, scaledBets(10 * MILLION));
    const atMillion: LotteryFigures[] = [];
    const ours: LotteryFigures[] = [];
    for (let round = 0; round < Math.min(3, rounds); round++) {
      atMillion.push(await runLottery({ contestant: OURS, input: small, directory: run }));
      ours.push(await runLottery({ contestant: OURS, input: large, directory: run }));
    }
    printRates(ours, 10 * MILLION, print);
    const growth = ours.map(({ serverPeak }, round) => (serverPeak - atMillion[round]!.serverPeak) / MEBIBYTE);
    print('growth of the server’s peak from 1 to 10 million', `${spread(growth, 'MiB', 1)}   to reach: 5`);
  },
};

function printRates(
  figures: readonly LotteryFigures[],
  bets: number,
  print: (name: string, value: string) => void,
): void {
  print('durable bets/s, all start-up included', rate(figures, bets, 'wholeMs'));
  print('durable bets/s, upload', rate(figures, bets, 'uploadMs'));
  print(
    'server’s peak memory',
    spread(
      figures.map(({ serverPeak }) => serverPeak / MEBIBYTE),
      'MiB',
      1,
    ),
  );
  print(
    'largest agency’s peak memory',
    spread(
      figures.map(({ agencyPeak }) => agencyPeak / MEBIBYTE),
      'MiB',
      1,
    ),
  );
  print(
    'draw',
    spread(
      figures.map(({ drawMs }) => drawMs),
      'ms',
      1,
    ),
  );
}

function rate(figures: readonly LotteryFigures[], bets: number, time: 'wholeMs' | 'uploadMs'): string {
  return spread(
    figures.map((run) => bets / run[time] / 1000),
    'M/s',
    2,
  );
}
