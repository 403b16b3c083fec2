import { once } from 'node:events';
import { expect } from 'chai';
import { ListenSocket, type PeerSocket } from '../../../../lib/index';
import { describeListenSocket, LOOPBACK, portOf } from '../../../support/listen_sockets';
import { MemoryServer } from '../../../support/memory_server';
import { expectCode, rejection } from '../../../support/rejection';
import { turns, until } from '../../../support/turns';

/** Sends back the bytes of a peer until its end. */
async function echo(peer: PeerSocket): Promise<void> {
  for (let bytes = await peer.recvSome(100); bytes !== null; bytes = await peer.recvSome(100))
    await peer.sendAll(bytes);
}

describeListenSocket(({ opened, listen, connectTo }) => {
  describe('serve', () => {
    it('runs the handler for each connection, side by side', async () => {
      const listener = await listen();
      const serving = listener.serve(echo);
      const clients = [await connectTo(listener), await connectTo(listener), await connectTo(listener)];
      for (const [index, client] of clients.entries()) {
        client.write(`client ${index}`);
        const [bytes] = (await once(client, 'data')) as [Buffer];
        expect(String(bytes)).to.equal(`client ${index}`);
      }
      expect(listener.counters.active).to.equal(3);
      for (const client of clients) client.end();
      await listener.close();
      await serving;
      expect(listener.counters).to.include({ accepted: 3, active: 0, handlersFailed: 0 });
    });

    it('closes the connection when the handler ends, whether it is async or not', async () => {
      const listener = await listen();
      const peers: PeerSocket[] = [];
      const serving = listener.serve((peer) => {
        peers.push(peer);
        return peers.length === 1 ? undefined : peer.sendAll(Buffer.from('bye'));
      });
      for (let client = 0; client < 2; client++) {
        const socket = await connectTo(listener);
        socket.resume();
        await once(socket, 'end');
      }
      await Promise.all(peers.map(async (peer) => peer.closed));
      await listener.close();
      await serving;
    });

    it('resolves after the close of the listener, and not before the end of the last handler', async () => {
      const listener = await listen();
      let isResolved = false;
      const serving = listener.serve(echo).then(() => (isResolved = true));
      const client = await connectTo(listener);
      await until(() => listener.counters.active === 1, 'the handler runs');
      await listener.close();
      await turns(5);
      expect(isResolved).to.equal(false);
      client.end();
      await serving;
      expect(listener.counters.active).to.equal(0);
    });

    it('joins handlers that go on after the end of their connection', async () => {
      const listener = await listen();
      let finish: () => void = () => undefined;
      let isResolved = false;
      const serving = listener
        .serve(async (peer) => {
          await peer.close();
          await new Promise<void>((resolve) => (finish = resolve));
        })
        .then(() => (isResolved = true));
      await once((await connectTo(listener)).resume(), 'end');
      await listener.close();
      await turns(5);
      expect(isResolved).to.equal(false);
      finish();
      await serving;
    });

    it('ends by an abort as by a close, and an AbortedError of a handler is no failure then', async () => {
      const listener = await listen();
      const { signal, abort } = controller();
      const serving = listener.serve(async (peer) => void (await peer.recvSome(1, { signal })), {
        signal,
        onError: fail,
      });
      await connectTo(listener);
      await until(() => listener.counters.active === 1, 'the handler runs');
      abort();
      await serving;
      expect(listener.counters).to.include({ accepted: 1, active: 0, handlersFailed: 0 });
      await expectCode(listener.accept(), 'SOCKET_CLOSED');
    });

    it('with a signal that has fired closes the listener at once', async () => {
      const listener = await listen();
      await listener.serve(fail, { signal: AbortSignal.abort() });
      await expectCode(listener.accept(), 'SOCKET_CLOSED');
    });

    it('leaves no listener on its signal', async () => {
      const listener = await listen();
      const { signal } = controller();
      const added: string[] = [];
      signal.addEventListener = (type: string) => void added.push(`add ${type}`);
      signal.removeEventListener = (type: string) => void added.push(`remove ${type}`);
      const serving = listener.serve(fail, { signal });
      await listener.close();
      await serving;
      expect(added).to.deep.equal(['add abort', 'remove abort']);
    });

    it('serves the connections that were waiting, in their order', async () => {
      const listener = await listen();
      const ports = [(await connectTo(listener)).localPort, (await connectTo(listener)).localPort];
      await turns(2);
      expect(listener.counters.accepted).to.equal(0);
      const served: number[] = [];
      void listener.serve((peer) => served.push(portOf(peer.remoteAddress)));
      await until(() => served.length === 2, 'both are served');
      expect(served).to.deep.equal(ports);
      expect(listener.counters.accepted).to.equal(2);
    });

    it('is refused before bindAndListen, a second time, beside accept, and after a close', async () => {
      const unbound = new ListenSocket(LOOPBACK);
      opened.push(unbound);
      await expectCode(unbound.serve(fail), 'WRONG_STATE');

      const listener = await listen();
      const accepting = listener.accept();
      await expectCode(listener.serve(fail), 'WRONG_STATE');
      await connectTo(listener);
      await (await accepting).close();

      const serving = listener.serve(fail);
      await expectCode(listener.serve(fail), 'WRONG_STATE');
      await expectCode(listener.accept(), 'WRONG_STATE');
      await listener.close();
      await serving;
      await expectCode(listener.serve(fail), 'SOCKET_CLOSED');
    });

    const REFUSED_OPTIONS: readonly (readonly [object, ErrorConstructor, string])[] = [
      [{ maxConnections: 0 }, RangeError, 'maxConnections must be a whole number, at least 1, but is 0'],
      [{ maxPerAddress: 1.5 }, RangeError, 'maxPerAddress must be a whole number, at least 1, but is 1.5'],
      [{ connectsPerSecond: 0 }, RangeError, 'connectsPerSecond must be a number of more than 0, but is 0'],
      [{ connectsPerSecond: NaN }, RangeError, 'connectsPerSecond must be a number of more than 0, but is NaN'],
      [{ connectBurst: 0.5 }, RangeError, 'connectBurst must be a whole number, at least 1, but is 0.5'],
      [{ admit: true }, TypeError, 'admit must be a function'],
      [{ maxRefusing: -1 }, RangeError, 'maxRefusing must be a whole number, at least 0, but is -1'],
      [{ answersPerSecond: -1 }, RangeError, 'answersPerSecond must be a number of more than 0, but is -1'],
      [{ onError: 'log' }, TypeError, 'onError must be a function'],
      [{ onRefused: 'log' }, TypeError, 'onRefused must be a function'],
      [{ signal: {} }, TypeError, 'signal must be an AbortSignal'],
    ];
    for (const [options, kind, message] of REFUSED_OPTIONS) {
      it(`refuses the options ${JSON.stringify(options)}, and can be called again`, async () => {
        const listener = await listen();
        const error = await rejection(listener.serve(fail, options));
        expect(error).to.be.instanceOf(kind);
        expect(error.message).to.contain(message);
        await expectCode(listener.accept({ timeoutMs: 0 }), 'TIMED_OUT');
      });
    }

    it('refuses a handler that is no function', async () => {
      const listener = await listen();
      const error = await rejection(listener.serve(undefined as unknown as () => void));
      expect(error).to.be.instanceOf(TypeError);
      expect(error.message).to.equal('handler must be a function');
    });

    it('runs no handler after the close, whatever the server underneath does', async () => {
      const server = new MemoryServer();
      const listener = await listen({ createServer: () => server.asServer });
      const serving = listener.serve(fail);
      await listener.close();
      await serving;
      server.listen();
      const [error] = (await once(server.connect(), 'error')) as [NodeJS.ErrnoException];
      expect(error.code).to.equal('ECONNRESET');
      expect(listener.counters).to.include({ accepted: 0, handlersFailed: 0 });
      expect(listener.counters.refused.listenerClosed).to.equal(1);
    });

    it('serves streams in memory too', async () => {
      const server = new MemoryServer();
      const listener = await listen({ createServer: () => server.asServer });
      const serving = listener.serve(echo);
      const client = server.connect({ remoteAddress: '2001:db8::1', remotePort: 4000 });
      client.write('hello');
      expect(String(((await once(client, 'data')) as [Buffer])[0])).to.equal('hello');
      client.end();
      await listener.close();
      await serving;
    });
  });

  describe('closeAndDrain', () => {
    it('waits for the handlers, and resets nothing when they end in time', async () => {
      const listener = await listen();
      const serving = listener.serve(echo);
      const client = await connectTo(listener);
      await until(() => listener.counters.active === 1, 'the handler runs');
      const draining = listener.closeAndDrain({ timeoutMs: 60_000 });
      client.write('last words');
      expect(String(((await once(client, 'data')) as [Buffer])[0])).to.equal('last words');
      client.end();
      expect(await draining).to.equal(0);
      await serving;
    });

    it('resets the connections that are left after the time limit, which is no failure of their handlers', async () => {
      const listener = await listen();
      const serving = listener.serve(echo, { onError: fail });
      const clients = [await connectTo(listener), await connectTo(listener)];
      await until(() => listener.counters.active === 2, 'the handlers run');
      const lost = clients.map(async (client) => new Promise((resolve) => client.once('close', resolve)));
      expect(await listener.closeAndDrain({ timeoutMs: 1 })).to.equal(2);
      await Promise.all([...lost, serving]);
      expect(listener.counters).to.include({ active: 0, handlersFailed: 0 });
    });

    it('resets at once at an abort, before it or meanwhile', async () => {
      for (const isBefore of [true, false]) {
        const listener = await listen();
        const serving = listener.serve(echo, { onError: fail });
        await connectTo(listener);
        await until(() => listener.counters.active === 1, 'the handler runs');
        const { signal, abort } = controller();
        if (isBefore) abort();
        const draining = listener.closeAndDrain({ signal });
        await turns(2);
        abort();
        expect(await draining).to.equal(1);
        await serving;
      }
    });

    it('does not wait for the other work of a handler after the reset; serve does', async () => {
      const listener = await listen();
      let finish: () => void = () => undefined;
      let isResolved = false;
      const serving = listener.serve(async () => new Promise<void>((resolve) => (finish = resolve)));
      void serving.then(() => (isResolved = true));
      await connectTo(listener);
      await until(() => listener.counters.active === 1, 'the handler runs');
      expect(await listener.closeAndDrain({ timeoutMs: 0 })).to.equal(1);
      await turns(2);
      expect(isResolved).to.equal(false);
      finish();
      await serving;
    });

    it('cuts off a handler that closes its connection slowly, and does not count it', async () => {
      const listener = await listen();
      const serving = listener.serve(async (peer) => peer.lingeringClose({ timeoutMs: 60_000 }));
      const client = await connectTo(listener);
      await once(client.resume(), 'end');
      expect(await listener.closeAndDrain({ timeoutMs: 0 })).to.equal(0);
      await serving;
    }).timeout(5000);

    it('can be called several times, with limits of their own', async () => {
      const listener = await listen();
      const serving = listener.serve(echo, { onError: fail });
      await connectTo(listener);
      await until(() => listener.counters.active === 1, 'the handler runs');
      const patient = listener.closeAndDrain();
      expect(await listener.closeAndDrain({ timeoutMs: 0 })).to.equal(1);
      expect(await patient).to.equal(0);
      await serving;
    });

    it('without serve is a close', async () => {
      const listener = await listen();
      expect(await listener.closeAndDrain()).to.equal(0);
      await expectCode(listener.accept(), 'SOCKET_CLOSED');
    });

    it('with options that cannot be used has no effect', async () => {
      const listener = await listen();
      expect(await rejection(listener.closeAndDrain({ timeoutMs: -1 }))).to.be.instanceOf(RangeError);
      await expectCode(listener.accept({ timeoutMs: 0 }), 'TIMED_OUT');
    });
  });
});

function fail(): void {
  expect.fail('this is not to be called');
}

/** A signal of its own type, whose methods can be replaced. */
function controller(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const own = new AbortController();
  return { signal: own.signal, abort: () => own.abort() };
}
