import { expect } from 'chai';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Container } from 'inversify';
import { createServerContainer } from '../../../../apps/server/container';
import { type LotteryOverview } from '../../../../apps/server/domain/lottery_overview';
import { type LotteryServer } from '../../../../apps/server/lottery_server';
import { type Store } from '../../../../apps/server/domain/store';
import { SERVER_SETTINGS } from '../../../../apps/server/settings';
import { StoreBrokenError } from '../../../../apps/server/domain/store_errors';
import { TOKENS } from '../../../../apps/server/tokens';
import { loadSettings } from '../../../../apps/runtime/settings';
import {
  createMemoryLog,
  MemoryBetRepository,
  MemoryFinishTracker,
  MemoryWinnerService,
} from '../../../support/memory_lottery';
import { until } from '../../../support/turns';
import { message, WireClient } from '../../../support/wire_client';

const bet = (agency: number): string => `${agency},Ana,Gómez,5,1999-03-17,0042`;

describe("the server's container", () => {
  let directory: string;
  let stop: AbortController;
  let lines: string[];
  let clients: WireClient[];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'store-'));
    stop = new AbortController();
    clients = [];
  });

  afterEach(async () => {
    stop.abort();
    for (const client of clients) client.destroy();
    await rm(directory, { recursive: true, force: true });
  });

  function compose(): Container {
    const environment = {
      SERVER_IP: '127.0.0.1',
      SERVER_PORT: '0',
      SERVER_AGENCIES: '1',
      SERVER_WINNING_NUMBER: '42',
      SERVER_DATA_DIR: directory,
    };
    const memory = createMemoryLog();
    lines = memory.lines;
    return createServerContainer(loadSettings(SERVER_SETTINGS, { defaultFile: 'none.ini', environment }), memory.log);
  }

  /** Replaces the services in files by services in memory. */
  function inMemory(container: Container): { bets: MemoryBetRepository; breakStore: (error: Error) => void } {
    const bets = new MemoryBetRepository();
    const tracker = new MemoryFinishTracker(1);
    container.rebind(TOKENS.BetRepository).toConstantValue(bets);
    container.rebind(TOKENS.FinishTracker).toConstantValue(tracker);
    container.rebind(TOKENS.WinnerService).toConstantValue(new MemoryWinnerService(42, bets, tracker));
    let breakStore: (error: Error) => void = () => {};
    const store: Store = {
      location: { setting: 'SERVER_DATA_DIR', field: 'dir', value: 'memory' },
      isShared: false,
      onBroken: (listener) => (breakStore = listener),
      open: async () => {},
      close: async () => {},
    };
    container.rebind(TOKENS.Store).toConstantValue(store);
    return { bets, breakStore: (error) => breakStore(error) };
  }

  async function start(container: Container): Promise<{ ended: Promise<number>; client: WireClient }> {
    const ended = container.get<LotteryServer>(TOKENS.LotteryServer).run(stop.signal);
    const listening = /action: listen .*127\.0\.0\.1:(\d+)/;
    await until(() => lines.some((line) => listening.test(line)), 'the server listens');
    const port = Number(listening.exec(lines.find((line) => listening.test(line))!)![1]);
    const client = await WireClient.connect(port);
    clients.push(client);
    return { ended, client };
  }

  async function takePart(client: WireClient): Promise<string[]> {
    client.write(message('N', '1'), message('B', bet(1)), message('F', '1'), message('A'), message('N', '1'));
    const answers: string[] = [];
    while (answers.length < 6) answers.push(await client.next());
    client.end();
    return answers;
  }

  const wholeSession = ['O 0', 'O 1', 'O 1', 'R', 'R 5', 'O 1'];

  it('composes a server with a store in files', async () => {
    const container = compose();
    const { ended, client } = await start(container);
    expect(await takePart(client)).to.deep.equal(wholeSession);
    const { agencies } = await container.get<LotteryOverview>(TOKENS.LotteryOverview).read();
    expect(Array.from(agencies)).to.deep.equal([{ agency: 1, bets: 1, hasFinished: true, hasWinners: false }]);
    stop.abort();
    expect(await ended).to.equal(0);
    expect(await readdir(directory)).to.include('bets.csv');
  });

  it('has one instance of each service', () => {
    const container = compose();
    for (const token of [TOKENS.BetRepository, TOKENS.FinishTracker, TOKENS.WinnerService, TOKENS.LotteryServer]) {
      expect(container.get<object>(token)).to.equal(container.get<object>(token));
    }
  });

  it('composes the same server with other services', async () => {
    const container = compose();
    const { bets } = inMemory(container);
    const { ended, client } = await start(container);
    expect(await takePart(client)).to.deep.equal(wholeSession);
    expect(bets.rows).to.deep.equal([bet(1)]);
    stop.abort();
    expect(await ended).to.equal(0);
    expect(await readdir(directory)).to.deep.equal([]);
  });

  it('composes a server that ends by itself with exit code 1 after the failure of its store', async () => {
    const container = compose();
    const { bets, breakStore } = inMemory(container);
    bets.beforeStoring = async () => {
      const error = new StoreBrokenError('the disk is gone');
      breakStore(error);
      throw error;
    };
    const { ended, client } = await start(container);
    client.write(message('N', '1'), message('B', bet(1)));
    expect(await client.rest()).to.deep.equal(['O 0', 'E storage: the disk is gone']);
    expect(await ended).to.equal(1);
    expect(
      lines.filter((line) => /CRITICAL action: store \| result: fail \| error: the disk is gone/.test(line)),
    ).to.have.length(1);
  });
});
