import { expect } from 'chai';
import { readBetBatch } from '../../apps/protocol/bet_batch';
import { NEVER_STOPPED } from '../../apps/server/domain/stop';
import { importStore } from '../../apps/server/storage/postgres/store_import';
import { createDrawKeys } from '../support/draw_keys';
import { openDatabase } from '../support/postgres_server';
import { createFileHarness, createPostgresHarness } from '../support/store_harness';

const LATER = { timeoutMs: 10_000, signal: new AbortController().signal };

describe('an import of the evidence of a draw into PostgreSQL', () => {
  it('copies the digests of the finishes, and the signed record', async function () {
    const keys = createDrawKeys();
    const files = await createFileHarness();
    try {
      const target = await createPostgresHarness(this);
      const before = await files.open({ SERVER_DRAW_KEY_FILE: keys.privateFile });
      const claims = await Promise.all([1, 2, 3].map((agency) => before.bets.claim(agency)));
      await before.bets.append(claims[0]!, readBetBatch(Buffer.from('1,Ana,Paz,7,1999-03-17,42'), 1), 0);
      const digest = await before.evidence.digestAtFinish(1, 1);
      await before.tracker.finish(claims[0]!, 1, digest);
      // Finishes from a time without a key.
      for (const claim of claims.slice(1)) await before.tracker.finish(claim, 0);
      expect(await before.winners.waitForDraw(LATER)).to.equal(true);
      const record = await before.drawRecord.readEvidence();
      expect(record).to.be.a('string');
      await before.close();

      const source = files.compose();
      const database = openDatabase(target.url);
      await source.openUnchanged(NEVER_STOPPED);
      await importStore(database, source.content, NEVER_STOPPED);
      await source.close();
      await database.close();
      const after = await target.open();
      try {
        expect(await after.drawRecord.readEvidence()).to.equal(record);
        expect(await after.tracker.readFinishes()).to.deep.equal(
          new Map([
            [1, { bets: 1, digest }],
            [2, { bets: 0, digest: undefined }],
            [3, { bets: 0, digest: undefined }],
          ]),
        );
        expect(await after.winners.waitForDraw(LATER)).to.equal(true);
        expect(await after.bets.digest(1, 1)).to.deep.equal({ count: 1, digest });
      } finally {
        await after.close();
      }
    } finally {
      await files.remove();
      keys.remove();
    }
  });
});
