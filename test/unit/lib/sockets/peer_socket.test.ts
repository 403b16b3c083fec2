import { once } from 'node:events';
import { Duplex, PassThrough } from 'node:stream';
import { expect } from 'chai';
import sinon, { useFakeTimers } from 'sinon';
import { PeerSocket } from '../../../../lib/index';
import { connectedPair, MemoryStream } from '../../../../lib/testing/index';
import { expectCode, rejection } from '../../../support/rejection';

describe('PeerSocket around any stream', () => {
  it('a stream that was destroyed before is a loss', async () => {
    const [stream] = MemoryStream.pair();
    stream.on('error', () => undefined).destroy(new Error('earlier'));
    await new Promise((resolve) => stream.once('close', resolve));
    const socket = new PeerSocket(stream);
    await socket.closed;
    const error = await expectCode(socket.recvExactly(1), 'CONNECTION_LOST');
    expect(error.message).to.contain('earlier');
    await expectCode(socket.sendAll(Buffer.from('x')), 'CONNECTION_LOST');
    await socket.close();
  });

  it('a stream that had ended before gives its end', async () => {
    const [stream, other] = MemoryStream.pair();
    other.end();
    stream.resume();
    await once(stream, 'end');
    expect(await new PeerSocket(stream).recvExactly(1)).to.equal(null);
  });

  it('receives bytes that were put back into the stream', async () => {
    const [stream] = MemoryStream.pair();
    stream.unshift(Buffer.from('first'));
    expect(String(await new PeerSocket(stream).recvExactly(5))).to.equal('first');
  });

  it('refuses streams of strings or objects, and invalid sizes', () => {
    expect(() => new PeerSocket(new PassThrough({ objectMode: true }))).to.throw(TypeError);
    expect(() => new PeerSocket(new PassThrough().setEncoding('utf8'))).to.throw(TypeError);
    expect(() => new PeerSocket(new PassThrough(), { receiveBufferBytes: 0 })).to.throw(RangeError);
  });

  it('destroys a stream that only reports an error', async () => {
    const stream = new Duplex({ read: () => undefined, write: () => undefined, autoDestroy: false });
    const socket = new PeerSocket(stream);
    const reading = socket.recvExactly(1);
    stream.emit('error', new Error('an error without a close'));
    await expectCode(reading, 'CONNECTION_LOST');
    expect(stream.destroyed).to.equal(true);
  });

  it('a stream that throws in its write loses the connection, and nothing else', async () => {
    const stream = new Duplex({
      read: () => undefined,
      write: () => {
        throw new Error('thrown');
      },
    });
    const error = await expectCode(new PeerSocket(stream).sendAll(Buffer.from('x')), 'CONNECTION_LOST');
    expect(error.message).to.contain('thrown');
  });

  it('refuses a stream that has a socket already, and does not affect that socket', async () => {
    const [stream, other] = MemoryStream.pair();
    const socket = new PeerSocket(stream);
    expect(() => new PeerSocket(stream)).to.throw(TypeError);
    other.write('x');
    expect(String(await socket.recvExactly(1))).to.equal('x');
    await socket.close();
  });

  it('refuses invalid limits and signals, and starts no timer for them', async () => {
    const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const [left] = connectedPair();
      const limit = { timeoutMs: null as unknown as number };
      const signal = { timeoutMs: 1000, signal: null as unknown as AbortSignal };
      expect(await rejection(left.recvExactly(1, limit))).to.be.instanceOf(RangeError);
      expect(await rejection(left.recvExactly(1, signal))).to.be.instanceOf(TypeError);
      expect(await rejection(left.sendAll(Buffer.from('x'), signal))).to.be.instanceOf(TypeError);
      expect(clock.countTimers()).to.equal(0);
      expect(left.isClosed).to.equal(false);
    } finally {
      clock.restore();
    }
  });

  it('a close settles every wait at once, even if the stream never closes', async () => {
    const stream = new Duplex({ read: () => undefined, write: () => undefined, destroy: () => undefined });
    const socket = new PeerSocket(stream);
    const pending = [socket.recvExactly(1), socket.sendAll(Buffer.from('x')), socket.shutdownWrite()];
    void socket.close();
    for (const each of pending) await expectCode(each, 'SOCKET_CLOSED');
  });

  it('refuses a frame that is shorter than its header', async () => {
    const [left, right] = connectedPair();
    await left.sendAll(Buffer.from('abc'));
    for (const size of [1, NaN, -5, 2.5, Infinity, 2 ** 53, '3' as unknown as number]) {
      expect(await rejection(right.recvFrame(2, () => size))).to.be.instanceOf(RangeError);
    }
    expect(String(await right.recvExactly(3))).to.equal('abc');
  });

  it('refuses invalid counts', async () => {
    const [left] = connectedPair();
    for (const wrong of [left.recvExactly(-1), left.recvExactly(1.5), left.recvSome(0), left.recvUntil('')]) {
      expect(await rejection(wrong)).to.be.instanceOf(RangeError);
    }
  });

  it('sends of one turn leave together, in one write', async () => {
    const [stream, other] = MemoryStream.pair();
    const write = sinon.spy(stream, '_write');
    const socket = new PeerSocket(stream);
    await Promise.all(['a', 'b', 'c'].map((text) => socket.sendAll(Buffer.from(text))));
    expect(write.callCount).to.equal(1);
    expect(String(await new PeerSocket(other).recvExactly(3))).to.equal('abc');
  });

  it('a timeout longer than a timer can hold does not fire at once', async () => {
    const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const [left, right] = connectedPair();
      const reading = right.recvExactly(1, { timeoutMs: 2 ** 40, idleTimeoutMs: Infinity });
      await clock.tickAsync(2 ** 31);
      void left.sendAll(Buffer.from('x'));
      expect(String(await reading)).to.equal('x');
      expect(clock.countTimers()).to.equal(0);
    } finally {
      clock.restore();
    }
  });

  it('leaves no timer and no abort listener behind', async () => {
    const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const [left, right] = connectedPair();
      const { signal } = new AbortController();
      const [added, removed] = [sinon.spy(signal, 'addEventListener'), sinon.spy(signal, 'removeEventListener')];
      const reading = right.recvExactly(1, { timeoutMs: 1000, idleTimeoutMs: 1000, messageTimeoutMs: 1000, signal });
      await left.sendAll(Buffer.from('x'), { timeoutMs: 1000, signal });
      await left.shutdownWrite({ timeoutMs: 1000, signal });
      await reading;
      expect(clock.countTimers()).to.equal(0);
      expect(added.callCount).to.be.greaterThan(0);
      expect(removed.args).to.deep.equal(added.args);
    } finally {
      clock.restore();
    }
  });
});
