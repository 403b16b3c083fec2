import { Duplex } from 'node:stream';
import { expect } from 'chai';
import { Connection, type Opening, type Phase } from '../../../../../lib/sockets/connection/connection';
import { MemoryStream } from '../../../../../lib/testing/index';
import { FakeIncoming, FakeOutgoing, idleStream } from '../../../../support/directions';

/** A connection with fake directions, and the list of its calls to them. */
interface Subject {
  readonly connection: Connection;
  readonly incoming: FakeIncoming;
  readonly outgoing: FakeOutgoing;
  readonly events: string[];
}

function connecting(): Subject {
  const events: string[] = [];
  const subject = {
    connection: new Connection(),
    incoming: new FakeIncoming(events),
    outgoing: new FakeOutgoing(events),
    events,
  };
  subject.connection.attach(subject.incoming, subject.outgoing);
  return subject;
}

function opened(stream: Duplex): Subject {
  const subject = connecting();
  subject.connection.adopt(stream);
  subject.connection.open();
  return subject;
}

function recordedOpening(events: string[]): Opening {
  return {
    onOpen: () => void events.push('opened'),
    onLost: (cause) => void events.push(`not opened: ${String(cause)}`),
    onClosedHere: () => void events.push('not opened: closed'),
  };
}

describe('Connection', () => {
  describe('transitions', () => {
    const actions: Readonly<Record<string, (connection: Connection) => void>> = {
      open: (connection) => connection.open(),
      lose: (connection) => connection.lose(new Error('cut')),
      close: (connection) => connection.close(),
      reset: (connection) => connection.reset(),
      beginClosing: (connection) => connection.beginClosing(),
    };
    /** A stream that does not close by itself after `destroy`: the phase `closing` lasts. */
    const states: Readonly<Record<Phase, () => Subject>> = {
      connecting: () => {
        const subject = connecting();
        subject.connection.adopt(idleStream());
        return subject;
      },
      open: () => opened(idleStream()),
      closing: () => {
        const subject = opened(idleStream());
        subject.connection.close();
        return subject;
      },
      closed: () => {
        const subject = opened(idleStream());
        subject.connection.close();
        subject.connection.stream.emit('close');
        return subject;
      },
    };
    const expected: Readonly<Record<Phase, Readonly<Record<string, Phase>>>> = {
      connecting: { open: 'open', lose: 'closing', close: 'closing', reset: 'closing', beginClosing: 'closing' },
      open: { open: 'open', lose: 'closing', close: 'closing', reset: 'closing', beginClosing: 'closing' },
      closing: { open: 'closing', lose: 'closing', close: 'closing', reset: 'closing', beginClosing: 'closing' },
      closed: { open: 'closed', lose: 'closed', close: 'closed', reset: 'closed', beginClosing: 'closed' },
    };

    for (const [from, make] of Object.entries(states)) {
      for (const [action, act] of Object.entries(actions)) {
        const to = expected[from as Phase][action]!;
        it(`${action}() in the phase ${from} leads to ${to}`, () => {
          const { connection } = make();
          expect(connection.phase).to.equal(from);
          act(connection);
          expect(connection.phase).to.equal(to);
        });
      }
    }

    it('a close without a stream leads to closed at once', async () => {
      for (const act of [actions.close!, actions.reset!]) {
        const { connection } = connecting();
        act(connection);
        expect(connection.phase).to.equal('closed');
        await connection.closed;
      }
    });

    it('the close of the stream leads from closing to closed, and resolves the promise', async () => {
      const { connection } = opened(idleStream());
      const { closed } = connection;
      connection.lose(undefined);
      connection.stream.emit('close');
      expect(connection.phase).to.equal('closed');
      await closed;
      await connection.closed;
    });

    it('the close of a stream whose both directions have ended leads to closed without a loss', async () => {
      const [near, far] = MemoryStream.pair();
      const { connection, outgoing } = opened(near);
      far.resume().end();
      outgoing.isEnded = true;
      near.end();
      await connection.closed;
      expect(connection.phase).to.equal('closed');
      expect([connection.isLost, connection.isClosedHere]).to.deep.equal([false, false]);
    });

    for (const [name, isPeerEnded, isEndedHere] of [
      ['neither direction', false, false],
      ['the incoming direction only', true, false],
      ['the outgoing direction only', false, true],
    ] as const) {
      it(`the close of a stream after the end of ${name} is a loss without a cause`, () => {
        const { connection, incoming, outgoing } = opened(idleStream());
        incoming.isEnded = isPeerEnded;
        outgoing.isEnded = isEndedHere;
        connection.stream.emit('close');
        expect(connection.phase).to.equal('closed');
        expect(connection.isLost).to.equal(true);
        const error = connection.endError('send');
        expect(error).to.have.property('code', 'CONNECTION_LOST');
        expect(error).not.to.have.property('cause');
      });
    }
  });

  describe('the end of the directions', () => {
    it('both end by a loss, before the stream is destroyed', () => {
      const { connection, events } = opened(idleStream(() => events.push('destroyed')));
      connection.lose(new Error('cut'));
      expect(events).to.deep.equal(['incoming ended', 'outgoing ended', 'destroyed']);
    });

    for (const action of ['close', 'reset'] as const) {
      it(`both end by ${action}(), before the stream is destroyed`, () => {
        const { connection, events } = opened(idleStream(() => events.push('destroyed')));
        connection[action]();
        expect(events).to.deep.equal(['incoming ended', 'outgoing ended', 'destroyed']);
      });
    }

    it('only the incoming one ends by beginClosing(), and the stream lives on until destroy()', () => {
      const { connection, events } = opened(idleStream(() => events.push('destroyed')));
      connection.beginClosing();
      expect(events).to.deep.equal(['incoming ended']);
      connection.destroy();
      expect(events).to.deep.equal(['incoming ended', 'destroyed']);
      connection.stream.emit('close');
      expect(events).to.deep.equal(['incoming ended', 'destroyed', 'incoming ended', 'outgoing ended']);
    });
  });

  describe('the reason of the end', () => {
    it('is the first loss', () => {
      const { connection } = opened(idleStream());
      const first = new Error('first');
      connection.lose(first);
      connection.lose(new Error('second'));
      expect(connection.endError('send', new Error('third'))).to.include({ code: 'CONNECTION_LOST', cause: first });
    });

    it('is a close on this side, before a loss and after it', () => {
      for (const act of ['lose first', 'close first']) {
        const { connection } = opened(idleStream());
        if (act === 'lose first') connection.lose(new Error('cut'));
        connection.close();
        if (act === 'close first') connection.lose(new Error('cut'));
        expect([connection.isClosedHere, connection.isLost], act).to.deep.equal([true, false]);
        expect(connection.endError('receive'), act).to.include({ code: 'SOCKET_CLOSED', operation: 'receive' });
      }
    });

    it('takes the cause of a call if the loss has none', () => {
      const { connection } = opened(idleStream());
      connection.lose(undefined);
      const cause = new Error('EPIPE');
      expect(connection.endError('send', cause)).to.include({ code: 'CONNECTION_LOST', cause });
    });
  });

  it('requireOpened refuses a connection that was never open, or that this side has closed', () => {
    const early = connecting().connection;
    expect(() => early.requireOpened('send'))
      .to.throw()
      .with.property('code', 'WRONG_STATE');
    const { connection } = opened(idleStream());
    connection.requireOpened('send');
    connection.lose(new Error('cut'));
    connection.requireOpened('receive');
    connection.close();
    expect(() => connection.requireOpened('receive'))
      .to.throw()
      .with.property('code', 'SOCKET_CLOSED');
  });

  describe('the call that waits for the opening', () => {
    const ends: Readonly<Record<string, readonly [act: (connection: Connection) => void, event: string]>> = {
      'open()': [(connection) => connection.open(), 'opened'],
      'a loss': [(connection) => connection.lose(new Error('refused')), 'not opened: Error: refused'],
      'close()': [(connection) => connection.close(), 'not opened: closed'],
      'reset()': [(connection) => connection.reset(), 'not opened: closed'],
    };
    for (const [name, [act, event]] of Object.entries(ends)) {
      it(`is settled by ${name}, and by nothing later`, () => {
        const { connection } = connecting();
        const events: string[] = [];
        connection.awaitOpen(recordedOpening(events));
        connection.adopt(idleStream());
        act(connection);
        for (const [later] of Object.values(ends)) later(connection);
        connection.stream.emit('close');
        expect(events).to.deep.equal([event]);
      });
    }
  });

  describe('a stream', () => {
    it('gives its events to the directions and the connection', async () => {
      const [near, far] = MemoryStream.pair();
      const { connection, events } = opened(near);
      far.end('abc');
      await new Promise((resolve) => near.once('end', resolve));
      expect(events).to.deep.equal(['data abc', 'end']);
      near.destroy(new Error('cut'));
      await connection.closed;
      expect(connection.endError('send').cause).to.have.property('message', 'cut');
    });

    it('that closes while its end is under confirmation has ended', async () => {
      const stream = Object.assign(idleStream(), { remoteAddress: '127.0.0.1' });
      const { connection, outgoing, events } = opened(stream);
      outgoing.isEnded = true;
      stream.push(null);
      await new Promise((resolve) => stream.once('end', resolve));
      expect(events).to.deep.equal([]);
      stream.emit('close');
      expect(events).to.deep.equal(['end', 'incoming ended', 'outgoing ended']);
      expect([connection.phase, connection.isLost]).to.deep.equal(['closed', false]);
    });

    it('has the addresses that are known, and keeps them after the end', () => {
      const { connection } = connecting();
      const stream = Object.assign(idleStream(), {
        localAddress: '127.0.0.1',
        localPort: 1,
        remoteAddress: '127.0.0.2',
        remotePort: 2,
      });
      connection.adopt(stream);
      expect(connection.endpoints).to.deep.equal({});
      connection.open({ local: { host: '127.0.0.3', port: 3 }, remote: { path: '/run/app.sock' } });
      const known = { local: { host: '127.0.0.3', port: 3 }, remote: { host: '127.0.0.2', port: 2 } };
      expect(connection.endpoints).to.deep.equal(known);
      connection.close();
      expect(connection.endpoints).to.deep.equal(known);
    });

    it('that has ended before gives its end', async () => {
      const [near, far] = MemoryStream.pair();
      far.end();
      near.resume();
      await new Promise((resolve) => near.once('end', resolve));
      const { connection, events } = opened(near);
      expect(events).to.deep.equal(['end']);
      expect(connection.phase).to.equal('open');
    });

    it('that was destroyed before is a loss with its error, and is not opened again', async () => {
      const stream = idleStream().on('error', () => undefined);
      stream.destroy(new Error('earlier'));
      const subject = connecting();
      subject.connection.adopt(stream);
      subject.connection.open({ local: { path: '/run/app.sock' } });
      expect(subject.connection.phase).to.equal('closing');
      expect(subject.connection.endError('send').cause).to.have.property('message', 'earlier');
      expect(subject.connection.endpoints.local).to.deep.equal({ path: '/run/app.sock' });
    });

    it('that was closed before is closed', async () => {
      const [stream] = MemoryStream.pair();
      stream.destroy();
      await new Promise((resolve) => stream.once('close', resolve));
      const { connection } = opened(stream);
      expect(connection.phase).to.equal('closed');
      await connection.closed;
    });

    it('is refused if it gives no bytes, or has a connection', () => {
      const text = idleStream().setEncoding('utf8');
      for (const stream of [new Duplex({ objectMode: true }), text, opened(idleStream()).connection.stream]) {
        expect(() => connecting().connection.adopt(stream)).to.throw(TypeError);
      }
    });
  });
});
