import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Case } from './cases';
import { type Answer, type Request } from './worker';

/** The cost of one run. */
export interface Cost {
  readonly messagesPerSecond: number;
  /** CPU time of both processes for a message, user and system, in microseconds. */
  readonly cpuMicroseconds: number;
}

/** The CPUs of the two processes; undefined: any CPU. */
export type Placement = readonly [server: number, client: number] | undefined;

/** A server and a client of one contender, each in its own process, connected over the loopback. */
export class Pair {
  private constructor(
    private readonly server: ChildProcess,
    private readonly client: ChildProcess,
  ) {}

  static async start(contender: string, placement: Placement): Promise<Pair> {
    const server = startWorker(contender, placement?.[0]);
    const client = startWorker(contender, placement?.[1]);
    const port = await ask(server, { do: 'serve' });
    await ask(client, { do: 'connect', port });
    return new Pair(server, client);
  }

  async run({ valueBytes, window }: Case, count: number): Promise<Cost> {
    const before = await this.cpuTime();
    const milliseconds = await ask(this.client, { do: 'run', count, valueBytes, window });
    const used = (await this.cpuTime()) - before;
    return { messagesPerSecond: (1000 * count) / milliseconds, cpuMicroseconds: used / count };
  }

  stop(): void {
    this.server.disconnect();
    this.client.disconnect();
  }

  private async cpuTime(): Promise<number> {
    const times = await Promise.all([this.server, this.client].map((worker) => ask(worker, { do: 'read CPU time' })));
    return times.reduce((sum, time) => sum + time, 0);
  }
}

function startWorker(contender: string, cpu: number | undefined): ChildProcess {
  const worker = fork(join(__dirname, 'worker.js'), [contender]);
  if (cpu !== undefined) pin(worker, cpu);
  return worker;
}

/** Keeps all threads of a process on one CPU (sched_setaffinity(2), by taskset(1) of util-linux). */
function pin(worker: ChildProcess, cpu: number): void {
  const { status, stderr, error } = spawnSync('taskset', ['-acp', String(cpu), String(worker.pid)], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`taskset cannot put the process on CPU ${cpu}: ${error?.message ?? stderr}`);
}

async function ask(worker: ChildProcess, request: Request): Promise<Answer> {
  const answering = once(worker, 'message') as Promise<[Answer]>;
  worker.send(request);
  return (await answering)[0];
}
