import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { expect } from 'chai';
import { type PeerSocket } from '../../../../lib/index';
import { describeListenSocket } from '../../../support/listen_sockets';
import { MemoryServer } from '../../../support/memory_server';
import { tlsIdentity } from '../../../support/tls_identity';
import { turns, until } from '../../../support/turns';

const NO_REFUSALS = {
  maxWaiting: 0,
  maxHandshaking: 0,
  maxConnections: 0,
  admit: 0,
  maxPerAddress: 0,
  connectsPerSecond: 0,
  proxyHeader: 0,
  maxProxyHeaders: 0,
  untrustedProxy: 0,
  lost: 0,
  listenerClosed: 0,
};

const NOTHING = {
  accepted: 0,
  active: 0,
  handlersFailed: 0,
  acceptsFailed: 0,
  handshakesFailed: 0,
  refused: NO_REFUSALS,
};

describeListenSocket(({ listen, connectTo, connectInVain, accept }) => {
  describe('counters', () => {
    it('are a snapshot, with every reason of a refusal', async () => {
      const listener = await listen({ maxWaiting: 1 });
      const before = listener.counters;
      await connectTo(listener);
      await accept(listener);
      await connectTo(listener);
      await turns(2);
      await connectInVain(listener);
      await listener.close();
      expect(before).to.deep.equal(NOTHING);
      expect(listener.counters).to.deep.equal({
        ...NOTHING,
        accepted: 1,
        refused: { ...NO_REFUSALS, maxWaiting: 1, listenerClosed: 1 },
      });
      expect(listener.refusedConnections).to.equal(2);
    });
  });

  describe('events', () => {
    const subscriptions: [string, (message: unknown) => void][] = [];

    /** The messages of a channel from now on, to the end of the case. */
    function messagesOf(name: string): unknown[] {
      const messages: unknown[] = [];
      const onMessage = (message: unknown): unknown => messages.push(message);
      subscribe(name, onMessage);
      subscriptions.push([name, onMessage]);
      return messages;
    }

    afterEach(() => {
      for (const [name, onMessage] of subscriptions.splice(0)) unsubscribe(name, onMessage);
    });

    it('tell of the handlers of serve', async () => {
      const [starts, ends] = [messagesOf('sockwright:handler:start'), messagesOf('sockwright:handler:end')];
      const listener = await listen();
      const peers: PeerSocket[] = [];
      const failure = new Error('a mistake');
      const serving = listener.serve(
        (peer) => {
          peers.push(peer);
          if (peers.length === 2) throw failure;
        },
        { onError: () => undefined },
      );
      for (let client = 0; client < 2; client++) await once((await connectTo(listener)).resume(), 'end');
      await listener.close();
      await serving;
      expect(starts).to.deep.equal(peers.map((peer) => ({ listener, peer })));
      expect(ends).to.deep.equal([
        { listener, peer: peers[0], error: undefined },
        { listener, peer: peers[1], error: failure },
      ]);
    });

    it('tell of refused connections', async () => {
      const messages = messagesOf('sockwright:connection:refused');
      const server = new MemoryServer();
      const listener = await listen({ createServer: () => server.asServer });
      void listener.serve(async (peer) => peer.recvSome(1), { maxConnections: 1 });
      for (const remotePort of [1, 2]) server.connect({ remoteAddress: '192.0.2.1', remotePort }).on('error', () => {});
      expect(messages).to.deep.equal([
        { listener, reason: 'maxConnections', remoteAddress: { host: '192.0.2.1', port: 2 } },
      ]);
    });

    it('tell of failed handshakes and of failures of accept(2)', async () => {
      const [handshakes, accepts] = [messagesOf('sockwright:handshake:failed'), messagesOf('sockwright:accept:failed')];
      const server = new MemoryServer();
      const errors: unknown[] = [];
      const listener = await listen({ tls: tlsIdentity, onHandshakeError: (error) => errors.push(error) });
      (await connectTo(listener)).resume().write('this is not TLS');
      await until(() => handshakes.length === 1, 'the handshake has failed');
      expect(handshakes).to.deep.equal([{ listener, error: errors[0] }]);

      const other = await listen({ createServer: () => server.asServer });
      server.emit('error', new Error('accept ENFILE'));
      expect(accepts).to.have.length(1);
      expect(accepts[0]).to.have.property('listener', other);
      expect(accepts[0]).to.have.nested.property('error.code', 'ACCEPT_FAILED');
    });
  });
});
