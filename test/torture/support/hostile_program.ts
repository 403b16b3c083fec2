/** The program of `HostileAddress`. Arguments: port, own address, the ids of two agencies, `last` or empty, certificates. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { message } from '../../support/wire_client';
import { hostileRows } from './hostile_address';
import { clientHello } from './tls_flights';

/** The connections at once, of each kind of short connections. */
const WORKERS = 16;
const PIPELINED = 500;

const [port, localAddress, asking, uploading, priority, certificates] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const isSecure = certificates !== '';
const counts = { connects: 0, left: 0, garbage: 0, asking: 0, batches: 0 };
const garbage = randomBytes(65_536);
const first = firstBytes();

function open(): Socket {
  const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress, noDelay: true });
  return socket.on('error', () => socket.destroy());
}

/** A connection as an agency: by TLS, with its certificate. */
function openAs(agency: string): Socket {
  if (!isSecure) return open();
  const file = (name: string): Buffer => readFileSync(join(certificates, name));
  const identity = { cert: file(`agency-${agency}.pem`), key: file(`agency-${agency}.key.pem`) };
  const secure = connectTls({ ...identity, ca: file('ca.pem'), host: 'localhost', socket: open() });
  return secure.on('error', () => secure.destroy());
}

/** The first bytes of a session that is left: by TLS a whole ClientHello, which costs the server more than a part. */
async function firstBytes(): Promise<Buffer> {
  if (!isSecure) return message('N', asking).subarray(0, 3);
  return clientHello({ host: 'localhost', minVersion: 'TLSv1.3' });
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
    if (isSecure) {
      // The server has signed its part of the handshake then.
      socket.write(await first);
      await Promise.race([once(socket, 'data').catch(() => {}), closed(socket)]);
    }
    socket.resetAndDestroy();
    counts.connects++;
  },
  left: async () => {
    const socket = open();
    await once(socket, 'connect').catch(() => {});
    socket.write(await first);
    counts.left++;
    // Left open until the server closes it.
    await closed(socket);
  },
  garbage: async () => {
    const socket = open();
    socket.end(garbage.subarray(0, 4096));
    await closed(socket);
    counts.garbage++;
  },
  asking: async () => {
    const socket = openAs(asking).pause();
    socket.write(message('N', asking));
    const flood = Buffer.concat(Array.from({ length: PIPELINED }, () => message('A')));
    await fill(socket, flood, () => (counts.asking += PIPELINED));
  },
  batches: async () => {
    const socket = openAs(uploading).pause();
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
  // For a measured ratio: an attacker is another machine, and must not take the processor of the server.
  if (priority === 'last') setPriority(19);
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
