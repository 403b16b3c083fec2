import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import sinon from 'sinon';
import { type Address, ListenSocket, type ListenSocketOptions, type PeerSocket } from '../../lib/index';

export const LOOPBACK = { host: '127.0.0.1', port: 0 };

/** The sockets of a case, all closed after it. A case adds those that it opens itself to the lists. */
export interface ListenFixture {
  readonly opened: ListenSocket[];
  readonly clients: Socket[];
  readonly peers: PeerSocket[];
  /** Opens a listener on a free port of the loopback. */
  readonly listen: (options?: Partial<ListenSocketOptions>) => Promise<ListenSocket>;
  readonly connectTo: (listener: ListenSocket) => Promise<Socket>;
  /** Connects, and resolves when the listener has reset the connection, before or after the client's `connect` event. */
  readonly connectInVain: (listener: ListenSocket, localAddress?: string) => Promise<void>;
  readonly accept: (listener: ListenSocket) => Promise<PeerSocket>;
}

/** Declares cases of `ListenSocket`. */
export function describeListenSocket(declareCases: (fixture: ListenFixture) => void): void {
  describe('ListenSocket', () => {
    const opened: ListenSocket[] = [];
    const clients: Socket[] = [];
    const peers: PeerSocket[] = [];

    afterEach(async () => {
      for (const client of clients.splice(0)) client.destroy();
      await Promise.all([...peers.splice(0), ...opened.splice(0)].map((socket) => socket.close()));
      sinon.restore();
    });

    declareCases({
      opened,
      clients,
      peers,
      listen: async (options = {}) => {
        const listener = new ListenSocket({ ...LOOPBACK, ...options } as ListenSocketOptions);
        opened.push(listener);
        await listener.bindAndListen();
        return listener;
      },
      connectTo: async (listener) => {
        const client = connect(portOf(listener.address), '127.0.0.1');
        clients.push(client);
        client.on('error', () => undefined);
        await once(client, 'connect');
        return client;
      },
      connectInVain: async (listener, localAddress) => {
        const client = connect({ port: portOf(listener.address), host: '127.0.0.1', localAddress });
        clients.push(client);
        const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException];
        if (error.code !== 'ECONNRESET') throw error;
      },
      accept: async (listener) => {
        const peer = await listener.accept();
        peers.push(peer);
        return peer;
      },
    });
  });
}

export function portOf(address: Address | undefined): number {
  if (address?.port === undefined) throw new Error('no port');
  return address.port;
}
