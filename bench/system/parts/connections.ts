import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createAgencyCodec, MessageType, textMessage } from '../../../apps/protocol/messages';
import { findFreePort } from '../../../tools/free_port';
import { pairedRatio, spread } from '../../statistics';
import { type Part } from '../part';
import { commandOf, type Program, PROGRAMS } from '../program';
import { start } from '../shell_start';

const WANTED = 10_000;
/** The maximum number of pending connection attempts. */
const AT_ONCE = 64;
/** The descriptors of a process beside its connections. */
const SPARE_DESCRIPTORS = 100;
const SETTLING_MS = 1_000;
const MOST_ROUNDS = 5;

/** The connections before the measurement of the rate, for the compilation of their code. */
const WARM_UP = 5_000;

/** The memory of the server for each connection. */
interface MemoryFigures {
  /** With garbage. */
  readonly bytesEach: number;
  /** After a garbage collection. */
  readonly heldBytesEach: number;
}

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
    const count = Math.min(WANTED, openFilesLimit() - SPARE_DESCRIPTORS);
    const run = join(directory, 'run');
    const memory: Record<'ours' | 'bare', MemoryFigures[]> = { ours: [], bare: [] };
    const rates: Record<'ours' | 'bare', RateFigures[]> = { ours: [], bare: [] };
    for (let round = 0; round < Math.min(MOST_ROUNDS, rounds); round++) {
      memory.ours.push(await measureMemory(PROGRAMS.server, count, run));
      memory.bare.push(await measureMemory(PROGRAMS.bareServer, count, run));
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

async function measureMemory(script: string, count: number, directory: string): Promise<MemoryFigures> {
  const { server, port } = await startServer(script, count, directory);
  const before = await settledMemory(server);
  const sockets = await manyAtOnce(count, () => openConnection(port));
  await manyAtOnce(count, (index) => name(sockets[index]!, index + 1));
  const after = server.memory('VmRSS')!;
  const held = await settledMemory(server);
  await resetAll(sockets);
  await server.stop();
  return { bytesEach: (after - before) / count, heldBytesEach: (held - before) / count };
}

async function measureRates(script: string, count: number, directory: string): Promise<RateFigures> {
  const { server, port } = await startServer(script, count, directory);
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

/** Starts a server, waits until it listens, and makes one complete connection. */
async function startServer(
  script: string,
  count: number,
  directory: string,
): Promise<{ server: Program; port: number }> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const port = await findFreePort();
  const settings = {
    SERVER_IP: '127.0.0.1',
    SERVER_PORT: String(port),
    SERVER_AGENCIES: String(count),
    SERVER_MAX_SESSIONS: String(count),
    SERVER_IDLE_TIMEOUT_MS: '600000',
    SERVER_UNNAMED_TIMEOUT_MS: '600000',
    SERVER_ADDRESS_SESSIONS: String(count),
    SERVER_ADDRESS_CONNECT_BURST: '1000000',
    SERVER_DATA_DIR: join(directory, 'store'),
  };
  const options = ['--expose-gc', '-r', PROGRAMS.collectGarbage];
  const server = await start(commandOf(script, settings, join(directory, 'server.log'), options));
  await connectOnce(port);
  return { server, port };
}

/** Resolves when the server has accepted all: it accepts connections in order, and has answered the last one. */
async function connectAll(port: number, count: number): Promise<Socket[]> {
  const sockets = await manyAtOnce(count, () => openConnection(port));
  await name(sockets.at(-1)!, count);
  return sockets;
}

async function resetAll(sockets: readonly Socket[]): Promise<void> {
  const closed = sockets.map((socket) => once(socket, 'close'));
  for (const socket of sockets) socket.resetAndDestroy();
  await Promise.all(closed);
}

async function settledMemory(server: Program): Promise<number> {
  for (let round = 0; round < 3; round++) {
    server.signal('SIGUSR2');
    await delay(SETTLING_MS / 3);
  }
  return server.memory('VmRSS')!;
}

async function connectOnce(port: number): Promise<void> {
  for (;;) {
    try {
      const socket = await openConnection(port);
      await name(socket, 1);
      socket.resetAndDestroy();
      return;
    } catch {
      await delay(20);
    }
  }
}

/** Calls `work` for each index below `count`, at most `AT_ONCE` calls at a time. Returns the results in order. */
async function manyAtOnce<Result>(count: number, work: (index: number) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      results[index] = await work(index);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

async function openConnection(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  socket.on('error', () => {});
  return socket;
}

/** Sends the agency's name, and waits for the answer. */
async function name(socket: Socket, agency: number): Promise<void> {
  socket.write(createAgencyCodec().encode(textMessage(MessageType.name, String(agency))));
  await once(socket, 'data');
}

/** The limit of open files of this process and its children (RLIMIT_NOFILE). */
function openFilesLimit(): number {
  const match = /Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'latin1'));
  return match === null ? 1024 : Number(match[1]);
}
