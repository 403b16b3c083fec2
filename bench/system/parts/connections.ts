import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createAgencyCodec, MessageType, textMessage } from '../../../apps/lottery/protocol';
import { freePort } from '../lottery_run';
import { type Part } from '../part';
import { Program, PROGRAMS } from '../program';
import { pairedRatio, spread } from '../statistics';

const WANTED = 10_000;
/** Connections that are begun and not answered yet. */
const AT_ONCE = 64;
/** Descriptors that a process needs beside its connections. */
const SPARE_DESCRIPTORS = 100;
const SETTLING_MS = 1_000;

/** What one server has shown; memory in bytes a connection. */
interface ConnectionFigures {
  /** From the first connection until the server has taken the last one. */
  readonly connectsPerSecond: number;
  readonly namesPerSecond: number;
  readonly bytesEach: number;
  readonly heldBytesEach: number;
}

/** Many agencies, connected and named: what each costs, and how fast they come, against a bare `net` server. */
export const connections: Part = {
  name: 'connections',
  about: 'agencies that are connected, have said their names and are idle',
  async run({ directory, rounds, print }) {
    const count = Math.min(WANTED, openFilesLimit() - SPARE_DESCRIPTORS);
    const run = join(directory, 'run');
    const ours: ConnectionFigures[] = [];
    const bare: ConnectionFigures[] = [];
    for (let round = 0; round < Math.min(3, rounds); round++) {
      ours.push(await measure(PROGRAMS.server, count, run));
      bare.push(await measure(PROGRAMS.bareServer, count, run));
    }
    const rates = (figures: readonly ConnectionFigures[]): number[] => figures.map((each) => each.connectsPerSecond);
    const names = ours.map((each) => each.namesPerSecond);
    print('connections', String(count));
    printMemory('server', ours, '   to reach: 8');
    printMemory('bare net server', bare, '');
    print('server: connects/s', spread(rates(ours), '/s', 0));
    print('bare net server: connects/s', spread(rates(bare), '/s', 0));
    print('connects/s / the bare server’s', `${pairedRatio(rates(ours), rates(bare))}   to reach: 0.9`);
    print('server: names/s, each answered', spread(names, '/s', 0));

    function printMemory(name: string, figures: readonly ConnectionFigures[], goal: string): void {
      const kilobytes = (key: 'bytesEach' | 'heldBytesEach'): string =>
        spread(
          figures.map((each) => each[key] / 1000),
          'kB',
          1,
        );
      print(`${name}: memory each, garbage included`, kilobytes('bytesEach'));
      print(`${name}: memory each, garbage collected`, kilobytes('heldBytesEach') + goal);
    }
  },
};

async function measure(script: string, count: number, directory: string): Promise<ConnectionFigures> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const port = await freePort();
  const settings = {
    SERVER_IP: '127.0.0.1',
    SERVER_PORT: String(port),
    SERVER_AGENCIES: String(count),
    SERVER_MAX_SESSIONS: String(count),
    SERVER_LISTEN_BACKLOG: '4096',
    SERVER_IDLE_TIMEOUT_MS: '600000',
    SERVER_DATA_DIR: join(directory, 'store'),
  };
  const options = ['--expose-gc', '-r', PROGRAMS.collectGarbage];
  const server = new Program(script, settings, join(directory, 'server.log'), options);
  await connectOnce(port);
  const before = await settledMemory(server);
  const begun = performance.now();
  const sockets = await manyAtOnce(count, () => openConnection(port));
  // A server takes connections in their order: when the last one is answered, it has taken all.
  await name(sockets.at(-1)!, count);
  const connectedAt = performance.now();
  await manyAtOnce(count - 1, (index) => name(sockets[index]!, index + 1));
  const namedAt = performance.now();
  const after = server.memory('VmRSS')!;
  const held = await settledMemory(server);
  for (const socket of sockets) socket.resetAndDestroy();
  await server.stop();
  return {
    connectsPerSecond: (1000 * count) / (connectedAt - begun),
    namesPerSecond: (1000 * count) / (namedAt - connectedAt),
    bytesEach: (after - before) / count,
    heldBytesEach: (held - before) / count,
  };
}

async function settledMemory(server: Program): Promise<number> {
  for (let round = 0; round < 3; round++) {
    server.signal('SIGUSR2');
    await delay(SETTLING_MS / 3);
  }
  return server.memory('VmRSS')!;
}

/** Waits until the server listens, and has it do everything once. */
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

/** Does something for each index below `count`, and returns what became of it, in order. */
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

/** Says the agency's name, and waits for the answer. */
async function name(socket: Socket, agency: number): Promise<void> {
  socket.write(createAgencyCodec().encode(textMessage(MessageType.name, String(agency))));
  await once(socket, 'data');
}

/** How many files this process, and those it starts, may have open (RLIMIT_NOFILE). */
function openFilesLimit(): number {
  const match = /Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'latin1'));
  return match === null ? 1024 : Number(match[1]);
}
