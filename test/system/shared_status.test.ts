import { expect } from 'chai';
import { type StatusReport } from '../../apps/server/status/report/status_report';
import { findFreePort } from '../../tools/free_port';
import { type App } from '../support/app';
import { eventually } from '../support/eventually';
import { LotterySandbox } from '../support/lottery_sandbox';
import { metricsIn, readDocumentedMetrics, readDrawnMetrics, requireDrawn } from '../support/metrics_text';
import { ownPostgres, type PostgresServer } from '../support/postgres_server';
import { promtool, whyNoPromtool } from '../support/promtool';
import { reportWhere } from '../support/status_report';
import { startWalReceiver } from '../support/wal_receiver';
import { message, type WireClient } from '../support/wire_client';

/** The longest time until the stop of the database, or its return, is visible. */
const NOTICED_MS = 30_000;

const STARTED = '2026-01-01T00:00:00.000Z';

interface Member {
  readonly app: App;
  readonly port: number;
  readonly url: string;
}

/** The part of a report about the whole lottery: without the counters of a server and without times and rates. */
function wholeLottery({ agency, agencies, bets, draw, servers }: StatusReport): object {
  return {
    agency: agency
      .map(({ id, state, bets, winners, curve }) => ({ id, state, bets, winners, added: sum(curve!) }))
      .toSorted((one, other) => one.id - other.id),
    agencies,
    bets: { stored: bets.stored, added: sum(bets.curve!) },
    draw,
    servers: servers.map(({ name, alive, sessionsOpen }) => ({ name, alive, sessionsOpen })),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

describe('the status servers of two servers with one database', function () {
  this.timeout(60_000);
  let postgres: PostgresServer;
  let sandbox: LotterySandbox;
  let one: Member;
  let two: Member;

  before(async function () {
    postgres = await ownPostgres(this, {});
  });

  after(async () => {
    await postgres?.stop();
  });

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
    const databaseUrl = postgres.url(await postgres.createDatabase());
    one = await start('server1', databaseUrl);
    two = await start('server2', databaseUrl);
  });

  afterEach(async () => {
    await sandbox?.dispose();
  });

  async function start(name: string, databaseUrl: string): Promise<Member> {
    const { app, port } = await sandbox.startServer({
      SERVER_STORE: 'postgres',
      SERVER_DATABASE_URL: databaseUrl,
      SERVER_NAME: name,
      SERVER_AGENCIES: '3',
      SERVER_STATUS_PORT: String(await findFreePort()),
      SERVER_WINNING_NUMBER: '42',
    });
    const line = await app.line(/action: status_page \| result: success/);
    return { app, port, url: /url: (\S+)/.exec(line)![1]! };
  }

  async function upload({ port }: Member, agency: number, ...numbers: number[]): Promise<WireClient> {
    const client = await sandbox.connect(port);
    expect(await client.ask('N', String(agency))).to.equal('O 0');
    if (numbers.length === 0) return client;
    const rows = numbers.map((number, index) => `${agency},Ana,Paz,3090446${index},1999-03-17,${number}`);
    expect(await client.ask('B', rows.join('\n'))).to.equal(`O ${numbers.length}`);
    return client;
  }

  async function finish(client: WireClient, bets: number): Promise<void> {
    expect(await client.ask('F')).to.equal(`O ${bets}`);
  }

  /** Checks that both reports come to this state of the whole lottery. */
  async function expectWhole(expected: object): Promise<void> {
    for (const { url } of [one, two]) {
      let last: object = {};
      const isSo = (report: StatusReport): boolean => {
        last = wholeLottery(report);
        return JSON.stringify(last) === JSON.stringify(expected);
      };
      await reportWhere(url, isSo, 10_000).catch(() => {});
      expect(last, url).to.deep.equal(expected);
    }
  }

  const readiness = async ({ url }: Member): Promise<string> => {
    const response = await fetch(`${url}readyz`);
    return `${response.status} ${await response.text()}`;
  };

  const metricsOf = async ({ url }: Member): Promise<string> => (await fetch(`${url}metrics`)).text();

  async function metricBecomes(member: Member, sample: RegExp): Promise<void> {
    await eventually(String(sample), async () => sample.test(await metricsOf(member)), NOTICED_MS);
  }

  it('report the same whole lottery, whichever server the agencies use', async () => {
    const servers = [
      { name: 'server1', alive: true, sessionsOpen: 0 },
      { name: 'server2', alive: true, sessionsOpen: 0 },
    ];
    const noDraw = { held: false, number: null, winners: null };
    await expectWhole({
      agency: [],
      agencies: { expected: 3, byState: { absent: 3, uploading: 0, finished: 0, winners: 0 } },
      bets: { stored: 0, added: 0 },
      draw: noDraw,
      servers,
    });

    const first = await upload(one, 1, 42, 7);
    const second = await upload(two, 2, 42, 42, 9);
    await finish(second, 3);
    const sessions = servers.map((server) => ({ ...server, sessionsOpen: 1 }));
    await expectWhole({
      agency: [
        { id: 1, state: 'uploading', bets: 2, winners: null, added: 2 },
        { id: 2, state: 'finished', bets: 3, winners: null, added: 3 },
      ],
      agencies: { expected: 3, byState: { absent: 1, uploading: 1, finished: 1, winners: 0 } },
      bets: { stored: 5, added: 5 },
      draw: noDraw,
      servers: sessions,
    });

    await finish(first, 2);
    const third = await upload(two, 3);
    await finish(third, 0);
    await expectWhole({
      agency: [
        { id: 1, state: 'finished', bets: 2, winners: 1, added: 2 },
        { id: 2, state: 'finished', bets: 3, winners: 2, added: 3 },
        { id: 3, state: 'finished', bets: 0, winners: 0, added: 0 },
      ],
      agencies: { expected: 3, byState: { absent: 0, uploading: 0, finished: 3, winners: 0 } },
      bets: { stored: 5, added: 5 },
      draw: { held: true, number: 42, winners: 3 },
      servers: [sessions[0], { ...sessions[1], sessionsOpen: 2 }],
    });
    expect(await first.ask('A')).to.equal('R');
    expect(await first.ask('N', '1')).to.match(/^R \d+$/);
    expect(await second.ask('A')).to.equal('R');
    expect(await second.ask('N', '2')).to.match(/^R \d+,\d+$/);
    for (const client of [first, second, third]) client.destroy();
    await expectWhole({
      agency: [
        { id: 1, state: 'winners', bets: 2, winners: 1, added: 2 },
        { id: 2, state: 'winners', bets: 3, winners: 2, added: 3 },
        { id: 3, state: 'finished', bets: 0, winners: 0, added: 0 },
      ],
      agencies: { expected: 3, byState: { absent: 0, uploading: 0, finished: 1, winners: 2 } },
      bets: { stored: 5, added: 5 },
      draw: { held: true, number: 42, winners: 3 },
      servers,
    });
    for (const member of [one, two]) {
      const text = await metricsOf(member);
      expect(text).to.match(/^lottery_bets 5$/m);
      expect(text).to.match(/^lottery_agency_winners\{agency="2"\} 2$/m);
      expect(text).to.match(/^lottery_servers\{state="alive"\} 2$/m);
    }
    expect(await metricsOf(one)).to.match(/^lottery_bets_stored_total 2$/m);
    expect(await metricsOf(two)).to.match(/^lottery_bets_stored_total 3$/m);
  });

  it('report the errors of their own server', async () => {
    const wrong = await sandbox.connect(two.port);
    wrong.write(message('N', '1'), message('B', 'nonsense'));
    await wrong.rest();
    const { agency, errors } = await reportWhere(two.url, ({ agency }) => agency[0]?.errors === 1);
    expect(errors.byCode).to.deep.equal({ 'bad-bet': 1 });
    expect(agency.map(({ id, errors }) => ({ id, errors }))).to.deep.equal([{ id: 1, errors: 1 }]);
    const other = await reportWhere(one.url, (report) => report.agency.length === 1);
    expect(other.errors).to.deep.equal({ total: 0, byCode: {} });
    expect(other.agency[0]).to.include({ id: 1, errors: 0, lastError: null });
  });

  it('report the database as their server uses it', async () => {
    await upload(one, 1, 42);
    const { database, server, servers } = await reportWhere(one.url, ({ bets, database }) => {
      return bets.stored === 1 && database!.commitSeconds !== null;
    });
    expect(server.name).to.equal('server1');
    for (const { startedAt, seenAt } of servers) {
      expect(startedAt > STARTED, startedAt).to.equal(true);
      expect(seenAt >= startedAt, seenAt).to.equal(true);
    }
    const { connections, connectionsOpened, readAt, commitSeconds, waits, ...constant } = database!;
    expect(constant).to.deep.equal({
      writable: true,
      connectionsLost: 0,
      failovers: 0,
      retries: 0,
      unknownOutcomes: 0,
      standbys: [],
    });
    expect(connections.max).to.equal(4);
    expect(connections.open).to.be.within(1, 4);
    expect(connections.inUse).to.be.within(0, 4);
    expect(connectionsOpened).to.be.within(1, 4);
    expect(waits).to.be.at.least(0);
    expect(readAt! > STARTED, readAt!).to.equal(true);
    expect(commitSeconds).to.be.within(0, 10);
  });

  it('have every metric of the dashboard, and exactly the metrics of docs/operations.md', async function () {
    const end = await startWalReceiver(this, postgres, 'standby1');
    await finish(await upload(one, 1, 42), 1);
    for (const agency of [2, 3]) await finish(await upload(two, agency), 0);
    await reportWhere(one.url, ({ draw }) => draw.held);
    await metricBecomes(one, /^lottery_database_standby_lag_seconds\{standby="standby1",mode="async"\} \d/m);
    const text = await metricsOf(one);
    await end();
    const { always, withDatabase, ofProcess } = await readDocumentedMetrics();
    expect(withDatabase.length).to.be.greaterThan(5);
    expect(metricsIn(text).toSorted()).to.deep.equal([...always, ...withDatabase, ...ofProcess].toSorted());
    requireDrawn(await readDrawnMetrics(), text);
  });

  it('follow the conventions of Prometheus, by a check with promtool', async function () {
    const reason = whyNoPromtool();
    if (reason !== undefined) {
      this.test!.title += ` (${reason})`;
      this.skip();
    }
    expect(promtool(['check', 'metrics'], await metricsOf(one))).to.equal('');
  });

  it('report a killed server as lost, and no stopped server', async () => {
    await two.app.stop('SIGKILL');
    const { servers } = await reportWhere(one.url, ({ servers }) => servers.some(({ alive }) => !alive), NOTICED_MS);
    expect(servers.map(({ name, alive }) => ({ name, alive }))).to.deep.equal([
      { name: 'server1', alive: true },
      { name: 'server2', alive: false },
    ]);
    await metricBecomes(one, /^lottery_servers\{state="lost"\} 1$/m);
  });

  it('report no server that has stopped in good order', async () => {
    await reportWhere(one.url, ({ servers }) => servers.length === 2);
    expect((await two.app.stop('SIGTERM')).code).to.equal(0);
    const { servers } = await reportWhere(one.url, ({ servers }) => servers.length === 1);
    expect(servers.map(({ name }) => name)).to.deep.equal(['server1']);
  });

  for (const [what, stop] of [
    ['stopped', () => postgres.kill('SIGINT').then(() => () => postgres.launch())],
    ['silent', () => postgres.freeze().then((wake) => async () => wake())],
  ] as const) {
    it(`are not ready while the database is ${what}, and go on with it`, async () => {
      const session = await upload(one, 1, 42, 7);
      const before = wholeLottery(await reportWhere(one.url, ({ bets }) => bets.stored === 2));
      expect([await readiness(one), await readiness(two)]).to.deep.equal(['200 ready\n', '200 ready\n']);
      const restart = await stop();
      try {
        for (const member of [one, two]) {
          const isUnready = async () => (await readiness(member)) === '503 not ready: the store accepts no writes\n';
          await eventually('a server that is not ready', isUnready, NOTICED_MS);
          const report = await reportWhere(member.url, ({ database }) => !database!.writable);
          // The report is made every second, with the last known state.
          await reportWhere(member.url, ({ at }) => at > report.at);
          await metricBecomes(member, /^lottery_store_writable 0$/m);
          expect(await metricsOf(member)).to.match(/^lottery_ready 0$/m);
          expect((await fetch(`${member.url}healthz`)).status).to.equal(200);
        }
        const { readAt } = (await reportWhere(one.url, () => true)).database!;
        const during = await reportWhere(one.url, ({ at }) => Date.parse(at) > Date.parse(readAt!) + 2_000);
        expect(wholeLottery({ ...during, servers: [] })).to.deep.equal({ ...before, servers: [] });
      } finally {
        await restart();
      }
      for (const member of [one, two]) {
        await eventually('a ready server', async () => (await readiness(member)) === '200 ready\n', NOTICED_MS);
        await reportWhere(member.url, ({ database }) => database!.writable);
        await metricBecomes(member, /^lottery_store_writable 1$/m);
      }
      session.destroy();
      const again = await sandbox.connect(two.port);
      expect(await again.ask('N', '1')).to.equal('O 2');
      expect(await again.ask('B', '1,Eva,Sol,30904469,1999-03-17,1')).to.equal('O 3');
      await reportWhere(one.url, ({ bets }) => bets.stored === 3, NOTICED_MS);
    });
  }

  it('contain no personal data', async () => {
    const clients = [await upload(one, 1, 42), await upload(two, 2, 42), await upload(two, 3, 42)];
    for (const client of clients) await finish(client, 1);
    for (const { url } of [one, two]) {
      await reportWhere(url, ({ draw }) => draw.held);
      for (const path of ['', 'status.json', 'metrics']) {
        const text = await (await fetch(url + path)).text();
        expect(text).not.to.match(/Ana|Paz\b|3090446|1999-03-17/);
      }
    }
  });
});
