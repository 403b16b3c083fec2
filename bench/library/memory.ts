/* eslint-disable no-console -- a program whose output is its purpose */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { FramedSocket, ListenSocket, rawBytes, TlvCodec } from '../../lib/index';

/**
 * Measures a server's memory for each idle connection: plain net with three listeners, and the library with a pending
 * read and its idle timer. Each server is a separate process; its clients share another one.
 *
 * BENCH_CONNECTIONS: the number of connections (10000). The limit of open files (`ulimit -n`) must allow them.
 */
const CONNECTIONS = Number(process.env.BENCH_CONNECTIONS ?? 10_000);

/** A server that keeps all connections open, and counts them. */
interface IdleServer {
  readonly port: number;
  readonly accepted: () => number;
}

const servers: Readonly<Record<string, () => Promise<IdleServer>>> = {
  async 'raw net'() {
    const sockets: Socket[] = [];
    const server: Server = createServer({ noDelay: true, keepAlive: true, allowHalfOpen: true }, (socket) => {
      sockets.push(socket.on('data', ignore).on('error', ignore).on('close', ignore));
    });
    server.listen({ port: 0, host: '127.0.0.1', backlog: 511 });
    await once(server, 'listening');
    return { port: (server.address() as { port: number }).port, accepted: () => sockets.length };
  },

  async sockwright() {
    const codec = new TlvCodec(
      { typeBytes: 1, lengthBytes: 6, byteOrder: 'little-endian', maxValueBytes: 8192 },
      rawBytes,
    );
    const framedSockets: FramedSocket<unknown>[] = [];
    const listener = new ListenSocket({ host: '127.0.0.1', port: 0, backlog: 511 });
    await listener.bindAndListen();
    void (async () => {
      for await (const peer of listener) {
        const framed = new FramedSocket(peer, codec);
        framedSockets.push(framed);
        framed.receive({ idleTimeoutMs: 600_000, messageTimeoutMs: 10_000 }).catch(ignore);
      }
    })();
    return { port: (listener.address as { port: number }).port, accepted: () => framedSockets.length };
  },
};

function ignore(): void {
  // An idle server has nothing to do.
}

async function measure(name: string): Promise<void> {
  const server = await servers[name]!();
  const before = process.memoryUsage();
  const clients = fork(__filename, ['connect', String(server.port)]);
  while (server.accepted() < CONNECTIONS) await sleep(20);
  await sleep(500);
  const after = process.memoryUsage();
  const perConnection = (bytes: number): string => `${Math.round(bytes / CONNECTIONS)} B`;
  console.log(
    `${name.padEnd(12)} ${CONNECTIONS} idle connections: RSS ${perConnection(after.rss - before.rss)},`,
    `heap ${perConnection(after.heapUsed - before.heapUsed)} each`,
  );
  clients.disconnect();
  process.exit();
}

async function connectAll(port: number): Promise<void> {
  process.on('disconnect', () => process.exit());
  const sockets: Socket[] = [];
  for (let count = 0; count < CONNECTIONS; count++) {
    const socket = connect(port, '127.0.0.1').on('error', ignore);
    await once(socket, 'connect');
    sockets.push(socket);
  }
}

async function main([role, argument]: string[]): Promise<void> {
  if (role === 'connect') return connectAll(Number(argument));
  if (role === 'measure') return measure(argument!);
  for (const name of Object.keys(servers)) await once(fork(__filename, ['measure', name]), 'exit');
}

void main(process.argv.slice(2));
