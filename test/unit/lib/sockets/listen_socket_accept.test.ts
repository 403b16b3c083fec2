import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect } from 'chai';
import sinon from 'sinon';
import { ListenSocket } from '../../../../lib/index';
import { describeListenSocket, LOOPBACK, portOf } from '../../../support/listen_sockets';
import { expectCode } from '../../../support/rejection';
import { tlsIdentity } from '../../../support/tls_identity';

describeListenSocket(({ clients, peers, listen, connectTo, accept }) => {
  describe('accept', () => {
    it('is refused before bindAndListen', async () => {
      await expectCode(new ListenSocket(LOOPBACK).accept(), 'WRONG_STATE');
    });

    it('gives connections to several waiting calls in the order of the calls', async () => {
      const listener = await listen();
      const accepting = [accept(listener), accept(listener), accept(listener)];
      const ports = [];
      for (let client = 0; client < 3; client++) ports.push((await connectTo(listener)).localPort);
      const accepted = await Promise.all(accepting);
      expect(accepted.map((peer) => portOf(peer.remoteAddress))).to.deep.equal(ports);
    });

    it('gives connections that came before the call in the order of their arrival', async () => {
      const listener = await listen();
      const ports = [(await connectTo(listener)).localPort, (await connectTo(listener)).localPort];
      expect(portOf((await accept(listener)).remoteAddress)).to.equal(ports[0]);
      expect(portOf((await accept(listener)).remoteAddress)).to.equal(ports[1]);
    });

    it('an abort and a timeout settle it and take no connection', async () => {
      const listener = await listen();
      const controller = new AbortController();
      const accepting = listener.accept({ signal: controller.signal });
      controller.abort();
      await expectCode(accepting, 'ABORTED');
      await expectCode(listener.accept({ timeoutMs: 1 }), 'TIMED_OUT');
      const client = await connectTo(listener);
      expect(portOf((await accept(listener)).remoteAddress)).to.equal(client.localPort);
    });

    it('a close settles every pending call, and later ones', async () => {
      const listener = await listen();
      const accepting = [listener.accept(), listener.accept()];
      await listener.close();
      for (const each of accepting) await expectCode(each, 'SOCKET_CLOSED');
      await expectCode(listener.accept(), 'SOCKET_CLOSED');
    });

    it('a failure of the system fails one call, and the listener goes on', async () => {
      let server: Server | undefined;
      const listener = await listen({ createServer: () => (server = createServer()) });
      const [first, second] = [listener.accept(), accept(listener)];
      server!.emit('error', Object.assign(new Error('accept EMFILE'), { code: 'EMFILE' }));
      const error = await expectCode(first, 'ACCEPT_FAILED');
      expect(error.message).to.contain('EMFILE');
      await connectTo(listener);
      await second;
      server!.emit('error', new Error('no call waits: this must not end the process'));
    });

    it('twenty calls with one signal give no warning', async () => {
      const warned = sinon.spy(process, 'emitWarning');
      const listener = await listen();
      const controller = new AbortController();
      const accepting = Array.from({ length: 20 }, () => listener.accept(controller));
      controller.abort();
      for (const each of accepting) await expectCode(each, 'ABORTED');
      expect(warned.called).to.equal(false);
    });
  });

  describe('connections that are not accepted', () => {
    it('are bounded: further ones are reset and counted', async () => {
      const listener = await listen({ maxWaiting: 2 });
      const [first, second] = [await connectTo(listener), await connectTo(listener)];
      const third = connect(portOf(listener.address), '127.0.0.1');
      const [error] = (await once(third, 'error')) as [NodeJS.ErrnoException];
      expect(error.code).to.equal('ECONNRESET');
      expect(listener.refusedConnections).to.equal(1);
      expect(portOf((await accept(listener)).remoteAddress)).to.equal(first.localPort);
      expect(portOf((await accept(listener)).remoteAddress)).to.equal(second.localPort);
    });

    it('a reset before the accept does not end the process, and fails the first use', async () => {
      const listener = await listen();
      const client = await connectTo(listener);
      client.resetAndDestroy();
      await once(client, 'close');
      const peer = await accept(listener);
      await peer.closed;
      expect(peer.remoteAddress).to.have.property('host', '127.0.0.1');
      await expectCode(peer.recvExactly(1), 'CONNECTION_LOST');
    });

    it('are reset by a close, and accepted ones stay open', async () => {
      const listener = await listen();
      const accepted = await connectTo(listener);
      const peer = await accept(listener);
      const waiting = await connectTo(listener);
      await new Promise((resolve) => setImmediate(resolve));
      const lost = once(waiting, 'error');
      await listener.close();
      await listener.close();
      expect(((await lost) as [NodeJS.ErrnoException])[0].code).to.equal('ECONNRESET');
      accepted.write('still here');
      expect(String(await peer.recvExactly(10))).to.equal('still here');
    });

    it('are reset by a close within their TLS handshake too', async () => {
      let server: Server | undefined;
      const listener = await listen({ tls: tlsIdentity, createServer: () => (server = createServer()) });
      const port = portOf(listener.address);
      const raw = once(server!, 'connection');
      const client = connectTls({ port, host: '127.0.0.1', ca: tlsIdentity.cert });
      client.on('error', () => undefined);
      clients.push(client);
      await raw;
      const lost = once(client, 'error');
      await listener.close();
      expect(((await lost) as [NodeJS.ErrnoException])[0].code).to.equal('ECONNRESET');
      expect(listener.refusedConnections).to.equal(1);
    });
  });

  describe('for await', () => {
    it('accepts until the listener is closed', async () => {
      const listener = await listen();
      let count = 0;
      const loop = (async () => {
        for await (const peer of listener) {
          peers.push(peer);
          count++;
          if (count === 2) await listener.close();
        }
      })();
      await connectTo(listener);
      await connectTo(listener);
      await loop;
      expect(count).to.equal(2);
    });

    it('ends at a close while it waits', async () => {
      const listener = await listen();
      const loop = (async () => {
        for await (const peer of listener) peers.push(peer);
      })();
      await new Promise((resolve) => setImmediate(resolve));
      await listener.close();
      await loop;
    });

    it('throws a failure of the system, and can be begun again', async () => {
      let server: Server | undefined;
      const listener = await listen({ createServer: () => (server = createServer()) });
      const loop = async (): Promise<void> => {
        for await (const peer of listener) {
          peers.push(peer);
          return;
        }
      };
      const first = loop();
      await new Promise((resolve) => setImmediate(resolve));
      server!.emit('error', new Error('accept EMFILE'));
      await expectCode(first, 'ACCEPT_FAILED');
      await Promise.all([loop(), connectTo(listener)]);
      expect(peers).to.have.length(1);
    });

    it('break closes nothing: neither the listener nor the connection', async () => {
      const listener = await listen();
      const client = await connectTo(listener);
      for await (const peer of listener) {
        peers.push(peer);
        break;
      }
      client.write('x');
      expect(String(await peers[0]!.recvExactly(1))).to.equal('x');
      await connectTo(listener);
      await accept(listener);
    });
  });
});
