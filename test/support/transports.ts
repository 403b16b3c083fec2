import { randomUUID } from 'node:crypto';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex } from 'node:stream';
import {
  type BufferOptions,
  ConnectSocket,
  type ConnectSocketOptions,
  ListenSocket,
  type ListenSocketOptions,
  PeerSocket,
  type StreamSocket,
} from '../../lib/index';
import { MemoryStream } from '../../lib/testing/index';
import { tlsIdentity } from './tls_identity';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

/** Two connected sockets and their streams. */
export interface Connection {
  readonly client: StreamSocket;
  readonly server: StreamSocket;
  readonly clientStream: Duplex;
  readonly serverStream: Duplex;
}

/** A kind of connection. The contract holds for all kinds. */
export interface Transport {
  readonly name: string;
  /** Whether a reset differs from an end for the peer. */
  readonly hasReset: boolean;
  readonly connect: (options?: BufferOptions) => Promise<Connection>;
}

export const transports: readonly Transport[] = [
  { name: 'in-memory pair', hasReset: true, connect: connectInMemory },
  {
    name: 'TCP',
    hasReset: true,
    connect: (options) =>
      connectOver(LOOPBACK, (port) => ({ createConnection: () => connectTcp({ host: '127.0.0.1', port }) }), options),
  },
  {
    name: 'TLS',
    hasReset: false,
    connect: (options) =>
      connectOver(
        { ...LOOPBACK, tls: tlsIdentity },
        (port) => ({ ...LOOPBACK, port, tls: { ca: tlsIdentity.cert } }),
        options,
      ),
  },
  {
    name: 'TLS by startTls',
    hasReset: false,
    connect: async (options) => withTls(await connectOver(LOOPBACK, (port) => ({ ...LOOPBACK, port }), options)),
  },
  {
    name: 'TLS by startTls, in memory',
    hasReset: false,
    connect: async (options) => withTls(await connectInMemory(options)),
  },
  {
    name: 'Unix socket',
    hasReset: false,
    connect: async (options) => {
      const path = temporarySocketPath();
      return connectOver({ path }, () => ({ createConnection: () => connectTcp({ path }) }), options);
    },
  },
];

/** A unique path for a Unix socket, shorter than 104 bytes. */
export function temporarySocketPath(): string {
  return join(tmpdir(), `socket-${randomUUID()}`);
}

async function connectInMemory(options?: BufferOptions): Promise<Connection> {
  const [clientStream, serverStream] = MemoryStream.pair();
  return {
    client: new PeerSocket(clientStream, options),
    server: new PeerSocket(serverStream, options),
    clientStream,
    serverStream,
  };
}

async function connectOver(
  target: ListenSocketOptions,
  clientTarget: (port: number) => ConnectSocketOptions,
  options: BufferOptions = {},
): Promise<Connection> {
  const listener = new ListenSocket({ ...target, ...options });
  await listener.bindAndListen();
  const { address } = listener;
  const port = address?.port ?? 0;
  const client = new ConnectSocket({ ...clientTarget(port), ...options });
  const [server] = await Promise.all([listener.accept(), client.connect()]);
  await listener.close();
  return { client, server, clientStream: streamOf(client), serverStream: streamOf(server) };
}

async function withTls({ client, server }: Connection): Promise<Connection> {
  await Promise.all([
    server.startTls({ isServer: true, ...tlsIdentity }),
    client.startTls({ isServer: false, ca: tlsIdentity.cert, servername: 'localhost' }),
  ]);
  return { client, server, clientStream: streamOf(client), serverStream: streamOf(server) };
}

/** The stream of an open socket, which has no public name. */
function streamOf(socket: StreamSocket): Duplex {
  return (socket as unknown as { connection: { stream: Duplex } }).connection.stream;
}
