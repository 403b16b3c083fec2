import { expect } from 'chai';
import { readBetBatch } from '../../apps/protocol/bet_batch';
import { type Database } from '../../apps/server/storage/postgres/database/database';
import { archiveDraw } from '../../apps/server/storage/postgres/draw_archive';
import { OpenDraw } from '../../apps/server/storage/postgres/open_draw';
import { PostgresDrawRecord } from '../../apps/server/storage/postgres/postgres_draw_record';
import { openDatabase } from '../support/postgres_server';
import { expectCode } from '../support/rejection';
import { createPostgresHarness, type OpenStore, type StoreHarness, readAgencies } from '../support/store_harness';

const bet = (agency: number, document: number, number = '1'): string =>
  `${agency},Ana,Paz,${document},1999-03-17,${number}`;
const batch = (...rows: string[]) => readBetBatch(Buffer.from(rows.join('\n')), undefined);

describe('a new draw in PostgreSQL', () => {
  let harness: StoreHarness & { readonly url: string };
  let database: Database;
  let server: OpenStore | undefined;

  beforeEach(async function () {
    harness = await createPostgresHarness(this);
    database = openDatabase(harness.url);
    server = await harness.open();
  });

  afterEach(async () => {
    await server?.close();
    await database.close();
    server = undefined;
  });

  const stop = async (): Promise<void> => {
    await server?.close();
    server = undefined;
  };
  /** The state of a server without a heartbeat for a while. A later heartbeat would be a sign of life. */
  const loseSight = (): Promise<unknown> =>
    database.write("UPDATE servers SET seen_at = now() - INTERVAL '6 seconds' WHERE seen_at IS NOT NULL");
  /** Puts the draw aside behind the back of the running server. */
  const archiveUnseen = async (): ReturnType<typeof archiveDraw> => {
    for (;;) {
      await loseSight();
      try {
        return await archiveDraw(database);
      } catch (error) {
        // A heartbeat between the two statements.
        if ((error as { code?: string }).code !== 'STORE_IN_USE') throw error;
      }
    }
  };

  it('is refused while a server lives, and changes nothing', async () => {
    const other = await harness.open();
    try {
      const claim = await server!.bets.claim(1);
      const { message } = await expectCode(archiveDraw(database), 'STORE_IN_USE');
      expect(message).to.include('server1, server2');
      await server!.bets.append(claim, batch(bet(1, 1)), 0);
      await other.close();
      expect((await expectCode(archiveDraw(database), 'STORE_IN_USE')).message).to.match(/by server1 \(/);
    } finally {
      await other.close();
    }
    expect(await harness.rows()).to.deep.equal([bet(1, 1)]);
  });

  it('keeps everything of the old draw, and the next server begins another with its settings', async () => {
    const claim = await server!.bets.claim(1);
    await server!.bets.append(claim, batch(bet(1, 1, '42'), bet(1, 2)), 0);
    await server!.tracker.finish(claim, 2);
    await stop();
    const kept = async (): Promise<unknown> => [
      await database.query('SELECT * FROM bets WHERE draw = 1 ORDER BY agency, seq'),
      await database.query('SELECT * FROM winners WHERE draw = 1 ORDER BY agency, seq'),
      await database.query('SELECT agency, stored, finished_with FROM agencies WHERE draw = 1 ORDER BY agency'),
      await database.query('SELECT draw, winning_number, agencies, finished, held_at FROM draws WHERE draw = 1'),
    ];
    const before = await kept();

    const archived = await archiveDraw(database);
    expect(archived).to.deep.equal({ draw: 1, isHeld: false, finished: 1, agencies: 3, bets: 2 });
    server = await harness.open({ SERVER_AGENCIES: '2', SERVER_WINNING_NUMBER: '7' });
    const next = await server.bets.claim(1);
    expect(next.stored).to.equal(0);
    expect((await readAgencies(server.overview)).filter(({ hasFinished }) => hasFinished)).to.deep.equal([]);
    await server.bets.append(next, batch(bet(1, 9, '7')), 0);

    expect(await kept()).to.deep.equal(before);
    expect(await database.query('SELECT draw, winning_number, agencies FROM draws WHERE is_current')).to.deep.equal([
      { draw: 2, winning_number: 7, agencies: 2 },
    ]);
    expect(await database.query('SELECT draw, agency, seq, document FROM winners WHERE draw = 2')).to.deep.equal([
      { draw: 2, agency: 1, seq: 1, document: '9' },
    ]);
  });

  it('has nothing to do without a current draw, at the first call and at a repeated one', async () => {
    await stop();
    expect(await archiveDraw(database)).to.include({ draw: 1, bets: 0 });
    expect(await archiveDraw(database)).to.equal(undefined);
    expect(await database.query('SELECT draw, is_current FROM draws')).to.deep.equal([{ draw: 1, is_current: null }]);
  });

  it('fences off a server that was not seen: it stores nothing more', async () => {
    const [one, two] = [await server!.bets.claim(1), await server!.bets.claim(2)];
    await server!.bets.append(one, batch(bet(1, 1)), 0);
    expect(await archiveUnseen()).to.include({ draw: 1, bets: 1 });
    await expectCode(server!.bets.append(one, batch(bet(1, 2)), 1), 'CLAIM_SUPERSEDED');
    await expectCode(server!.bets.append(two, batch(bet(2, 1)), 0), 'CLAIM_SUPERSEDED');
    await expectCode(server!.tracker.finish(one, 1), 'CLAIM_SUPERSEDED');
    await expectCode(server!.bets.claim(3), 'STORE_CONFLICT');
    expect(await harness.rows()).to.deep.equal([bet(1, 1)]);
    expect(await database.query('SELECT agency FROM agencies WHERE finished_with IS NOT NULL')).to.deep.equal([]);
  });

  it('fences off the draw of a server that was not seen', async () => {
    const claims = await Promise.all([1, 2, 3].map((agency) => server!.bets.claim(agency)));
    await stop();
    await database.write('UPDATE agencies SET finished_with = 0 WHERE agency = ANY ($1::int[])', [
      claims.map(({ agency }) => agency),
    ]);
    await database.write('UPDATE draws SET finished = 3');
    expect(await archiveDraw(database)).to.include({ draw: 1, isHeld: false, finished: 3 });
    const unseen = new OpenDraw();
    unseen.id = 1;
    await expectCode(new PostgresDrawRecord(database, unseen).record({ number: 42, agencies: 3 }), 'STORE_CONFLICT');
    expect(await database.query('SELECT held_at FROM draws')).to.deep.equal([{ held_at: null }]);
  });

  it('waits for commits of bets, or ends them: what was acknowledged is what is kept', async () => {
    const claims = await Promise.all([1, 2, 3].map((agency) => server!.bets.claim(agency)));
    const acknowledged: string[] = [];
    const appendUntilRefused = async (): Promise<void> => {
      for (let seq = 0; ; seq++) {
        const rows = claims.map(({ agency }) => bet(agency, seq));
        const appends = claims.map((claim, index) => server!.bets.append(claim, batch(rows[index]!), seq));
        const results = await Promise.allSettled(appends);
        results.forEach(({ status }, index) => status === 'fulfilled' && acknowledged.push(rows[index]!));
        if (results.some(({ status }) => status === 'rejected')) return;
      }
    };
    const appending = appendUntilRefused();
    const archived = await archiveUnseen();
    await appending;
    expect(await harness.rows()).to.have.members(acknowledged);
    expect(archived).to.include({ draw: 1, bets: acknowledged.length });
  });
});
