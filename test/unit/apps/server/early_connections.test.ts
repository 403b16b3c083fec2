import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { expect } from 'chai';
import { type Container } from 'inversify';
import { createServerContainer } from '../../../../apps/server/container';
import { type Store } from '../../../../apps/server/domain/store';
import {
  StoreConflictError,
  StoreStoppedError,
  StoreUnavailableError,
} from '../../../../apps/server/domain/store_errors';
import { type LotteryServer } from '../../../../apps/server/lottery_server';
import { type DescriptorUse } from '../../../../apps/server/process/descriptor_budget';
import { SERVER_SETTINGS } from '../../../../apps/server/settings';
import { TOKENS } from '../../../../apps/server/tokens';
import { loadSettings } from '../../../../apps/runtime/settings';
import { findFreePort } from '../../../../tools/free_port';
import {
  createMemoryLog,
  MemoryBetRepository,
  MemoryFinishTracker,
  MemoryWinnerService,
} from '../../../support/memory_lottery';
import { expectCode } from '../../../support/rejection';
import { until } from '../../../support/turns';
import { message, WireClient } from '../../../support/wire_client';

const AMPLE: DescriptorUse = { open: 30, allowed: 1_048_576 };

/** A store in memory. Its opening ends by `finish` or by `fail`. */
class GatedStore implements Store {
  readonly location = { setting: 'SERVER_DATA_DIR', field: 'dir', value: 'memory' };
  finish!: () => void;
  fail!: (error: Error) => void;
  isOpening = false;
  private readonly opening = new Promise<void>((resolve, reject) => {
    this.finish = resolve;
    this.fail = reject;
  });

  constructor(readonly isShared: boolean) {}

  onBroken(): void {}

  async open(): Promise<void> {
    this.isOpening = true;
    await this.opening;
  }

  async close(): Promise<void> {}
}

describe('a server with a store that is not open yet', () => {
  let stop: AbortController;
  let lines: string[];
  let clients: WireClient[];
  let port: number;
  let store: GatedStore;
  let container: Container;
  let other: Server;

  beforeEach(async () => {
    stop = new AbortController();
    clients = [];
    port = await findFreePort();
    other = createServer();
    compose(false, AMPLE);
  });

  afterEach(() => {
    stop.abort();
    for (const client of clients) client.destroy();
    if (other.listening) other.close();
  });

  function compose(isShared: boolean, use: DescriptorUse): void {
    const environment = { SERVER_IP: '127.0.0.1', SERVER_PORT: String(port), SERVER_AGENCIES: '1' };
    const memory = createMemoryLog();
    lines = memory.lines;
    container = createServerContainer(loadSettings(SERVER_SETTINGS, { defaultFile: '', environment }), memory.log);
    const bets = new MemoryBetRepository();
    const tracker = new MemoryFinishTracker(1);
    store = new GatedStore(isShared);
    container.rebind(TOKENS.BetRepository).toConstantValue(bets);
    container.rebind(TOKENS.FinishTracker).toConstantValue(tracker);
    container.rebind(TOKENS.WinnerService).toConstantValue(new MemoryWinnerService(7574, bets, tracker));
    container.rebind(TOKENS.Store).toConstantValue(store);
    container.rebind(TOKENS.DescriptorUse).toConstantValue(() => use);
  }

  function start(): Promise<number> {
    return container.get<LotteryServer>(TOKENS.LotteryServer).run(stop.signal);
  }

  async function connect(): Promise<WireClient> {
    const client = await WireClient.connect(port);
    clients.push(client);
    return client;
  }

  /** Connects as soon as the server listens. */
  async function connectEarly(): Promise<WireClient> {
    for (;;) {
      const client = await connect().catch(() => undefined);
      if (client !== undefined) return client;
    }
  }

  const actions = (): string[] => lines.map((line) => /action: (.*?) \|/.exec(line)![1]!);

  async function occupyPort(): Promise<void> {
    await once(other.listen(port, '127.0.0.1'), 'listening');
  }

  it('holds connections, and serves them in their order after the opening', async () => {
    const ended = start();
    const first = await connectEarly();
    const second = await connect();
    first.write(message('N', '1'));
    second.write(message('N', '1'));
    await until(() => store.isOpening, 'the store is being opened');
    expect(lines).to.deep.equal([]);
    store.finish();
    expect(await first.next()).to.equal('O 0');
    expect(await second.next()).to.equal('O 0');
    expect(actions().slice(0, 4)).to.deep.equal(['open_store', 'listen', 'accept_connections', 'accept_connections']);
    stop.abort();
    expect(await ended).to.equal(0);
  });

  it('resets held connections if the store cannot be opened, and logs that alone', async () => {
    const ended = start();
    const client = await connectEarly();
    client.write(message('N', '1'));
    store.fail(new StoreUnavailableError('the disk is gone'));
    expect(await ended).to.equal(1);
    await expectCode(client.rest(), 'ECONNRESET');
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(/ERROR {4}action: open_store \| result: fail \| dir: memory \| error: the disk is gone$/);
    await expectCode(connect(), 'ECONNREFUSED');
  });

  it('resets held connections if the settings do not fit the store', async () => {
    const ended = start().catch((error: Error) => error.message);
    const client = await connectEarly();
    store.fail(new StoreConflictError('it belongs to another draw'));
    expect(await ended).to.match(/^memory: it belongs to another draw: /);
    await expectCode(client.rest(), 'ECONNRESET');
    expect(lines).to.deep.equal([]);
  });

  it('ends with exit code 0 if it is stopped', async () => {
    const ended = start();
    const client = await connectEarly();
    stop.abort();
    store.fail(new StoreStoppedError('stopped'));
    expect(await ended).to.equal(0);
    await expectCode(client.rest(), 'ECONNRESET');
  });

  it('listens after the opening at a port that another server has left meanwhile', async () => {
    await occupyPort();
    const ended = start();
    await until(() => store.isOpening, 'the store is being opened');
    await new Promise((resolve) => other.close(resolve));
    store.finish();
    const client = await connectEarly();
    client.write(message('N', '1'));
    expect(await client.next()).to.equal('O 0');
    expect(actions().slice(0, 2)).to.deep.equal(['open_store', 'listen']);
    stop.abort();
    expect(await ended).to.equal(0);
  });

  it('reports a port in use after the opening', async () => {
    await occupyPort();
    const ended = start();
    store.finish();
    expect(await ended).to.equal(1);
    const address = `127.0.0.1:${port}`;
    expect(lines.map((line) => /action: .*/.exec(line)![0])).to.deep.equal([
      'action: open_store | result: success | dir: memory',
      `action: listen | result: fail | error: listen on ${address}: listen EADDRINUSE: address already in use ${address}`,
    ]);
  });

  for (const [reason, isShared, use] of [
    ['other servers have the store too', true, AMPLE],
    ['held connections could take the descriptors of sessions', false, { open: 30, allowed: 12_000 }],
  ] as const) {
    it(`refuses connections if ${reason}`, async () => {
      compose(isShared, use);
      const ended = start();
      await until(() => store.isOpening, 'the store is being opened');
      await expectCode(connect(), 'ECONNREFUSED');
      store.finish();
      const client = await connectEarly();
      client.write(message('N', '1'));
      expect(await client.next()).to.equal('O 0');
      stop.abort();
      expect(await ended).to.equal(0);
    });
  }
});
