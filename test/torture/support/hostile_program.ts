/** The program of `HostileAddress`. Arguments: port, own address, the ids of two agencies. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setPriority } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { message } from '../../support/wire_client';
import { IS_FULL } from './campaign';
import { hostileRows } from './hostile_address';

/** The connections at once, of each kind of short connections. */
const WORKERS = 16;
const PIPELINED = 500;

const [port, localAddress, asking, uploading] = process.argv.slice(2) as [string, string, string, string];
const counts = { connects: 0, left: 0, garbage: 0, asking: 0, batches: 0 };
const garbage = randomBytes(65_536);

function open(): Socket {
  const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress, noDelay: true });
  return socket.on('error', () => socket.destroy());
}

/** Resolves when the connection has ended, by an error too, for which `once` would reject. */
async function closed(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}

/** Resolves after each write that the system has taken, so that a worker fills a connection without reading from it. */
async function fill(socket: Socket, bytes: Buffer, onWritten: () => void): Promise<void> {
  while (!socket.destroyed) {
    await new Promise((resolve) => socket.write(bytes, resolve));
    onWritten();
  }
}

const ATTACKS: Readonly<Record<keyof typeof counts, () => Promise<void>>> = {
  connects: async () => {
    const socket = open();
    await once(socket, 'connect').catch(() => {});
    socket.resetAndDestroy();
    counts.connects++;
  },
  left: async () => {
    const socket = open();
    await once(socket, 'connect').catch(() => {});
    socket.write(message('N', asking).subarray(0, 3));
    // Left open until the server closes it.
    await closed(socket);
    counts.left++;
  },
  garbage: async () => {
    const socket = open();
    socket.end(garbage.subarray(0, 4096));
    await closed(socket);
    counts.garbage++;
  },
  asking: async () => {
    const socket = open().pause();
    socket.write(message('N', asking));
    const flood = Buffer.concat(Array.from({ length: PIPELINED }, () => message('A')));
    await fill(socket, flood, () => (counts.asking += PIPELINED));
  },
  batches: async () => {
    const socket = open().pause();
    socket.write(message('N', uploading));
    await fill(socket, message('B', hostileRows(Number(uploading)).join('\n')), () => counts.batches++);
  },
};

function begin(kind: keyof typeof counts, workers: number): void {
  for (let worker = 0; worker < workers; worker++) {
    void (async () => {
      for (;;) await ATTACKS[kind]();
    })();
  }
}

async function run(): Promise<void> {
  // For the measured ratio: an attacker is another machine, and must not take the processor of the server.
  if (IS_FULL) setPriority(19);
  // These two have a session each; with the others around they would hardly get one. A second one would supersede it.
  begin('asking', 1);
  begin('batches', 1);
  while (counts.asking === 0 || counts.batches === 0) await delay(10);
  // Of a later start, the other connects would leave them no token of the address.
  begin('left', WORKERS);
  while (counts.left < WORKERS) await delay(10);
  begin('connects', WORKERS);
  begin('garbage', WORKERS);
  process.send!('begun');
}

process.on('disconnect', () => process.exit());
process.on('message', () => process.send!(counts, () => process.exit()));
void run();
