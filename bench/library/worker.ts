import { type ContenderClient } from './contender';
import { contenders } from './contenders/index';

/** The requests to a worker. A worker is a separate process: no contender compiles the code of another one. */
export type Request =
  | { readonly do: 'serve' }
  | { readonly do: 'connect'; readonly port: number }
  | { readonly do: 'run'; readonly count: number; readonly valueBytes: number; readonly window: number }
  | { readonly do: 'read CPU time' };

/** `serve`: the port. `run`: its time in ms. `read CPU time`: the CPU time of this process so far, in microseconds. */
export type Answer = number;

const contender = contenders[process.argv[2] ?? ''];
let client: ContenderClient | undefined;

async function handle(request: Request): Promise<Answer> {
  if (contender === undefined) throw new Error(`no contender ${process.argv[2]}`);
  switch (request.do) {
    case 'serve':
      return contender.serve();
    case 'connect':
      client = await contender.connect(request.port);
      return 0;
    case 'run': {
      const value = Buffer.alloc(request.valueBytes, 'v');
      const start = performance.now();
      await client?.run(request.count, value, request.window);
      return performance.now() - start;
    }
    case 'read CPU time': {
      const { user, system } = process.cpuUsage();
      return user + system;
    }
  }
}

process.on('message', (request: Request) => void handle(request).then((answer) => process.send?.(answer)));
process.on('disconnect', () => process.exit());
