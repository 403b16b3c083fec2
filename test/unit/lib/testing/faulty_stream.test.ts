import { once } from 'node:events';
import { expect } from 'chai';
import fc from 'fast-check';
import { useFakeTimers } from 'sinon';
import { PeerSocket, type UnexpectedEofError } from '../../../../lib/index';
import { FaultyStream, type FaultyStreamOptions, MemoryStream } from '../../../../lib/testing/index';
import { expectCode } from '../../../support/rejection';

describe('FaultyStream', () => {
  /** Two connected sockets, the faults on the side of the second. */
  function pairWith(faults: FaultyStreamOptions): { healthy: PeerSocket; faulty: PeerSocket; stream: FaultyStream } {
    const [near, far] = MemoryStream.pair();
    const stream = new FaultyStream(far, faults);
    return { healthy: new PeerSocket(near), faulty: new PeerSocket(stream), stream };
  }

  /** The pieces in which a stream gives its bytes. */
  async function piecesOf(stream: FaultyStream): Promise<string[]> {
    const pieces: string[] = [];
    stream.on('data', (piece: Buffer) => pieces.push(String(piece)));
    await once(stream, 'end');
    return pieces;
  }

  it('slices incoming bytes into pieces of a size, and at given offsets', async () => {
    for (const [incoming, expected] of [
      [{ pieceBytes: 2 }, ['ab', 'cd', 'ef', 'g']],
      [{ slices: [1, 4] }, ['a', 'bcd', 'efg']],
      [{ pieceBytes: 3, slices: [1] }, ['a', 'bcd', 'efg']],
    ] as const) {
      const [near, far] = MemoryStream.pair();
      near.end('abcdefg');
      expect(await piecesOf(new FaultyStream(far, { incoming }))).to.deep.equal(expected);
    }
  });

  it('slices outgoing bytes', async () => {
    const { healthy, faulty, stream } = pairWith({ outgoing: { pieceBytes: 1 } });
    void faulty.sendAll(Buffer.from('abc'));
    expect(String(await healthy.recvExactly(3))).to.equal('abc');
    stream.destroy();
  });

  it('passes on a large message byte by byte', async () => {
    const { healthy, faulty } = pairWith({ incoming: { pieceBytes: 1 } });
    void healthy.sendAll(Buffer.alloc(60_000, 'x'));
    expect(await faulty.recvExactly(60_000)).to.have.length(60_000);
  });

  it('delays the bytes from an offset on', async () => {
    const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { healthy, faulty } = pairWith({ incoming: { delays: [{ offset: 2, ms: 1000 }] } });
      void healthy.sendAll(Buffer.from('abcd'));
      expect(String(await faulty.recvExactly(2))).to.equal('ab');
      const late = expectCode(faulty.recvExactly(1, { timeoutMs: 999 }), 'TIMED_OUT');
      await clock.tickAsync(999);
      await late;
      await clock.tickAsync(1);
      expect(String(await faulty.recvExactly(2))).to.equal('cd');
    } finally {
      clock.restore();
    }
  });

  it('cuts incoming bytes at an offset: an end within a message', async () => {
    const { healthy, faulty } = pairWith({ incoming: { cutAt: 3 } });
    await healthy.sendAll(Buffer.from('abcdef'));
    const error = (await expectCode(faulty.recvExactly(6), 'UNEXPECTED_EOF')) as UnexpectedEofError;
    expect([error.received, error.expected]).to.deep.equal([3, 6]);
    await faulty.sendAll(Buffer.from('the other direction is open'));
    expect(String(await healthy.recvExactly(3))).to.equal('the');
  });

  it('cuts outgoing bytes at an offset', async () => {
    const { healthy, faulty } = pairWith({ outgoing: { cutAt: 2 } });
    await faulty.sendAll(Buffer.from('abcd'));
    expect(String(await healthy.recvExactly(2))).to.equal('ab');
    expect(await healthy.recvExactly(1)).to.equal(null);
  });

  it('cuts at offset 0 before any byte comes', async () => {
    const { faulty } = pairWith({ incoming: { cutAt: 0 } });
    expect(await faulty.recvExactly(1)).to.equal(null);
  });

  for (const direction of ['incoming', 'outgoing'] as const) {
    it(`resets both ends at an offset of the ${direction} bytes`, async () => {
      const { healthy, faulty } = pairWith({ [direction]: { resetAt: 2 } });
      const [sender, receiver] = direction === 'incoming' ? [healthy, faulty] : [faulty, healthy];
      const reading = receiver.recvExactly(4);
      sender.sendAll(Buffer.from('abcd')).catch(() => undefined);
      await expectCode(reading, 'CONNECTION_LOST');
      await Promise.all([healthy.closed, faulty.closed]);
      await expectCode(sender.sendAll(Buffer.from('x')), 'CONNECTION_LOST');
    });
  }

  it('passes on an end, a reset and a close', async () => {
    const ended = pairWith({});
    await ended.healthy.shutdownWrite();
    expect(await ended.faulty.recvExactly(1)).to.equal(null);
    await ended.faulty.shutdownWrite();
    await Promise.all([ended.healthy.closed, ended.faulty.closed]);

    const reset = pairWith({});
    reset.faulty.reset();
    await expectCode(reset.healthy.recvExactly(1), 'CONNECTION_LOST');

    const closed = pairWith({});
    await closed.faulty.close();
    expect(await closed.healthy.recvExactly(1)).to.equal(null);
  });

  it('keeps the backpressure of the wrapped stream', async () => {
    const { healthy, faulty } = pairWith({ incoming: { pieceBytes: 1000 } });
    const sendingOn = (async () => {
      for (let sent = 0; sent < 20; sent++) await healthy.sendAll(Buffer.alloc(1 << 16), { timeoutMs: 20 });
    })();
    await expectCode(sendingOn, 'TIMED_OUT');
    await faulty.close();
  });

  it('property: slices do not change the bytes that arrive', async () => {
    const faults = fc.record({
      pieceBytes: fc.integer({ min: 1, max: 50 }),
      slices: fc.array(fc.nat(300), { maxLength: 10 }),
    });
    await fc.assert(
      fc.asyncProperty(
        faults,
        faults,
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        async (incoming, outgoing, bytes) => {
          const { healthy, faulty } = pairWith({ incoming, outgoing });
          void healthy.sendAll(bytes);
          const forth = await faulty.recvExactly(bytes.length);
          void faulty.sendAll(forth!);
          const back = await healthy.recvExactly(bytes.length);
          expect(Buffer.compare(back!, bytes)).to.equal(0);
          await Promise.all([healthy.close(), faulty.close()]);
        },
      ),
      { numRuns: 50 },
    );
  });
});
