import { Duplex } from 'node:stream';
import { expect } from 'chai';
import sinon, { useFakeTimers } from 'sinon';
import { Connection } from '../../../../../lib/sockets/connection/connection';
import { Sender } from '../../../../../lib/sockets/connection/sender';
import { FakeIncoming, idleStream } from '../../../../support/directions';
import { expectCode, rejection } from '../../../../support/rejection';

/** A stream that holds each write until the test releases it. */
class HeldStream extends Duplex {
  readonly writes: string[] = [];
  private readonly passes: (() => void)[] = [];

  override _read(): void {
    // The peer sends nothing.
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.writes.push(String(chunk));
    this.passes.push(callback);
  }

  override _final(callback: () => void): void {
    this.writes.push('end');
    callback();
  }

  /** Releases the oldest write. */
  pass(): void {
    this.passes.shift()!();
  }
}

function senderOn<Stream extends Duplex>(stream: Stream): { sender: Sender; connection: Connection; stream: Stream } {
  const connection = new Connection();
  const sender = new Sender(connection);
  connection.attach(new FakeIncoming(), sender);
  connection.adopt(stream);
  connection.open();
  return { sender, connection, stream };
}

/** The promises that have resolved, by name, in the order in which they did. */
function orderOf(promises: Readonly<Record<string, Promise<void>>>): string[] {
  const order: string[] = [];
  for (const [name, promise] of Object.entries(promises)) {
    promise.then(
      () => order.push(name),
      (error: Error & { code?: string }) => order.push(`${name}: ${error.code}`),
    );
  }
  return order;
}

/** Waits until the end of this turn. */
async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('Sender', () => {
  it('writes the sends of one turn together, and those of another apart', async () => {
    const { sender, stream } = senderOn(new HeldStream());
    void sender.send(Buffer.from('a'), undefined);
    void sender.sendMany([Buffer.from('b'), Buffer.alloc(0), Buffer.from('c')], undefined);
    expect(stream.writes).to.deep.equal([]);
    await turn();
    void sender.send(Buffer.from('d'), undefined);
    await turn();
    expect(stream.writes).to.deep.equal(['abc']);
    stream.pass();
    await turn();
    expect(stream.writes).to.deep.equal(['abc', 'd']);
  });

  it('settles sends when the stream has passed them on, in their order', async () => {
    const { sender, stream } = senderOn(new HeldStream());
    const sends: Record<string, Promise<void>> = { a: sender.send(Buffer.from('a'), undefined) };
    sends.b = sender.send(Buffer.from('b'), undefined);
    await turn();
    sends.c = sender.send(Buffer.from('c'), undefined);
    const order = orderOf(sends);
    await turn();
    expect(order).to.deep.equal([]);
    stream.pass();
    await turn();
    expect(order).to.deep.equal(['a', 'b']);
    stream.pass();
    await turn();
    expect(order).to.deep.equal(['a', 'b', 'c']);
  });

  it('resolves at once where there is nothing to send', async () => {
    const { sender, stream } = senderOn(new HeldStream());
    await sender.sendMany([], undefined);
    expect(stream.writes).to.deep.equal([]);
  });

  it('refuses everything but bytes, and sends nothing', async () => {
    const { sender, stream } = senderOn(new HeldStream());
    expect(await rejection(sender.send('a' as never, undefined))).to.be.instanceOf(TypeError);
    expect(await rejection(sender.sendMany([Buffer.from('a'), 'b' as never], undefined))).to.be.instanceOf(TypeError);
    await turn();
    expect(stream.writes).to.deep.equal([]);
  });

  it('refuses to send and to shut down before the connection is open', async () => {
    const sender = new Sender(new Connection());
    await expectCode(sender.send(Buffer.from('a'), undefined), 'WRONG_STATE');
    await expectCode(sender.sendMany([], undefined), 'WRONG_STATE');
    await expectCode(sender.shutdown(undefined), 'WRONG_STATE');
    expect(sender.isEnded).to.equal(false);
  });

  describe('shutdown', () => {
    it('the end leaves behind the sends of the same turn; a second call waits for the same end', async () => {
      const { sender, stream } = senderOn(new HeldStream());
      const order = orderOf({
        send: sender.send(Buffer.from('a'), undefined),
        first: sender.shutdown(undefined),
        second: sender.shutdown(undefined),
      });
      expect(sender.isEnded).to.equal(true);
      await expectCode(sender.send(Buffer.from('b'), undefined), 'WRONG_STATE');
      await turn();
      expect(order).to.deep.equal([]);
      stream.pass();
      await turn();
      expect(order).to.deep.equal(['send', 'first', 'second']);
      expect(stream.writes).to.deep.equal(['a', 'end']);
      await sender.shutdown(undefined);
    });

    it('that has succeeded still succeeds after a close', async () => {
      const { sender, connection } = senderOn(new HeldStream());
      await sender.shutdown(undefined);
      connection.close();
      await sender.shutdown(undefined);
    });

    it('finish does the same for a caller that does not wait, once', async () => {
      const { sender, stream } = senderOn(new HeldStream());
      sender.finish();
      sender.finish();
      await sender.shutdown(undefined);
      expect(stream.writes).to.deep.equal(['end']);
    });

    it('finish leaves no unhandled rejection where the end cannot leave', async () => {
      const unhandled = sinon.spy();
      process.on('unhandledRejection', unhandled);
      try {
        const { sender, connection } = senderOn(idleStream());
        sender.finish();
        connection.lose(new Error('cut'));
        await turn();
        expect(unhandled.callCount).to.equal(0);
      } finally {
        process.off('unhandledRejection', unhandled);
      }
    });
  });

  describe('the end of the connection', () => {
    const ends: Readonly<Record<string, readonly [end: (connection: Connection) => void, code: string]>> = {
      'a loss': [(connection) => connection.lose(new Error('cut')), 'CONNECTION_LOST'],
      'a close': [(connection) => connection.close(), 'SOCKET_CLOSED'],
      'a reset': [(connection) => connection.reset(), 'SOCKET_CLOSED'],
    };
    for (const [name, [end, code]] of Object.entries(ends)) {
      it(`fails waiting calls and later ones: ${name}`, async () => {
        const { sender, connection } = senderOn(idleStream());
        const waiting = [sender.send(Buffer.from('in flight'), undefined)];
        await turn();
        waiting.push(sender.send(Buffer.from('also in flight'), undefined));
        await turn();
        waiting.push(sender.send(Buffer.from('of this turn'), undefined));
        const settled = waiting.map((each) => expectCode(each, code));
        end(connection);
        await Promise.all(settled);
        await expectCode(sender.send(Buffer.from('later'), undefined), code);
        await expectCode(sender.shutdown(undefined), code);
      });
    }

    it('fails a shutdown that waits', async () => {
      const { sender, connection } = senderOn(idleStream());
      const pending = [sender.send(Buffer.from('a'), undefined), sender.shutdown(undefined)];
      const settled = pending.map((each) => expectCode(each, 'CONNECTION_LOST'));
      connection.lose(new Error('cut'));
      await Promise.all(settled);
    });
  });

  describe('a stream that fails', () => {
    it('by a write that throws is a loss', async () => {
      const stream = new Duplex({
        read: () => undefined,
        write: () => {
          throw new Error('thrown');
        },
      });
      const { sender, connection } = senderOn(stream);
      const error = await expectCode(sender.send(Buffer.from('a'), undefined), 'CONNECTION_LOST');
      expect(error.cause).to.have.property('message', 'thrown');
      expect(connection.isLost).to.equal(true);
    });

    it('by an error in the callback fails the send with that error', async () => {
      const stream = new Duplex({
        read: () => undefined,
        write: (_chunk, _encoding, callback) => callback(new Error('EPIPE')),
      });
      const error = await expectCode(senderOn(stream).sender.send(Buffer.from('a'), undefined), 'CONNECTION_LOST');
      expect(error.cause).to.have.property('message', 'EPIPE');
    });

    it('and reports a write as done although it was destroyed fails the send', async () => {
      const { sender, stream } = senderOn(new HeldStream());
      const sending = expectCode(sender.send(Buffer.from('a'), undefined), 'CONNECTION_LOST');
      await turn();
      stream.destroy();
      stream.pass();
      await sending;
    });
  });

  describe('a deadline', () => {
    for (const [name, code] of [
      ['timeoutMs', 'TIMED_OUT'],
      ['signal', 'ABORTED'],
    ] as const) {
      it(`resets the connection, and settles everything else that waits: ${name}`, async () => {
        const { sender, connection } = senderOn(idleStream());
        const controller = new AbortController();
        const other = expectCode(sender.send(Buffer.from('a'), undefined), 'SOCKET_CLOSED');
        const sending = sender.send(
          Buffer.from('b'),
          name === 'signal' ? { signal: controller.signal } : { timeoutMs: 0 },
        );
        const ending = expectCode(sender.shutdown(undefined), 'SOCKET_CLOSED');
        controller.abort();
        await expectCode(sending, code);
        await Promise.all([other, ending]);
        expect(connection.phase).to.equal('closing');
        expect(connection.stream.destroyed).to.equal(true);
      });
    }

    it('leaves no clock behind', async () => {
      const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      try {
        const { sender, stream } = senderOn(new HeldStream());
        const sending = sender.send(Buffer.from('a'), { timeoutMs: 1000 });
        const ending = sender.shutdown({ timeoutMs: 1000 });
        expect(clock.countTimers()).to.equal(2);
        await turn();
        stream.pass();
        await Promise.all([sending, ending]);
        expect(clock.countTimers()).to.equal(0);
      } finally {
        clock.restore();
      }
    });

    it('that has fired before fails the call without any effect', async () => {
      const { sender, connection, stream } = senderOn(new HeldStream());
      const signal = AbortSignal.abort();
      await expectCode(sender.send(Buffer.from('a'), { signal }), 'ABORTED');
      await expectCode(sender.shutdown({ signal }), 'ABORTED');
      await turn();
      expect(stream.writes).to.deep.equal([]);
      expect([connection.phase, sender.isEnded]).to.deep.equal(['open', false]);
    });
  });
});
