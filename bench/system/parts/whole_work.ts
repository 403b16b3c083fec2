import { join } from 'node:path';
import { pairedRatio, spread } from '../../statistics';
import { COURSE_BETS, makeInputFiles } from '../input_files';
import { type Contestant, runLottery } from '../lottery_run';
import { BASELINE, LEAN_PYTHON, OURS, type Part, type PartContext, PYTHON_BASELINE } from '../part';
import { type Command, commandOf, PROGRAMS } from '../program';
import { findPython, NO_PYTHON } from '../python';
import { startTogether } from '../shell_start';

const PROCESSES = 6;

/** The cost of the start itself: programs that do nothing, each in a process as small as one can be. */
const NOTHING: Command = { program: 'sh', args: ['-c', ':'] };

/** The figures of a run in milliseconds. */
interface Times {
  readonly wholeMs: number;
  /** The processor time of all processes. */
  readonly cpuMs: number;
}

/** A contestant: its run in each round, and the figures of all rounds. */
class Entrant {
  readonly times: Times[] = [];

  constructor(
    readonly name: string,
    readonly run: () => Promise<Times>,
  ) {}

  ratioTo(other: Entrant): string {
    return pairedRatio(this.whole, other.whole);
  }

  print(print: PartContext['print']): void {
    const cpu = this.times.map(({ cpuMs }) => cpuMs);
    print(this.name, `${spread(this.whole, 'ms', 0)}; processor time ${spread(cpu, 'ms', 0)}`);
  }

  private get whole(): number[] {
    return this.times.map(({ wholeMs }) => wholeMs);
  }
}

/** The course's number of bets, including all start-up, compared with six empty processes and the baselines. */
export const wholeWork: Part = {
  name: 'whole',
  about: '78,697 bets, server and five agencies started at once, to the exit of the last agency',
  async run({ directory, rounds, print }) {
    const input = makeInputFiles(directory, COURSE_BETS);
    const lottery = (name: string, contestant: Contestant): Entrant =>
      new Entrant(name, () => runLottery({ contestant, input, directory: join(directory, 'run') }));
    const nothing = new Entrant('six processes that do nothing (sh -c :)', () => runProcesses(NOTHING));
    const empty = new Entrant('six empty processes', () => runProcesses(commandOf(PROGRAMS.empty)));
    const ours = lottery('whole work', OURS);
    const baseline = lottery('baseline', BASELINE);
    const lean = lottery('lean Python pair', LEAN_PYTHON);
    const python = lottery('Python baseline', PYTHON_BASELINE);
    const withPython = findPython() !== undefined;
    const entrants = [nothing, empty, ours, baseline, ...(withPython ? [lean, python] : [])];

    await runInTurn(entrants, rounds);
    for (const entrant of entrants) entrant.print(print);
    print('whole work / six empty processes', `${ours.ratioTo(empty)}   to reach: 2.0`);
    print('baseline / whole work', baseline.ratioTo(ours));
    if (!withPython) return print('Python', NO_PYTHON);
    print('lean Python pair / whole work', `${lean.ratioTo(ours)}   to reach: 1.4`);
    print('Python baseline / whole work', python.ratioTo(ours));
  },
};

/** A round runs each entrant once. The first round only fills the page cache. */
async function runInTurn(entrants: readonly Entrant[], rounds: number): Promise<void> {
  for (let round = 0; round <= rounds; round++) {
    for (const { run, times } of entrants) {
      const figures = await run();
      if (round > 0) times.push(figures);
    }
  }
}

async function runProcesses(command: Command): Promise<Times> {
  const { programs, cpuMs } = await startTogether(Array<Command>(PROCESSES).fill(command));
  const ends = await Promise.all(programs.map((program) => program.requireSuccess()));
  return { wholeMs: Math.max(...ends) - programs[0]!.startedAt, cpuMs: await cpuMs };
}
