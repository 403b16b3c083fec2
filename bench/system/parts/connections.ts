import { type Socket } from 'node:net';
import { join } from 'node:path';
import { pairedRatio, spread } from '../../statistics';
import {
  crowdSize,
  manyAtOnce,
  measureMemory,
  type MemoryFigures,
  name,
  openPlain,
  resetAll,
  settledMemory,
  startCrowdServer,
} from '../crowd';
import { type Part } from '../part';
import { PROGRAMS } from '../program';

const MOST_ROUNDS = 5;

/** The connections before the measurement of the rate, for the compilation of their code. */
const WARM_UP = 5_000;

interface RateFigures {
  /** From the first connection until the server has accepted the last one. */
  readonly connectsPerSecond: number;
  readonly connectCpuMicroseconds: number;
  readonly namesPerSecond: number;
}

/** Memory and rate of many connected and identified agencies, compared with a bare `net` server. */
export const connections: Part = {
  name: 'connections',
  about: 'connected, identified and idle agencies',
  async run({ directory, rounds, print }) {
    const count = crowdSize();
    const run = join(directory, 'run');
    const memory: Record<'ours' | 'bare', MemoryFigures[]> = { ours: [], bare: [] };
    const rates: Record<'ours' | 'bare', RateFigures[]> = { ours: [], bare: [] };
    for (let round = 0; round < Math.min(MOST_ROUNDS, rounds); round++) {
      memory.ours.push(await measureMemory(await startCrowdServer(PROGRAMS.server, count, run), count));
      memory.bare.push(await measureMemory(await startCrowdServer(PROGRAMS.bareServer, count, run), count));
      rates.ours.push(await measureRates(PROGRAMS.server, count, run));
      rates.bare.push(await measureRates(PROGRAMS.bareServer, count, run));
    }
    print('connections', String(count));
    printMemory('server', memory.ours, '   to reach: 8');
    printMemory('bare net server', memory.bare, '');
    printRates('server', rates.ours);
    printRates('bare net server', rates.bare);
    const ratio = pairedRatio(connectRates(rates.ours), connectRates(rates.bare));
    print('connects/s / the bare server’s', `${ratio}   to reach: 0.9`);

    function printMemory(name: string, figures: readonly MemoryFigures[], goal: string): void {
      const kilobytes = (key: keyof MemoryFigures): string =>
        spread(
          figures.map((each) => each[key] / 1000),
          'kB',
          1,
        );
      print(`${name}: memory each, garbage included`, kilobytes('bytesEach'));
      print(`${name}: memory each, garbage collected`, kilobytes('heldBytesEach') + goal);
    }

    function printRates(name: string, figures: readonly RateFigures[]): void {
      const cpu = figures.map((each) => each.connectCpuMicroseconds);
      const names = figures.map((each) => each.namesPerSecond);
      print(`${name}: connects/s`, spread(connectRates(figures), '/s', 0));
      print(`${name}: processor time of a connect`, spread(cpu, 'µs', 0));
      print(`${name}: first messages/s, each answered`, spread(names, '/s', 0));
    }
  },
};

function connectRates(figures: readonly RateFigures[]): number[] {
  return figures.map((each) => each.connectsPerSecond);
}

async function measureRates(script: string, count: number, directory: string): Promise<RateFigures> {
  const { server, port } = await startCrowdServer(script, count, directory);
  await connectAll(port, Math.min(count, WARM_UP)).then(resetAll);
  await settledMemory(server);

  const cpuBefore = server.cpuMs();
  const begun = performance.now();
  const sockets = await connectAll(port, count);
  const connectedAt = performance.now();
  const cpuMs = server.cpuMs() - cpuBefore;
  await manyAtOnce(count - 1, (index) => name(sockets[index]!, index + 1));
  const namedAt = performance.now();
  await resetAll(sockets);
  await server.stop();
  return {
    connectsPerSecond: (1000 * count) / (connectedAt - begun),
    connectCpuMicroseconds: (1000 * cpuMs) / count,
    namesPerSecond: (1000 * (count - 1)) / (namedAt - connectedAt),
  };
}

/** Resolves when the server has accepted all: it accepts connections in order, and has answered the last one. */
async function connectAll(port: number, count: number): Promise<Socket[]> {
  const sockets = await manyAtOnce(count, () => openPlain(port));
  await name(sockets.at(-1)!, count);
  return sockets;
}
