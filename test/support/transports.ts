import { randomUUID } from 'node:crypto';
import { type EventEmitter } from 'node:events';
import { connect as connectTcp, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex } from 'node:stream';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { type BufferOptions, ConnectSocket, ListenSocket, PeerSocket, type StreamSocket } from '../../lib/index';
import { MemoryStream } from '../../lib/testing/index';
import { tlsIdentity } from './tls_identity';

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
      connectOver(
        { host: '127.0.0.1', port: 0 },
        {
          server: () => createTcpServer(),
          client: (port) => connectTcp({ host: '127.0.0.1', port }),
        },
        options,
      ),
  },
  {
    name: 'TLS',
    hasReset: false,
    connect: (options) =>
      connectOver(
        { host: '127.0.0.1', port: 0 },
        {
          server: () => createTlsServer(tlsIdentity),
          client: (port) => connectTls({ host: '127.0.0.1', port, ca: tlsIdentity.cert }),
        },
        options,
      ),
  },
  {
    name: 'Unix socket',
    hasReset: false,
    connect: async (options) => {
      const path = temporarySocketPath();
      return connectOver(
        { path },
        {
          server: () => createTcpServer(),
          client: () => connectTcp({ path }),
        },
        options,
      );
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

interface Streams {
  readonly server: () => ReturnType<typeof createTcpServer>;
  readonly client: (port: number) => Duplex;
}

async function connectOver(
  target: { host: string; port: number } | { path: string },
  streams: Streams,
  options: BufferOptions = {},
): Promise<Connection> {
  let serverStream: Duplex | undefined;
  let clientStream: Duplex | undefined;
  const createServer = (): ReturnType<typeof createTcpServer> => {
    const server = streams.server();
    const event = 'addContext' in server ? 'secureConnection' : 'connection';
    (server as EventEmitter).on(event, (stream: Duplex) => void (serverStream = stream));
    return server;
  };
  const listener = new ListenSocket({ ...target, ...options, createServer });
  await listener.bindAndListen();
  const { address } = listener;
  const port = address !== undefined && 'port' in address ? address.port : 0;
  const client = new ConnectSocket({ ...options, createConnection: () => (clientStream = streams.client(port)) });
  const [server] = await Promise.all([listener.accept(), client.connect()]);
  await listener.close();
  return { client, server, clientStream: clientStream!, serverStream: serverStream! };
}
