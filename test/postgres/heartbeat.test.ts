import { expect } from 'chai';
import { ServerActivity } from '../../apps/server/stats/server_activity';
import { type StoreObserver } from '../../apps/server/domain/store_observer';
import { Heartbeat } from '../../apps/server/storage/postgres/heartbeat';
import { WriteGate } from '../../apps/server/storage/postgres/write_gate';
import { OpenDraw } from '../../apps/server/storage/postgres/open_draw';
import { eventually } from '../support/eventually';
import { createMemoryLog } from '../support/memory_lottery';
import { openDatabase, ownPostgres, type PostgresServer } from '../support/postgres_server';

/** The longest time until a stopped database is noticed: a pause, a wait for a connection, a statement. */
const NOTICED_MS = 30_000;

describe('the heartbeat of a server', function () {
  this.timeout(60_000);
  let server: PostgresServer;
  let database: ReturnType<typeof openDatabase>;
  let heartbeat: Heartbeat;
  let changes: boolean[];
  let lines: readonly string[];
  let start: () => Promise<Heartbeat>;

  before(async function () {
    server = await ownPostgres(this, {});
  });

  after(async () => {
    await server?.stop();
  });

  beforeEach(async () => {
    database = openDatabase(server.url(await server.createDatabase()));
    const draw = new OpenDraw();
    draw.id = 1;
    changes = [];
    const observer: StoreObserver = {
      committed: () => {},
      drawHeld: () => {},
      writable: (isWritable) => changes.push(isWritable),
    };
    const memory = createMemoryLog();
    lines = memory.lines;
    start = async () => {
      const gate = new WriteGate();
      const started = new Heartbeat('server1', database, draw, gate, new ServerActivity(), observer, memory.log);
      await started.start();
      return started;
    };
    heartbeat = await start();
  });

  afterEach(async () => {
    await heartbeat.stop();
    await database.close();
  });

  async function expectChanges(expected: readonly boolean[]): Promise<void> {
    await eventually(`the changes ${expected.join()}`, async () => changes.length >= expected.length, NOTICED_MS);
    expect(changes).to.deep.equal(expected);
  }

  it('reports a database that was stopped, and its return', async () => {
    await server.kill('SIGINT');
    await expectChanges([false]);
    await server.launch();
    await expectChanges([false, true]);
    expect(lines).to.have.length(2);
    expect(lines[0]).to.match(/ERROR +action: database \| result: fail \| error: \S/);
    expect(lines[1]).to.match(/INFO +action: database \| result: success$/);
  });

  it('reports a silent database within seconds, and its return', async () => {
    const wake = await server.freeze();
    try {
      await expectChanges([false]);
    } finally {
      wake();
    }
    await expectChanges([false, true]);
  });

  it('warns once of a later server with its name', async () => {
    const later = await start();
    await eventually('the warning', async () => lines.length > 0, NOTICED_MS);
    const seen = async () =>
      (await database.query<{ seen: string }>('SELECT seen_at::text AS seen FROM servers'))[0]!.seen;
    for (let beat = 0; beat < 3; beat++) {
      const before = await seen();
      await eventually('another heartbeat', async () => (await seen()) !== before, NOTICED_MS);
    }
    await later.stop();
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(
      /WARNING +action: heartbeat \| result: fail \| server: server1 \| error: another server has started with this name/,
    );
  });
});
