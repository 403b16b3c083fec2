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
  readonly connectsPerSecond: number;
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
    print('connections', String(count));
    printMemory('server', ours, '   to reach: 8');
    printMemory('bare net server', bare, '');
    print('connects/s, each named and answered', spread(rates(ours), '/s', 0));
    print('bare net server: connects/s, each echoed', spread(rates(bare), '/s', 0));
    print('connects/s / the bare server’s', `${pairedRatio(rates(ours), rates(bare))}   to reach: 0.9`);

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
  const sockets = await connectMany(port, count);
  const seconds = (performance.now() - begun) / 1000;
  const after = server.memory('VmRSS')!;
  const held = await settledMemory(server);
  for (const socket of sockets) socket.resetAndDestroy();
  await server.stop();
  return {
    connectsPerSecond: count / seconds,
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
      (await connectAndName(port, 1)).resetAndDestroy();
      return;
    } catch {
      await delay(20);
    }
  }
}

async function connectMany(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  let next = 1;
  const work = async (): Promise<void> => {
    while (next <= count) sockets.push(await connectAndName(port, next++));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return sockets;
}

/** A connection that has said its agency's name, and has an answer: the server has seen it, not just its kernel. */
async function connectAndName(port: number, agency: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.write(createAgencyCodec().encode(textMessage(MessageType.name, String(agency))));
  await once(socket, 'data');
  socket.on('error', () => {});
  return socket;
}

/** How many files this process, and those it starts, may have open (RLIMIT_NOFILE). */
function openFilesLimit(): number {
  const match = /Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'latin1'));
  return match === null ? 1024 : Number(match[1]);
}
