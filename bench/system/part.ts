import { type Contestant } from './lottery_run';
import { PROGRAMS } from './program';

export const OURS: Contestant = { server: PROGRAMS.server, client: PROGRAMS.client };
export const BASELINE: Contestant = { server: PROGRAMS.baselineServer, client: PROGRAMS.baselineClient };
export const PYTHON_BASELINE: Contestant = { server: PROGRAMS.pythonServer, client: PROGRAMS.pythonClient };

/** A pair as lean as a script can be. */
export const LEAN_PYTHON: Contestant = { server: PROGRAMS.leanServer, client: PROGRAMS.leanClient };

/** The parameters of a part of the benchmark. */
export interface PartContext {
  /** The directory of all files. It must be on a real disk: in memory, flushes cost nothing. */
  readonly directory: string;
  readonly rounds: number;
  /** Includes the cases that take minutes. */
  readonly full: boolean;
  readonly print: (figure: string, value: string) => void;
}

/** A part of the benchmark. */
export interface Part {
  readonly name: string;
  /** Its description in the output. */
  readonly about: string;
  run(context: PartContext): Promise<void>;
}
