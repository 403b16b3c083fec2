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
const NOTICED_MS = 6_000;

describe('the heartbeat of a server', function () {
  this.timeout(60_000);
  let server: PostgresServer;
  let database: ReturnType<typeof openDatabase>;
  let heartbeat: Heartbeat;
  let changes: boolean[];
  let lines: readonly string[];

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
    heartbeat = new Heartbeat('server1', database, draw, new WriteGate(), new ServerActivity(), observer, memory.log);
    await heartbeat.start();
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
});
