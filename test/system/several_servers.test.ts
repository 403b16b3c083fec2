import { expect } from 'chai';
import { join } from 'node:path';
import { App } from '../support/app';
import { type BetFields, formatBets, generateBets, storedRow, winnersAmong } from '../support/generated_bets';
import { LotterySandbox } from '../support/lottery_sandbox';
import { createMemoryLottery, type MemoryLottery } from '../support/memory_lottery';
import { SharedServer } from '../support/shared_servers';

const FAKE_NAMES = join(__dirname, '../support/fake_names.js');
const AGENCIES = 6;
const BETS = 2_000;
/** The agencies that begin at the first of three servers, and their next servers. */
const OF_FIRST = [
  [1, 1],
  [4, 2],
] as const;
/** The batches of each of them that are stored at the loss of the first server. */
const STORED_BATCHES = 10;

/** A warning of an agency about a server that it cannot use, without the time of day. */
const warningsOf = (agency: App): string[] =>
  agency.stderr
    .split('\n')
    .filter((line) => / WARNING /.test(line))
    .map((line) => line.replace(/^\S+ \S+ /, ''));

describe('an agency with several servers', function () {
  this.timeout(60_000);
  let sandbox: LotterySandbox;
  let servers: SharedServer[];

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
    servers = [];
  });

  afterEach(async () => {
    await sandbox.dispose();
    await Promise.all(servers.map((server) => server.kill()));
  });

  async function startServer(lottery: MemoryLottery, address?: { host: string; port: number }): Promise<SharedServer> {
    const server = await SharedServer.start(lottery, address);
    servers.push(server);
    return server;
  }

  function startAgency(id: number, addresses: string, env: Record<string, string> = {}): App {
    return new App('client', {
      cwd: sandbox.directory,
      args: ['--json'],
      env: {
        CLI_ID: String(id),
        CLI_SERVER_ADDRESS: addresses,
        CLI_DATA_FILE: sandbox.path('agency-{id}.csv'),
        CLI_BATCH_MAX_AMOUNT: '20',
        ...env,
      },
    });
  }

  async function writeBets(agencies: number): Promise<Map<number, readonly BetFields[]>> {
    const bets = new Map<number, readonly BetFields[]>();
    for (let id = 1; id <= agencies; id++) {
      bets.set(id, generateBets(id, BETS));
      await sandbox.write(`agency-${id}.csv`, formatBets(bets.get(id)!));
    }
    return bets;
  }

  /** Requires exit code 0 and its own winners of an agency. */
  async function requireWinners(agency: App, id: number, bets: readonly BetFields[], number: number): Promise<void> {
    expect((await agency.end(30_000)).code, agency.stderr).to.equal(0);
    const { ms, ...result } = JSON.parse(agency.stdout) as Record<string, unknown>;
    expect(ms).to.be.a('number');
    const winners = winnersAmong(bets, number);
    expect(result).to.deep.equal({ agency: id, outcome: 'winners', bets: bets.length, winners, error: null });
  }

  /** Requires each bet once, those of each agency in order. */
  function requireStored(lottery: MemoryLottery, bets: ReadonlyMap<number, readonly BetFields[]>): void {
    const stored = new Map(Array.from(bets.keys(), (id) => [id, [] as string[]]));
    for (const row of lottery.bets.rows) stored.get(parseInt(row, 10))!.push(row);
    const expected = new Map(Array.from(bets, ([id, list]) => [id, list.map((bet) => storedRow(id, bet))]));
    expect(stored).to.deep.equal(expected);
  }

  /** Holds the store once it has some batches of each agency of the first server. */
  function holdStore(lottery: MemoryLottery): { readonly reached: Promise<void>; readonly release: () => void } {
    const batches = new Map<number, number>(OF_FIRST.map(([id]) => [id, 0]));
    let onReached: () => void;
    const reached = new Promise<void>((resolve) => (onReached = resolve));
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    lottery.bets.beforeStoring = async ({ agency }) => {
      if (batches.has(agency)) batches.set(agency, batches.get(agency)! + 1);
      if (Array.from(batches.values()).some((count) => count <= STORED_BATCHES)) return;
      onReached();
      await released;
    };
    return { reached, release };
  }

  for (const [what, end, error] of [
    ['is killed', (server: SharedServer) => server.kill(), /connection was lost|ended the connection/],
    ['stops', (server: SharedServer) => server.stop(), /^shutting-down: the server is stopping$/],
  ] as const) {
    it(`goes on at another one if its server ${what}: each bet is stored once, and each agency has its winners`, async () => {
      const bets = await writeBets(AGENCIES);
      const lottery = createMemoryLottery(AGENCIES);
      const all = [await startServer(lottery), await startServer(lottery), await startServer(lottery)] as const;
      const addresses = all.map(({ address }) => address);
      const store = holdStore(lottery);
      const agencies = Array.from(bets.keys(), (id) => startAgency(id, addresses.join(' , ')));
      await store.reached;
      const ending = end(all[0]);
      store.release();
      await ending;
      for (const [id, list] of bets) await requireWinners(agencies[id - 1]!, id, list, 42);
      requireStored(lottery, bets);

      expect(all.map(({ accepted }) => accepted)).to.deep.equal([2, 3, 3]);
      for (const [index, agency] of agencies.entries()) {
        const next = OF_FIRST.find(([id]) => id === index + 1)?.[1];
        const warnings = warningsOf(agency);
        expect(warnings, agency.stderr).to.have.length(next === undefined ? 0 : 1);
        if (next === undefined) continue;
        const { server, reason, following, pause } =
          /^WARNING +action: connect \| result: in_progress \| server: (?<server>\S+) \| error: (?<reason>.*) \| next: (?<following>\S+) \| again_in_ms: (?<pause>\d+)$/.exec(
            warnings[0]!,
          )!.groups!;
        expect(server).to.equal(addresses[0]);
        expect(reason).to.match(error);
        expect(following).to.equal(addresses[next]);
        expect(Number(pause)).to.be.below(200);
      }
    });
  }

  it('passes over a server that refuses connections, and one that does not respond', async () => {
    const bets = await writeBets(1);
    const lottery = createMemoryLottery(1);
    const refusing = await startServer(lottery);
    const refusingAddress = refusing.address;
    await refusing.kill();
    const { app: frozen, port } = await sandbox.startServer({ SERVER_LISTEN_BACKLOG: '1' });
    frozen.signal('SIGSTOP');
    // The queue of Linux holds one connection more than the backlog (listen(2)).
    for (let connection = 0; connection < 2; connection++) await sandbox.connect(port);
    const alive = await startServer(lottery);

    const agency = startAgency(1, `${refusingAddress},127.0.0.1:${port},${alive.address}`);
    await requireWinners(agency, 1, bets.get(1)!, 42);
    requireStored(lottery, bets);
    expect(warningsOf(agency).map((line) => line.replace(/again_in_ms: \d+$/, ''))).to.deep.equal([
      `WARNING  action: connect | result: in_progress | server: ${refusingAddress} | error: connect to ${refusingAddress}: ` +
        `connect ECONNREFUSED ${refusingAddress} | next: 127.0.0.1:${port} | `,
      `WARNING  action: connect | result: in_progress | server: 127.0.0.1:${port} | error: connect to 127.0.0.1:${port}: ` +
        `timed out after 1500 ms | next: ${alive.address} | `,
    ]);
  });

  it('goes on to another server if its server is busy', async () => {
    const bets = await writeBets(1);
    const { app: busy, port } = await sandbox.startServer({
      SERVER_MAX_SESSIONS: '1',
      SERVER_DATA_DIR: sandbox.path('busy'),
    });
    await sandbox.connect(port);
    await busy.line(/action: accept_connections \| result: success/);
    const { port: other } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
    const agency = startAgency(1, `127.0.0.1:${port},127.0.0.1:${other}`);
    await requireWinners(agency, 1, bets.get(1)!, 7574);
    expect(await sandbox.storedRows()).to.deep.equal(
      bets
        .get(1)!
        .map((bet) => storedRow(1, bet))
        .sort(),
    );
    expect(warningsOf(agency)).to.have.length(1);
    expect(warningsOf(agency)[0]).to.contain(
      `server: 127.0.0.1:${port} | error: busy: 1 sessions are open, no more are taken | next: 127.0.0.1:${other} | `,
    );
  });

  it('uses each address of a name, and the new ones after a look-up', async () => {
    const bets = await writeBets(3);
    const lottery = createMemoryLottery(3);
    const first = await startServer(lottery);
    const { port } = first;
    const second = await startServer(lottery, { host: '127.0.0.2', port });
    const third = await startServer(lottery, { host: '127.0.0.3', port });
    const names = await sandbox.write('names.json', '{"lottery": ["127.0.0.2", "127.0.0.1"]}');
    const env = { NODE_OPTIONS: `--require ${FAKE_NAMES}`, FAKE_NAMES: names };
    const agencies = [1, 2].map((id) => startAgency(id, `lottery:${port}`, env));
    for (const agency of agencies) await agency.errorLine(/action: upload \| result: success/);
    expect([first.accepted, second.accepted]).to.deep.equal([1, 1]);

    await sandbox.write('names.json', '{"lottery": ["127.0.0.3"]}');
    await Promise.all([first.kill(), second.kill()]);
    for (const agency of agencies) await agency.errorLine(/action: connect \| result: in_progress/);
    const last = startAgency(3, `lottery:${port}`, env);
    for (const [id, list] of bets) await requireWinners([...agencies, last][id - 1]!, id, list, 42);
    requireStored(lottery, bets);
    expect(third.accepted).to.equal(3);
    expect(agencies.map((agency) => /server: \S+ \S+/.exec(warningsOf(agency).join())![0])).to.deep.equal([
      `server: lottery:${port} (127.0.0.1)`,
      `server: lottery:${port} (127.0.0.2)`,
    ]);
  });
});
