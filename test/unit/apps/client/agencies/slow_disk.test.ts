import { expect } from 'chai';
import { countRows } from '../../../../../apps/client/bets/count_rows';
import { DataFile } from '../../../../../apps/client/bets/data_file';
import { TOKENS } from '../../../../../apps/client/tokens';
import { formatBets, generateBets } from '../../../../support/generated_bets';
import { type HangingCall, HangingFileSystem } from '../../../../support/hanging_file_system';
import { MemoryClient } from '../../../../support/memory_client';
import { expectCode } from '../../../../support/rejection';
import { type ScriptedConnection, type ScriptedServer } from '../../../../support/scripted_server';
import { until } from '../../../../support/turns';

const BETS = 1000;
const CONTENT = Buffer.from(formatBets(generateBets(1, BETS)));
const STOP_MS = 2_000;

describe('an agency on a disk without a response', () => {
  let client: MemoryClient;
  let server: ScriptedServer;
  let stop: AbortController;
  let fileSystem: HangingFileSystem;

  beforeEach(() => {
    client = new MemoryClient();
    ({ server, stop } = client);
  });

  afterEach(() => {
    stop.abort();
  });

  function start(hangingCall: HangingCall): Promise<number> {
    fileSystem = new HangingFileSystem(CONTENT, hangingCall);
    const file = new DataFile('bets.csv', fileSystem);
    return client.run({}, (container) => container.rebind(TOKENS.DataFile).toConstantValue(file));
  }

  const hangs = (): Promise<void> => until(() => fileSystem.isHanging, 'a call hangs');
  const logged = (pattern: RegExp): string[] => client.logged(pattern);

  /** Stops the agency and requires a clean end within the time limit. */
  async function requireStop(running: Promise<number>, connection?: ScriptedConnection): Promise<void> {
    const begun = performance.now();
    stop.abort('SIGTERM');
    if (connection !== undefined) {
      // The batches in flight, and no F.
      let message = await connection.next();
      while (message.startsWith('B ')) message = await connection.next();
      expect(message).to.equal('end');
      await connection.close();
    }
    expect(await running).to.equal(0);
    expect(performance.now() - begun).to.be.below(STOP_MS);
    expect(
      logged(/consulta_ganadores \| result: fail \| error: stopped before the winners were known$/),
    ).to.have.length(1);
  }

  it('ends at a stop in stat, before any connection', async () => {
    const running = start('stat');
    await hangs();
    await requireStop(running);
    expect(server.attempts).to.equal(0);
  });

  for (const call of ['open', 'fstat', 'read 1'] as const) {
    it(`ends at a stop in ${call}`, async () => {
      const running = start(call);
      const connection = await server.accept();
      await connection.next();
      connection.respond('O', '0');
      await hangs();
      await requireStop(running, connection);
      expect(logged(/close_connection \| result: success/)).to.have.length(1);
    });
  }

  it('ends at a stop in a later read, after the responses to the batches in flight', async () => {
    const running = start('read 2');
    const connection = await server.accept();
    await connection.next();
    connection.respond('O', '0');
    const rows = (await connection.next()).split('\n').length;
    await hangs();
    stop.abort('SIGTERM');
    connection.respond('O', String(rows));
    await requireStop(running, connection);
    expect(logged(new RegExp(`batch_enviado .*cantidad_total: ${rows}$`))).to.have.length(1);
    expect(logged(/WARNING +action: close_file \| result: fail \| file: bets\.csv \| error: /)).to.have.length(1);
  });

  it('continues after a close without a response', async () => {
    const running = start('close');
    const connection = await server.accept();
    await connection.next();
    connection.respond('O', '0');
    let stored = 0;
    for (let message = await connection.next(); message !== `F ${BETS}`; message = await connection.next()) {
      stored += message.split('\n').length;
      connection.respond('O', String(stored));
    }
    connection.respond('O', String(BETS));
    expect(await connection.next()).to.equal('A');
    expect(logged(/close_file \| result: fail/)).to.have.length(1);
    await requireStop(running, connection);
  });

  for (const call of ['stat', 'open', 'fstat', 'read 1', 'read 2'] as const) {
    it(`ends counting the rows at a stop in ${call}`, async () => {
      fileSystem = new HangingFileSystem(CONTENT, call);
      const counting = countRows(new DataFile('bets.csv', fileSystem), stop.signal);
      await hangs();
      stop.abort('SIGTERM');
      await expectCode(counting, 'STOPPED');
    });
  }

  it('counts the rows despite a close without a response', async () => {
    const hanging = new HangingFileSystem(CONTENT, 'close');
    expect(await countRows(new DataFile('bets.csv', hanging), stop.signal)).to.equal(BETS);
  });
});
