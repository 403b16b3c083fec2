import { once } from 'node:events';
import { expect } from 'chai';
import fc from 'fast-check';
import { useFakeTimers } from 'sinon';
import {
  type ConnectionLostError,
  FramedSocket,
  type SocketError,
  TlvCodec,
  type UnexpectedEofError,
  utf8Text,
} from '../../lib/index';
import { expectCode } from '../support/rejection';
import { type Connection, type Transport, transports } from '../support/transports';

const codec = new TlvCodec({ typeBytes: 1, lengthBytes: 6, byteOrder: 'little-endian', maxValueBytes: 8192 }, utf8Text);

for (const transport of transports) {
  describe(`contract of a stream socket: ${transport.name}`, () => {
    let open: Connection[] = [];

    async function connect(options?: Parameters<Transport['connect']>[0]): Promise<Connection> {
      const connection = await transport.connect(options);
      open.push(connection);
      return connection;
    }

    afterEach(async () => {
      const closing = open.flatMap(({ client, server }) => [client.close(), server.close()]);
      open = [];
      await Promise.all(closing);
    });

    /** Sends until the peer's buffers are full and a send waits; returns that send. */
    async function blockSending({ client, clientStream }: Connection): Promise<{ readonly blocked: Promise<void> }> {
      const block = Buffer.alloc(1 << 20, 'x');
      for (;;) {
        const blocked = client.sendAll(block);
        blocked.catch(() => undefined);
        let isSent = false;
        void blocked.then(
          () => (isSent = true),
          () => undefined,
        );
        for (let turn = 0; turn < 20 && !isSent; turn++) await turns(1);
        if (!isSent && clientStream.writableLength > 0) return { blocked };
      }
    }

    describe('receiving', () => {
      it('recvExactly gives exactly count bytes, from any number of pieces', async () => {
        const { client, server } = await connect();
        const receiving = server.recvExactly(6);
        await client.sendAll(Buffer.from('ab'));
        await client.sendAll(Buffer.from('cdefgh'));
        expect(String(await receiving)).to.equal('abcdef');
        expect(String(await server.recvExactly(2))).to.equal('gh');
      });

      it('recvExactly(0) gives an empty buffer at once', async () => {
        const { server } = await connect();
        expect(await server.recvExactly(0)).to.have.length(0);
      });

      it('an end before the first byte gives null, repeatedly', async () => {
        const { client, server } = await connect();
        await client.shutdownWrite();
        expect(await server.recvExactly(3)).to.equal(null);
        expect(await server.recvSome(3)).to.equal(null);
        expect(await server.recvUntil('\n')).to.equal(null);
      });

      it('an end after some bytes is an error with both counts, and keeps the bytes', async () => {
        const { client, server } = await connect();
        const receiving = server.recvExactly(5);
        await client.sendAll(Buffer.from('abc'));
        await client.shutdownWrite();
        const error = (await expectCode(receiving, 'UNEXPECTED_EOF')) as UnexpectedEofError;
        expect([error.received, error.expected]).to.deep.equal([3, 5]);
        expect(error.message).to.contain('3 of 5 bytes');
        expect(String(await server.recvExactly(3))).to.equal('abc');
        expect(await server.recvExactly(1)).to.equal(null);
      });

      it('recvSome gives the buffered bytes, up to the limit', async () => {
        const { client, server } = await connect();
        await client.sendAll(Buffer.from('abcdef'));
        expect(String(await server.recvExactly(1))).to.equal('a');
        expect(String(await server.recvSome(2))).to.equal('bc');
        expect(String(await server.recvSome(100))).to.equal('def');
      });

      it('recvUntil finds a delimiter across pieces, and leaves the bytes behind it', async () => {
        const { client, server } = await connect();
        const receiving = server.recvUntil('\r\n');
        for (const piece of ['one', '\r', '\ntwo\r', '\nrest']) {
          await client.sendAll(Buffer.from(piece));
          await turns(2);
        }
        expect(String(await receiving)).to.equal('one\r\n');
        expect(String(await server.recvUntil(Buffer.from('\r\n')))).to.equal('two\r\n');
        expect(String(await server.recvExactly(4))).to.equal('rest');
      });

      it('recvUntil fails at its limit and takes no byte', async () => {
        const { client, server } = await connect();
        await client.sendAll(Buffer.from('abcdef\n'));
        await expectCode(server.recvUntil('\n', { limit: 6 }), 'DELIMITER_NOT_FOUND');
        expect(String(await server.recvUntil('\n', { limit: 7 }))).to.equal('abcdef\n');
      });

      it('a second read while one waits is refused, and the first goes on', async () => {
        const { client, server } = await connect();
        const first = server.recvExactly(2);
        await expectCode(server.recvExactly(1), 'CONCURRENT_READ');
        await client.sendAll(Buffer.from('ab'));
        expect(String(await first)).to.equal('ab');
      });

      it('reading pauses above the limit of the buffer', async () => {
        const limit = 4096;
        const connection = await connect({ receiveBufferBytes: limit });
        const { server } = connection;
        await blockSending(connection);
        expect(server.bufferedBytes)
          .to.be.greaterThan(limit)
          .and.at.most(limit + 65_536);
        const bufferedBefore = server.bufferedBytes;
        await turns(20);
        expect(server.bufferedBytes).to.equal(bufferedBefore);
      });

      it('reading goes on above the limit for a read that needs more', async () => {
        const { client, server } = await connect({ receiveBufferBytes: 1024 });
        const sending = client.sendAll(Buffer.alloc(3_000_000, 7));
        const received = await server.recvExactly(3_000_000);
        await sending;
        expect(received!.equals(Buffer.alloc(3_000_000, 7))).to.equal(true);
      });
    });

    describe('ends of messages', () => {
      const frame = codec.encode({ type: 'B', value: 'héllo' });

      for (let offset = 1; offset < frame.length; offset++) {
        const expected = offset < codec.headerBytes ? codec.headerBytes : frame.length;

        it(`a cut after ${offset} of a message's ${frame.length} bytes is an error with both counts`, async () => {
          const { client, server } = await connect();
          const framed = new FramedSocket(server, codec);
          await client.sendAll(Buffer.concat([frame, frame.subarray(0, offset)]));
          await client.close();
          expect(await framed.receive()).to.deep.equal({ type: 'B', value: 'héllo' });
          const error = (await expectCode(framed.receive(), 'UNEXPECTED_EOF')) as UnexpectedEofError;
          expect([error.received, error.expected]).to.deep.equal([offset, expected]);
        });
      }

      it('an end between two messages ends the loop', async () => {
        const { client, server } = await connect();
        await client.sendMany([frame, frame]);
        await client.close();
        const received = [];
        for await (const message of new FramedSocket(server, codec)) received.push(message.value);
        expect(received).to.deep.equal(['héllo', 'héllo']);
      });
    });

    describe('sending', () => {
      it('bytes arrive in the order of the calls, in one turn and over many', async () => {
        const { client, server } = await connect();
        const sends = ['a', 'b', 'c'].map((text) => client.sendAll(Buffer.from(text)));
        sends.push(client.sendMany([Buffer.from('d'), Buffer.alloc(0), Buffer.from('e')]), client.sendMany([]));
        await Promise.all(sends);
        await client.sendAll(Buffer.from('f'));
        expect(String(await server.recvExactly(6))).to.equal('abcdef');
      });

      it('large and small buffers arrive in order', async () => {
        const { client, server } = await connect();
        const buffers = [10, 50_000, 3, 40_000].map((size, index) => Buffer.alloc(size, index + 1));
        void client.sendMany(buffers);
        void client.sendAll(buffers[0]!);
        const whole = Buffer.concat([...buffers, buffers[0]!]);
        expect((await server.recvExactly(whole.length))!.equals(whole)).to.equal(true);
      });

      it('a send waits while the peer does not read, and resolves when it does', async () => {
        const connection = await connect();
        const { server } = connection;
        const { blocked } = await blockSending(connection);
        let isSent = false;
        void blocked.then(() => (isSent = true));
        await turns(20);
        expect(isSent).to.equal(false);
        const readAll = async (): Promise<void> => {
          while ((await server.recvSome(1 << 20)) !== null);
        };
        const reading = expectCode(readAll(), 'SOCKET_CLOSED');
        await blocked;
        await server.close();
        await reading;
      });

      it('the caller may change its buffer after the send has resolved', async () => {
        const { client, server } = await connect();
        const bytes = Buffer.from('first');
        await client.sendAll(bytes);
        bytes.fill('x');
        expect(String(await server.recvExactly(5))).to.equal('first');
      });

      it('a send on a stream that was destroyed below the socket rejects', async () => {
        const connection = await connect();
        const { client, clientStream } = connection;
        const { blocked } = await blockSending(connection);
        clientStream.destroy();
        await expectCode(blocked, 'CONNECTION_LOST');
        await expectCode(client.sendAll(Buffer.from('late')), 'CONNECTION_LOST');
      });

      it('a send on a stream that is destroyed in the same turn rejects', async () => {
        const { client, clientStream } = await connect();
        const sending = client.sendAll(Buffer.from('early'));
        clientStream.destroy();
        await expectCode(sending, 'CONNECTION_LOST');
      });

      it('a send of something else than bytes is refused', async () => {
        const { client } = await connect();
        const wrong = client.sendAll('text' as unknown as Uint8Array);
        await wrong.then(
          () => expect.fail('resolved'),
          (error) => expect(error).to.be.instanceOf(TypeError),
        );
      });
    });

    describe('half-close', () => {
      it('shutdownWrite ends one direction and leaves the other open', async () => {
        const { client, server } = await connect();
        await client.sendAll(Buffer.from('question'));
        await client.shutdownWrite();
        expect(String(await server.recvExactly(8))).to.equal('question');
        expect(await server.recvExactly(1)).to.equal(null);
        await server.sendAll(Buffer.from('answer'));
        await server.shutdownWrite();
        expect(String(await client.recvExactly(6))).to.equal('answer');
        expect(await client.recvExactly(1)).to.equal(null);
        await Promise.all([client.closed, server.closed]);
      });

      it('the end arrives behind all earlier sends, of the same turn too', async () => {
        const { client, server } = await connect();
        const sending = [client.sendAll(Buffer.alloc(100_000)), client.shutdownWrite()];
        expect(await server.recvExactly(100_000)).to.have.length(100_000);
        expect(await server.recvExactly(1)).to.equal(null);
        await Promise.all(sending);
      });

      it('no send is possible behind the end; a second shutdownWrite is', async () => {
        const { client } = await connect();
        await Promise.all([client.shutdownWrite(), client.shutdownWrite()]);
        await client.shutdownWrite();
        await expectCode(client.sendAll(Buffer.from('x')), 'WRONG_STATE');
      });

      it('a first call that had no effect does not count', async () => {
        const { client, server } = await connect();
        await expectCode(client.shutdownWrite({ signal: AbortSignal.abort() }), 'ABORTED');
        await client.sendAll(Buffer.from('x'));
        await client.shutdownWrite();
        expect(String(await server.recvExactly(1))).to.equal('x');
      });
    });

    describe('every wait ends', () => {
      it('a local close settles a receive and a send that wait', async () => {
        const connection = await connect();
        const { client } = connection;
        const receiving = client.recvExactly(1);
        const { blocked: sending } = await blockSending(connection);
        const closing = client.close();
        await expectCode(receiving, 'SOCKET_CLOSED');
        await expectCode(sending, 'SOCKET_CLOSED');
        await closing;
      });

      it('a local reset settles a receive, a send and a half-close that wait', async () => {
        const connection = await connect();
        const { client } = connection;
        const receiving = client.recvExactly(1);
        const { blocked: sending } = await blockSending(connection);
        const ending = client.shutdownWrite();
        client.reset();
        await expectCode(receiving, 'SOCKET_CLOSED');
        await expectCode(sending, 'SOCKET_CLOSED');
        await expectCode(ending, 'SOCKET_CLOSED');
        await client.closed;
      });

      it('a remote end settles a receive that waits', async () => {
        const { client, server } = await connect();
        const receiving = client.recvExactly(1);
        await server.close();
        expect(await receiving).to.equal(null);
      });

      it('a remote close over unread bytes settles a send that waits', async () => {
        const connection = await connect();
        const { server } = connection;
        const { blocked: sending } = await blockSending(connection);
        await server.close();
        await expectCode(sending, 'CONNECTION_LOST');
      });

      if (transport.hasReset) {
        it('a remote reset settles a receive that waits, as a loss with its cause', async () => {
          const { client, server } = await connect();
          const receiving = client.recvExactly(4);
          await server.sendAll(Buffer.from('ab'));
          while (client.bufferedBytes < 2) await turns(1);
          server.reset();
          const error = (await expectCode(receiving, 'CONNECTION_LOST')) as ConnectionLostError;
          expect(error.progress).to.deep.equal({ received: 2, expected: 4 });
          expect(error.cause).to.have.property('code', 'ECONNRESET');
          expect(client.isClosed).to.equal(true);
          expect(String(await client.recvExactly(2))).to.equal('ab');
          await expectCode(client.recvExactly(1), 'CONNECTION_LOST');
        });

        it('a remote reset settles a send that waits', async () => {
          const connection = await connect();
          const { client, server } = connection;
          const { blocked: sending } = await blockSending(connection);
          server.reset();
          await expectCode(sending, 'CONNECTION_LOST');
          await expectCode(client.shutdownWrite(), 'CONNECTION_LOST');
        });

        it('a reset right after a half-close takes place', async () => {
          const { client, server } = await connect();
          const ending = client.shutdownWrite();
          client.reset();
          await ending.catch(() => undefined);
          await client.closed;
          const swallowed = (async () => {
            while ((await server.recvSome(10)) !== null);
            for (;;) await server.sendAll(Buffer.from('x'));
          })();
          await expectCode(swallowed, 'CONNECTION_LOST');
        });

        it('a reset with a blocked send behind unread bytes is no end', async () => {
          const connection = await connect({ receiveBufferBytes: 1 });
          const { client, server } = connection;
          await blockSending(connection);
          client.reset();
          await client.closed;
          const readingAll = (async () => {
            while ((await server.recvSome(1 << 20)) !== null);
          })();
          await expectCode(readingAll, 'CONNECTION_LOST');
        });
      }

      it('a timeout settles a receive, and takes no byte with it', async () => {
        const { client, server } = await connect();
        await client.sendAll(Buffer.from('abc'));
        const error = await expectCode(server.recvExactly(5, { timeoutMs: 5 }), 'TIMED_OUT');
        expect(error).to.include({ timeoutMs: 5, clock: 'call' });
        await client.sendAll(Buffer.from('de'));
        expect(String(await server.recvExactly(5))).to.equal('abcde');
      });

      it('an abort settles a receive, and takes no byte with it', async () => {
        const { client, server } = await connect();
        const controller = new AbortController();
        const receiving = server.recvUntil('\n', { signal: controller.signal });
        await client.sendAll(Buffer.from('abc'));
        while (server.bufferedBytes < 3) await turns(1);
        controller.abort(new Error('enough'));
        const error = await expectCode(receiving, 'ABORTED');
        expect(error.cause).to.have.property('message', 'enough');
        await client.sendAll(Buffer.from('\n'));
        expect(String(await server.recvUntil('\n'))).to.equal('abc\n');
      });

      it('cancelRead settles the waiting receive, takes no byte with it, and does not affect later ones', async () => {
        const { client, server } = await connect();
        server.cancelRead();
        const receiving = server.recvExactly(4);
        await client.sendAll(Buffer.from('ab'));
        while (server.bufferedBytes < 2) await turns(1);
        const reason = new Error('enough');
        server.cancelRead(reason);
        expect((await expectCode(receiving, 'ABORTED')).cause).to.equal(reason);
        await client.sendAll(Buffer.from('cd'));
        expect(String(await server.recvExactly(4))).to.equal('abcd');
      });

      it('a signal that had fired before fails the call, even if bytes are buffered', async () => {
        const { client, server } = await connect();
        await client.sendAll(Buffer.from('abc'));
        expect(String(await server.recvExactly(1))).to.equal('a');
        await expectCode(server.recvExactly(1, { signal: AbortSignal.abort() }), 'ABORTED');
        await expectCode(server.sendAll(Buffer.from('x'), { signal: AbortSignal.abort() }), 'ABORTED');
        expect(String(await server.recvExactly(2))).to.equal('bc');
        expect(server.isClosed).to.equal(false);
      });

      it('a timeout settles a send that waits, and resets the connection', async () => {
        const connection = await connect();
        const { client } = connection;
        await blockSending(connection);
        await expectCode(client.sendAll(Buffer.from('x'), { timeoutMs: 5 }), 'TIMED_OUT');
        expect(client.isClosed).to.equal(true);
        await client.closed;
      });

      it('an abort settles a send and a half-close that wait', async () => {
        const connection = await connect();
        const { client } = connection;
        await blockSending(connection);
        const controller = new AbortController();
        const sending = client.sendAll(Buffer.from('x'), controller);
        const ending = client.shutdownWrite(controller);
        controller.abort();
        await expectCode(sending, 'ABORTED');
        await expectCode(ending, 'ABORTED');
      });

      it('an invalid time limit is refused', async () => {
        const { client } = await connect();
        for (const timeoutMs of [-1, NaN]) {
          const wrong = await client.recvExactly(1, { timeoutMs }).catch((error: unknown) => error);
          expect(wrong).to.be.instanceOf(RangeError);
        }
      });
    });

    describe('deadlines of a message', () => {
      let clock: ReturnType<typeof useFakeTimers> | undefined;

      beforeEach(async () => {
        await connect();
        clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
      });
      afterEach(() => clock?.restore());

      it('a peer that trickles a byte a second is cut off', async () => {
        const { client, server } = open[0]!;
        const frame = codec.encode({ type: 'B', value: 'x'.repeat(100) });
        const receiving = new FramedSocket(server, codec).receive({ idleTimeoutMs: 3000, messageTimeoutMs: 5000 });
        const failure = expectCode(receiving, 'TIMED_OUT');
        await clock!.tickAsync(2000);
        for (let second = 1; second <= 5; second++) {
          await client.sendAll(frame.subarray(second - 1, second));
          while (server.bufferedBytes < second) await turns(1);
          await clock!.tickAsync(1000);
        }
        expect(await failure).to.include({ clock: 'message', timeoutMs: 5000 });
        expect(server.bufferedBytes).to.equal(5);
      });

      it('a read that is given up and begun again does not restart the message clock', async () => {
        const { client, server } = open[0]!;
        await client.sendAll(Buffer.from('ab'));
        while (server.bufferedBytes < 2) await turns(1);
        const first = expectCode(server.recvExactly(3, { timeoutMs: 4000, messageTimeoutMs: 5000 }), 'TIMED_OUT');
        await clock!.tickAsync(4000);
        expect(await first).to.include({ clock: 'call' });
        const second = expectCode(server.recvExactly(3, { messageTimeoutMs: 5000 }), 'TIMED_OUT');
        await clock!.tickAsync(1000);
        expect(await second).to.include({ clock: 'message' });
      });

      it('a silent peer is cut off by the idle clock, which stops at the first byte', async () => {
        const { client, server } = open[0]!;
        const silent = expectCode(server.recvExactly(2, { idleTimeoutMs: 1000 }), 'TIMED_OUT');
        await clock!.tickAsync(1000);
        expect(await silent).to.include({ clock: 'idle', timeoutMs: 1000 });
        const begun = server.recvExactly(2, { idleTimeoutMs: 1000 });
        await client.sendAll(Buffer.from('a'));
        while (server.bufferedBytes < 1) await turns(1);
        await clock!.tickAsync(60_000);
        await client.sendAll(Buffer.from('b'));
        expect(String(await begun)).to.equal('ab');
      });
    });

    describe('closing', () => {
      it('close is idempotent, and every later call fails with SOCKET_CLOSED', async () => {
        const { client } = await connect();
        await Promise.all([client.close(), client.close()]);
        await client.close();
        client.reset();
        expect(client.isClosed).to.equal(true);
        await expectCode(client.recvExactly(1), 'SOCKET_CLOSED');
        await expectCode(client.sendAll(Buffer.from('x')), 'SOCKET_CLOSED');
        await expectCode(client.shutdownWrite(), 'SOCKET_CLOSED');
        expect(() => client.tryRecvFrame(1, () => 1))
          .to.throw()
          .with.property('code', 'SOCKET_CLOSED');
      });

      it('close delivers the bytes of every send that has resolved', async () => {
        const { client, server } = await connect();
        await client.sendAll(Buffer.from('last words'));
        await client.close();
        expect(String(await server.recvExactly(10))).to.equal('last words');
        expect(await server.recvExactly(1)).to.equal(null);
      });

      it('await using closes', async () => {
        const { client } = await connect();
        {
          await using socket = client;
          expect(socket.isClosed).to.equal(false);
        }
        expect(client.isClosed).to.equal(true);
      });

      it('lingeringClose delivers everything to a peer that goes on sending', async () => {
        const { client, server } = await connect();
        let stop = false;
        const pushing = (async () => {
          while (!stop) await client.sendAll(Buffer.alloc(10_000));
          await client.close();
        })();
        const waiting = server.recvExactly(1 << 30);
        await turns(5);
        void server.sendAll(Buffer.from('go away'));
        const draining = server.lingeringClose({ timeoutMs: 10_000 });
        await expectCode(waiting, 'SOCKET_CLOSED');
        await expectCode(server.recvExactly(1), 'SOCKET_CLOSED');
        await expectCode(server.sendAll(Buffer.from('x')), 'SOCKET_CLOSED');
        expect(String(await client.recvExactly(7))).to.equal('go away');
        expect(await client.recvExactly(1)).to.equal(null);
        stop = true;
        await Promise.all([pushing, draining]);
        expect(server.bufferedBytes).to.equal(0);
      });

      it('lingeringClose ends after its time limit', async () => {
        const { server } = await connect();
        await server.lingeringClose({ timeoutMs: 5 });
        expect(server.isClosed).to.equal(true);
      });

      it('lingeringClose is cut short by an abort, or by close', async () => {
        const [first, second] = [await connect(), await connect()];
        const controller = new AbortController();
        const aborted = first.server.lingeringClose({ timeoutMs: 60_000, signal: controller.signal });
        controller.abort();
        const closed = second.server.lingeringClose({ timeoutMs: 60_000 });
        await second.server.close();
        await Promise.all([aborted, closed]);
      });
    });

    describe('resources', () => {
      it('no operation adds a listener', async () => {
        const { client, server, clientStream, serverStream } = await connect();
        const count = (): number =>
          [clientStream, serverStream].reduce(
            (sum, stream) => sum + stream.eventNames().reduce((all, name) => all + stream.listenerCount(name), 0),
            0,
          );
        const before = count();
        for (let round = 0; round < 20; round++) {
          void client.sendAll(Buffer.from('ab'), { timeoutMs: 10_000 });
          await server.recvExactly(2, { timeoutMs: 10_000, signal: new AbortController().signal });
        }
        const waiting = expectCode(server.recvExactly(1, { timeoutMs: 1 }), 'TIMED_OUT');
        expect(count()).to.equal(before);
        await waiting;
        expect(count()).to.equal(before);
      });

      it('a frame over the limit is refused from its header, without memory for it', async () => {
        const { client, server } = await connect();
        const framed = new FramedSocket(server, codec);
        const header = Buffer.from([0x42, 1, 0x20, 0, 0, 0, 0]);
        await client.sendAll(header);
        const error = await expectCode(framed.receive(), 'FRAME_TOO_LONG');
        expect(error).to.include({ type: 'B', length: 8193, limit: 8192 });
        expect(server.bufferedBytes).to.equal(7);
      });
    });

    it('property: any messages arrive unchanged, from any pieces', async () => {
      const { client, server } = await connect();
      const incoming = new FramedSocket(server, codec);
      const message = fc.record({
        type: fc.constantFrom('A', 'B', 'Z'),
        value: fc.string({ unit: 'grapheme', maxLength: 40 }),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(message, { maxLength: 8 }), fc.array(fc.nat(400)), async (messages, cuts) => {
          const bytes = Buffer.concat(messages.map((each) => codec.encode(each)));
          const sending = (async () => {
            let from = 0;
            for (const to of [...cuts.sort((one, other) => one - other), bytes.length]) {
              await client.sendAll(bytes.subarray(from, to));
              from = Math.max(from, Math.min(to, bytes.length));
            }
          })();
          for (const expected of messages) expect(await incoming.receive()).to.deep.equal(expected);
          await sending;
          expect(server.bufferedBytes).to.equal(0);
        }),
        { numRuns: 60 },
      );
    });

    it('the addresses stay known after the end', async () => {
      const { client, server } = await connect();
      const before = [client.localAddress, server.remoteAddress];
      await Promise.all([client.close(), server.close()]);
      expect([client.localAddress, server.remoteAddress]).to.deep.equal(before);
      if (transport.name === 'TCP') expect(before[0]).to.deep.equal(before[1]).and.to.have.property('port');
    });

    it('an error has the address of the peer, if there is one', async () => {
      const { client } = await connect();
      const error = (await expectCode(client.recvExactly(1, { timeoutMs: 0 }), 'TIMED_OUT')) as SocketError;
      expect(error.operation).to.equal('receive');
      if (transport.name === 'TCP') expect(error.message).to.match(/^receive from 127\.0\.0\.1:\d+: timed out/);
    });

    it('a reset by the peer while no call waits ends nothing else', async () => {
      const { client, server, serverStream } = await connect();
      const noticed = once(serverStream, transport.hasReset ? 'close' : 'end');
      client.reset();
      await noticed.catch(() => undefined);
      await server.close();
    });
  });
}

/** Waits for a number of turns of the event loop. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
