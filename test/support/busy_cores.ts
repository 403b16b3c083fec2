import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';

/** The lifetime of a loop, if its test does not end it. */
const LONGEST_MS = 60_000;

/** Keeps every core of the machine busy until `stop()`. */
export class BusyCores {
  private constructor(private readonly loops: readonly ChildProcess[]) {}

  /** Resolves once every loop runs. */
  static async start(): Promise<BusyCores> {
    const program = `process.stdout.write('.'); for (const end = Date.now() + ${LONGEST_MS}; Date.now() < end; );`;
    const loops = Array.from({ length: availableParallelism() }, () =>
      spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] }),
    );
    await Promise.all(loops.map((loop) => once(loop.stdout, 'data')));
    return new BusyCores(loops);
  }

  async stop(): Promise<void> {
    const ends = this.loops.map((loop) => once(loop, 'exit'));
    for (const loop of this.loops) loop.kill('SIGKILL');
    await Promise.all(ends);
  }
}
