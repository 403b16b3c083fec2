import { type Contestant } from './lottery_run';
import { PROGRAMS } from './program';

export const OURS: Contestant = { server: PROGRAMS.server, client: PROGRAMS.client };
export const BASELINE: Contestant = { server: PROGRAMS.baselineServer, client: PROGRAMS.baselineClient };
export const PYTHON_BASELINE: Contestant = { server: PROGRAMS.pythonServer, client: PROGRAMS.pythonClient };

/** What a part of the benchmark works with. */
export interface PartContext {
  /** Where files are made: on a real disk, or flushes cost nothing. */
  readonly directory: string;
  readonly rounds: number;
  /** Also what takes minutes. */
  readonly full: boolean;
  readonly print: (figure: string, value: string) => void;
}

/** One question that the benchmark answers. */
export interface Part {
  readonly name: string;
  readonly about: string;
  run(context: PartContext): Promise<void>;
}
