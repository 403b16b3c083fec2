import { expect } from 'chai';
import fc from 'fast-check';
import sinon, { type SinonFakeTimers, useFakeTimers } from 'sinon';
import { pipe, type PipeFailedError, type PipeOptions, type PipedBytes, type StreamSocket } from '../../../lib/index';
import { MORE_THAN_BUFFERS, patternedBytes } from '../../support/bytes';
import { expectCode, rejection } from '../../support/rejection';
import { blockSending, describeContract } from '../../support/stream_socket_contract';
import { type Connection } from '../../support/transports';
import { turns, until } from '../../support/turns';

describeContract(({ transport, connect }) => {
  describe('pipe', () => {
    /** Two connections with a pipe between them, from the peer of its side `a` to that of its side `b`. */
    interface Piped {
      readonly left: Connection;
      readonly right: Connection;
      readonly a: StreamSocket;
      readonly b: StreamSocket;
      readonly peerOfA: StreamSocket;
      readonly peerOfB: StreamSocket;
      readonly piping: Promise<PipedBytes>;
    }

    async function connectPipe(options?: PipeOptions): Promise<Piped> {
      const [left, right] = await Promise.all([connect(), connect()]);
      const [a, b] = [left.server, right.client];
      const piping = pipe(a, b, options);
      piping.catch(() => undefined);
      return { left, right, a, b, peerOfA: left.client, peerOfB: right.server, piping };
    }

    async function receiveAll(socket: StreamSocket): Promise<Buffer> {
      const chunks: Buffer[] = [];
      for await (const bytes of socket) chunks.push(bytes);
      return Buffer.concat(chunks);
    }

    async function sendPieces(socket: StreamSocket, bytes: Buffer, sizes: readonly number[]): Promise<void> {
      let from = 0;
      for (const size of sizes) {
        await socket.sendAll(bytes.subarray(from, from + size));
        from += size;
      }
      await socket.shutdownWrite();
    }

    /** What a peer sees after a reset; a connection without resets shows an end. */
    async function expectReset(peer: StreamSocket): Promise<void> {
      if (transport.hasReset) await expectCode(receiveAll(peer), 'CONNECTION_LOST');
      else await receiveAll(peer);
    }

    it('property: any bytes arrive unchanged in both directions, from any pieces, and are counted', async () => {
      const sizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 200_000 })), {
        maxLength: 8,
      });
      await fc.assert(
        fc.asyncProperty(sizes, sizes, async (sizesOfA, sizesOfB) => {
          const { a, b, peerOfA, peerOfB, piping } = await connectPipe();
          const [fromA, fromB] = [sizesOfA, sizesOfB].map((each, seed) =>
            patternedBytes(
              each.reduce((sum, size) => sum + size, 0),
              seed,
            ),
          ) as [Buffer, Buffer];
          const [atB, atA] = await Promise.all([
            receiveAll(peerOfB),
            receiveAll(peerOfA),
            sendPieces(peerOfA, fromA, sizesOfA),
            sendPieces(peerOfB, fromB, sizesOfB),
          ]);
          expect(atB.equals(fromA)).to.equal(true);
          expect(atA.equals(fromB)).to.equal(true);
          expect(await piping).to.deep.equal({ aToB: fromA.length, bToA: fromB.length });
          expect([a.isClosed, b.isClosed]).to.deep.equal([true, true]);
        }),
        { numRuns: 15 },
      );
    });

    it('sends the end of one side on, and goes on in the other direction', async () => {
      const { peerOfA, peerOfB, piping } = await connectPipe();
      await peerOfA.sendAll(Buffer.from('question'));
      await peerOfA.shutdownWrite();
      expect(String(await receiveAll(peerOfB))).to.equal('question');
      await peerOfB.sendAll(Buffer.from('answer, later'));
      expect(String(await peerOfA.recvExactly(13))).to.equal('answer, later');
      await peerOfB.shutdownWrite();
      expect(await receiveAll(peerOfA)).to.have.length(0);
      expect(await piping).to.deep.equal({ aToB: 8, bToA: 13 });
    });

    it('keeps the pace of a receiver that does not read', async () => {
      const { a, b, right, peerOfA, peerOfB, piping } = await connectPipe();
      const sent = patternedBytes(2 * MORE_THAN_BUFFERS);
      const sending = peerOfA.sendAll(sent).then(() => peerOfA.shutdownWrite());
      await until(() => right.clientStream.writableLength > 0, 'the pipe waits');
      await turns(100);
      expect(a.bufferedBytes + right.clientStream.writableLength).to.be.at.most(3 * 65_536);
      expect([a.isClosed, b.isClosed]).to.deep.equal([false, false]);
      expect((await receiveAll(peerOfB)).equals(sent)).to.equal(true);
      await peerOfB.shutdownWrite();
      await sending;
      expect(await piping).to.deep.equal({ aToB: sent.length, bToA: 0 });
    });

    for (const side of ['a', 'b'] as const) {
      it(`a loss of ${side} is an error that names it, and resets the other side`, async () => {
        const { a, b, left, right, peerOfA, peerOfB, piping } = await connectPipe();
        await peerOfA.sendAll(Buffer.from('abc'));
        expect(String(await peerOfB.recvExactly(3))).to.equal('abc');
        // A send over TLS in memory ends some turns after the arrival of its bytes.
        await until(() => right.clientStream.writableLength === 0, 'the send has ended');
        await turns(2);
        (side === 'a' ? left.serverStream : right.clientStream).destroy(new Error('the cable was cut'));
        const error = (await expectCode(piping, 'PIPE_FAILED')) as PipeFailedError;
        expect([error.side, error.piped]).to.deep.equal([side, { aToB: 3, bToA: 0 }]);
        expect(error.cause).to.have.property('code', 'CONNECTION_LOST');
        expect(error.message).to.match(new RegExp(`^pipe: side ${side} failed: receive.*the cable was cut`));
        expect([a.isClosed, b.isClosed]).to.deep.equal([true, true]);
        await expectReset(side === 'a' ? peerOfB : peerOfA);
      });

      it(`a close of ${side} on this side is an error that names it`, async () => {
        const { a, b, peerOfA, peerOfB, piping } = await connectPipe();
        await (side === 'a' ? a : b).close();
        const error = (await expectCode(piping, 'PIPE_FAILED')) as PipeFailedError;
        expect([error.side, (error.cause as { code?: string }).code]).to.deep.equal([side, 'SOCKET_CLOSED']);
        await expectReset(side === 'a' ? peerOfB : peerOfA);
      });
    }

    it('a send that fails names the receiver', async () => {
      const { right, peerOfA, piping } = await connectPipe();
      const sending = peerOfA.sendAll(patternedBytes(MORE_THAN_BUFFERS)).catch(() => undefined);
      await until(() => right.clientStream.writableLength > 0, 'the pipe waits');
      right.clientStream.destroy(new Error('the cable was cut'));
      expect(await expectCode(piping, 'PIPE_FAILED')).to.have.property('side', 'b');
      await sending;
    });

    it('an abort resets both sides', async () => {
      const controller = new AbortController();
      const removed = sinon.spy(controller.signal, 'removeEventListener');
      const { a, b, peerOfA, peerOfB, piping } = await connectPipe({ signal: controller.signal });
      const reason = new Error('enough');
      controller.abort(reason);
      const error = await expectCode(piping, 'ABORTED');
      expect([error.message, error.cause]).to.deep.equal(['pipe: aborted by the caller', reason]);
      expect([a.isClosed, b.isClosed, removed.callCount]).to.deep.equal([true, true, 1]);
      await Promise.all([expectReset(peerOfA), expectReset(peerOfB)]);
    });

    it('a signal that had fired before, and a mistake, leave both sides alone', async () => {
      const [left, right] = await Promise.all([connect(), connect()]);
      const [a, b] = [left.server, right.client];
      await expectCode(pipe(a, b, { signal: AbortSignal.abort() }), 'ABORTED');
      expect(await rejection(pipe(a, b, { idleTimeoutMs: NaN }))).to.be.instanceOf(RangeError);
      expect(await rejection(pipe(a, a))).to.be.instanceOf(TypeError);
      await left.client.sendAll(Buffer.from('x'));
      expect(String(await a.recvExactly(1))).to.equal('x');
      expect([a.isClosed, b.isClosed]).to.deep.equal([false, false]);
    });

    describe('idleTimeoutMs', () => {
      let clock: SinonFakeTimers;

      afterEach(() => clock.restore());

      /** A pipe with a limit of 1000 ms. */
      async function connectIdlePipe(): Promise<Piped> {
        const [left, right] = await Promise.all([connect(), connect()]);
        clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
        const [a, b] = [left.server, right.client];
        const piping = pipe(a, b, { idleTimeoutMs: 1000 });
        piping.catch(() => undefined);
        return { left, right, a, b, peerOfA: left.client, peerOfB: right.server, piping };
      }

      it('runs from the last bytes of either direction', async () => {
        const { a, b, peerOfA, peerOfB, piping } = await connectIdlePipe();
        for (let round = 0; round < 3; round++) {
          await clock.tickAsync(900);
          await peerOfA.sendAll(Buffer.from('a'));
          expect(String(await peerOfB.recvExactly(1))).to.equal('a');
          await clock.tickAsync(900);
          await peerOfB.sendAll(Buffer.from('b'));
          expect(String(await peerOfA.recvExactly(1))).to.equal('b');
        }
        await turns(5);
        await clock.tickAsync(1000);
        const error = (await expectCode(piping, 'PIPE_FAILED')) as PipeFailedError;
        expect([error.side, error.piped]).to.deep.equal(['both', { aToB: 3, bToA: 3 }]);
        expect(error.cause).to.include({ code: 'TIMED_OUT', clock: 'idle', timeoutMs: 1000, operation: 'receive' });
        expect([a.isClosed, b.isClosed]).to.deep.equal([true, true]);
        await Promise.all([expectReset(peerOfA), expectReset(peerOfB)]);
      });

      it('names the side that is silent after the end of the other', async () => {
        const { peerOfA, peerOfB, piping } = await connectIdlePipe();
        await peerOfB.shutdownWrite();
        expect(await peerOfA.recvSome(1)).to.equal(null);
        await turns(5);
        await clock.tickAsync(1000);
        expect(await expectCode(piping, 'PIPE_FAILED')).to.have.property('side', 'a');
      });

      it('names the side that does not read', async () => {
        const { left, right, peerOfA, piping } = await connectIdlePipe();
        await blockSending({ ...left, client: peerOfA, clientStream: left.clientStream });
        expect(right.clientStream.writableLength).to.be.greaterThan(0);
        await turns(100);
        await clock.tickAsync(1000);
        const error = (await expectCode(piping, 'PIPE_FAILED')) as PipeFailedError;
        expect(error.side).to.equal('b');
      });

      it('leaves no timer behind', async () => {
        const { peerOfA, peerOfB, piping } = await connectIdlePipe();
        await Promise.all([peerOfA.shutdownWrite(), peerOfB.shutdownWrite()]);
        await Promise.all([receiveAll(peerOfA), receiveAll(peerOfB)]);
        await piping;
        expect(clock.countTimers()).to.equal(0);
      });
    });
  });
});
