import { EventEmitter } from 'node:events';
import { type ServerResponse } from 'node:http';
import { expect } from 'chai';
import { type ConnectionPhase, type HttpConnection } from '../../../../../../apps/server/status/http/http_connection';
import { OpenConnections } from '../../../../../../apps/server/status/http/open_connections';

const PAGE = {} as ServerResponse;
const ANSWER = {} as ServerResponse;

/** A connection whose phase began `agoMs` milliseconds ago. */
class FakeConnection extends EventEmitter {
  readonly since: number;
  isDestroyed = false;

  constructor(
    readonly name: string,
    readonly phase: ConnectionPhase,
    agoMs: number,
    readonly response?: ServerResponse,
  ) {
    super();
    this.since = performance.now() - agoMs;
  }

  destroy(): void {
    this.isDestroyed = true;
    // A stream emits `close` in a later turn.
    setImmediate(() => this.emit('close'));
  }
}

describe('the open connections', () => {
  const limits = { accepted: 1_000, head: 2_000, answer: 3_000, idle: 4_000, end: 500 };
  let connections: OpenConnections;
  let all: FakeConnection[];

  beforeEach(() => {
    connections = new OpenConnections(4, (response) => response === PAGE, limits);
    all = [];
  });

  function add(name: string, phase: ConnectionPhase, agoMs: number, response?: ServerResponse): FakeConnection {
    const connection = new FakeConnection(name, phase, agoMs, response);
    connections.add(connection as unknown as HttpConnection);
    all.push(connection);
    return connection;
  }

  const closed = (): string[] => all.filter(({ isDestroyed }) => isDestroyed).map(({ name }) => name);
  const overdue = (): string[] =>
    Array.from(connections.overdue(), (connection) => (connection as unknown as FakeConnection).name);

  it('at their limit close the connection in the longest phase, of any kind', () => {
    add('idle', 'idle', 30);
    add('answer', 'answer', 50, ANSWER);
    add('head', 'head', 40);
    add('accepted', 'accepted', 20);
    expect(closed()).to.deep.equal([]);
    const closings = ['answer', 'head', 'idle', 'accepted'];
    for (let count = 1; count <= closings.length; count++) {
      add(`new ${count}`, 'accepted', 0);
      expect(closed().toSorted()).to.deep.equal(closings.slice(0, count).toSorted());
    }
  });

  it('at their limit close no page', () => {
    add('page', 'answer', 5_000, PAGE);
    add('other page', 'answer', 6_000, PAGE);
    add('idle', 'idle', 10);
    add('answer', 'answer', 0, ANSWER);
    add('new', 'accepted', 0);
    expect(closed()).to.deep.equal(['idle']);
  });

  it('have room after the close of a connection by itself', () => {
    const [first] = ['one', 'two', 'three', 'four'].map((name) => add(name, 'idle', 10));
    first!.emit('close');
    add('new', 'accepted', 0);
    expect(closed()).to.deep.equal([]);
  });

  for (const [phase, limit] of Object.entries(limits) as [ConnectionPhase, number][]) {
    it(`are overdue after ${limit} ms in the phase "${phase}"`, () => {
      add('in time', phase, limit - 200, ANSWER);
      add('overdue', phase, limit + 1, ANSWER);
      add('page', phase, limit + 1, PAGE);
      expect(overdue()).to.deep.equal(['overdue']);
    });
  }

  it('are closed together, including pages', () => {
    add('page', 'answer', 1, PAGE);
    add('idle', 'idle', 1);
    connections.closeAll();
    expect(closed()).to.deep.equal(['page', 'idle']);
  });
});
