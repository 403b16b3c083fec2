import { expect } from 'chai';
import { type Connection } from '../../../../../../../apps/server/storage/postgres/database/connection';
import { ConnectionPool } from '../../../../../../../apps/server/storage/postgres/database/connection_pool';
import {
  createCounters,
  type DatabaseCounters,
} from '../../../../../../../apps/server/storage/postgres/database/database_counters';
import {
  DatabaseRefusedError,
  DatabaseUnavailableError,
} from '../../../../../../../apps/server/storage/postgres/database/database_errors';
import { expectCode, rejection } from '../../../../../../support/rejection';

class FakeConnection {
  isUsable = true;
  hasEnded = false;
  private lossListener: () => void = () => {};

  onLost(listener: () => void): void {
    this.lossListener = listener;
  }

  destroy(): void {
    this.isUsable = false;
    this.lossListener();
  }

  end(): void {
    this.hasEnded = true;
  }
}

const LONG_MS = 10_000;

describe('the pool of connections', () => {
  let opened: FakeConnection[];
  let failures: Error[];
  let counters: DatabaseCounters;
  let pool: ConnectionPool;

  beforeEach(() => {
    opened = [];
    failures = [];
    counters = createCounters();
    const connect = async (): Promise<Connection> => {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      const connection = new FakeConnection();
      opened.push(connection);
      return connection as unknown as Connection;
    };
    pool = new ConnectionPool(connect, 2, counters);
  });

  const acquire = async (waitMs = LONG_MS) => (await pool.acquire(waitMs)) as unknown as FakeConnection;
  const release = (connection: FakeConnection): void => pool.release(connection as unknown as Connection);

  it('opens a connection on demand, and hands it out again', async () => {
    const first = await acquire();
    expect([pool.open, pool.inUse]).to.deep.equal([1, 1]);
    release(first);
    expect([pool.open, pool.inUse]).to.deep.equal([1, 0]);
    expect(await acquire()).to.equal(first);
    expect(await acquire()).to.equal(opened[1]);
    expect([pool.open, pool.inUse]).to.deep.equal([2, 2]);
    expect(counters.waits).to.equal(0);
  });

  it('serves waiting requests in their order', async () => {
    const [first, second] = [await acquire(), await acquire()];
    const served: string[] = [];
    const waiting = ['a', 'b', 'c'].map(async (name) => {
      const connection = await acquire();
      served.push(name);
      return connection;
    });
    release(second);
    expect(await waiting[0]).to.equal(second);
    release(first);
    expect(await waiting[1]).to.equal(first);
    release(first);
    expect(await waiting[2]).to.equal(first);
    expect(served).to.deep.equal(['a', 'b', 'c']);
    expect(counters.waits).to.equal(3);
    expect(opened).to.have.length(2);
  });

  it('bounds the wait', async () => {
    await acquire();
    await acquire();
    const error = await expectCode(acquire(20), 'DATABASE_UNAVAILABLE');
    expect(error.message).to.equal('all 2 connections to the database were in use for 20 ms');
  });

  it('replaces a lost connection, also for a waiting request', async () => {
    const [first, second] = [await acquire(), await acquire()];
    const waiting = acquire();
    first.destroy();
    release(first);
    expect(await waiting).to.equal(opened[2]);
    release(second);
    expect(pool.open).to.equal(2);
    second.destroy();
    expect([pool.open, pool.inUse]).to.deep.equal([1, 1]);
    expect(await acquire()).to.equal(opened[3]);
    expect(counters.lost).to.equal(2);
  });

  it('destroys the idle connections only', async () => {
    const [first, second] = [await acquire(), await acquire()];
    release(first);
    pool.giveUpIdle();
    expect([first.isUsable, second.isUsable]).to.deep.equal([false, true]);
    expect([pool.open, pool.inUse]).to.deep.equal([1, 1]);
    release(second);
    expect(await acquire()).to.equal(second);
  });

  it('tries again to connect until the end of the wait', async () => {
    failures = [new DatabaseUnavailableError('once'), new DatabaseUnavailableError('twice')];
    expect(await acquire()).to.equal(opened[0]);
    failures = Array.from({ length: 20 }, () => new DatabaseUnavailableError('each time'));
    const begun = performance.now();
    expect((await expectCode(acquire(300), 'DATABASE_UNAVAILABLE')).message).to.equal('each time');
    expect(performance.now() - begun).to.be.within(100, 5_000);
    expect([pool.open, pool.inUse]).to.deep.equal([1, 1]);
  });

  it('does not try again after a refusal', async () => {
    const refusal = new DatabaseRefusedError('wrong password');
    failures = [refusal];
    expect(await rejection(acquire())).to.equal(refusal);
    expect(pool.open).to.equal(0);
  });

  it('ends after the connections in use, and rejects later requests', async () => {
    const [first, second] = [await acquire(), await acquire()];
    const waiting = acquire();
    release(first);
    expect(await waiting).to.equal(first);
    const late = acquire();
    let hasClosed = false;
    const closing = pool.close().then(() => (hasClosed = true));
    await expectCode(late, 'STORE_STOPPED');
    await expectCode(acquire(), 'STORE_STOPPED');
    release(first);
    await Promise.resolve();
    expect([first.hasEnded, second.hasEnded, hasClosed]).to.deep.equal([true, false, false]);
    release(second);
    await Promise.all([closing, pool.close()]);
    expect(second.hasEnded).to.equal(true);
  });

  it('ends at once without connections, and while it tries to connect', async () => {
    failures = Array.from({ length: 20 }, () => new DatabaseUnavailableError('each time'));
    const trying = acquire();
    await pool.close();
    await expectCode(trying, 'STORE_STOPPED');
    expect(pool.open).to.equal(0);
  });
});
