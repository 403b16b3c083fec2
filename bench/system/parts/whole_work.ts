import { join } from 'node:path';
import { pairedRatio, spread } from '../../statistics';
import { COURSE_BETS, makeInputFiles } from '../input_files';
import { type LotteryFigures, runLottery } from '../lottery_run';
import { BASELINE, OURS, type Part, PYTHON_BASELINE } from '../part';
import { hasPython, NO_PYTHON, Program, PROGRAMS } from '../program';

/** The course's number of bets, including all start-up, compared with six empty processes and the baseline. */
export const wholeWork: Part = {
  name: 'whole',
  about: '78,697 bets, server and five agencies started at once, to the exit of the last agency',
  async run({ directory, rounds, print }) {
    const input = makeInputFiles(directory, COURSE_BETS);
    const run = join(directory, 'run');
    const ours: LotteryFigures[] = [];
    const baseline: LotteryFigures[] = [];
    const python: LotteryFigures[] = [];
    const empty: number[] = [];
    const withPython = hasPython();
    for (let round = 0; round <= rounds; round++) {
      const figures = await runLottery({ contestant: OURS, input, directory: run });
      const emptyMs = await runEmptyProcesses(6);
      const baselineFigures = await runLottery({ contestant: BASELINE, input, directory: run });
      if (withPython && round > 0)
        python.push(await runLottery({ contestant: PYTHON_BASELINE, input, directory: run }));
      // The first round fills the page cache.
      if (round === 0) continue;
      ours.push(figures);
      empty.push(emptyMs);
      baseline.push(baselineFigures);
    }
    const wholeMs = ours.map((figures) => figures.wholeMs);
    const baselineMs = baseline.map((figures) => figures.wholeMs);
    const pythonMs = python.map((figures) => figures.wholeMs);
    print('whole work', spread(wholeMs, 'ms', 0));
    print('six empty processes', spread(empty, 'ms', 0));
    print('whole work / six empty processes', `${pairedRatio(wholeMs, empty)}   to reach: 3, to aim at: 2.4`);
    print('baseline', spread(baselineMs, 'ms', 0));
    print('baseline / whole work', pairedRatio(baselineMs, wholeMs));
    print('Python baseline', withPython ? spread(pythonMs, 'ms', 0) : NO_PYTHON);
    if (withPython) print('Python baseline / whole work', pairedRatio(pythonMs, wholeMs));
  },
};

async function runEmptyProcesses(count: number): Promise<number> {
  const programs = Array.from({ length: count }, () => new Program(PROGRAMS.empty));
  const ends = await Promise.all(programs.map((program) => program.requireSuccess()));
  return Math.max(...ends) - programs[0]!.startedAt;
}
