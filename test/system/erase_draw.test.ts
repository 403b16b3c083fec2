import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readBetBatch } from '../../apps/protocol/bet_batch';
import { archiveStore } from '../../apps/server/storage/files/archive';
import { archiveDraw } from '../../apps/server/storage/postgres/draw_archive';
import { DIST } from '../support/app';
import { type CommandResult, runCommand } from '../support/command';
import { createDrawKeys, type DrawKeys } from '../support/draw_keys';
import { openDatabase } from '../support/postgres_server';
import {
  createFileHarness,
  createPostgresHarness,
  type FileHarness,
  type OpenStore,
  type PostgresHarness,
} from '../support/store_harness';

const PROGRAM = join(DIST, 'apps/server/erase_draw.js');
const LATER = { timeoutMs: 20_000, signal: new AbortController().signal };
const batch = (document: number) => readBetBatch(Buffer.from(`1,Ana,Paz,${document},1999-03-17,42`), 1);

/** Stores a bet of agency 1, and holds the draw. */
async function holdDraw({ bets, tracker, winners }: OpenStore, document: number): Promise<void> {
  const one = await bets.claim(1);
  await bets.append(one, batch(document), 0);
  for (const agency of [1, 2, 3])
    await tracker.finish(agency === 1 ? one : await bets.claim(agency), agency === 1 ? 1 : 0);
  expect(await winners.waitForDraw(LATER)).to.equal(true);
}

describe('lottery-erase-draw', function () {
  this.timeout(120_000);
  let keys: DrawKeys;

  before(() => {
    keys = createDrawKeys();
  });

  after(() => keys.remove());

  const erase = (settings: Record<string, string>, ...args: string[]): Promise<CommandResult> =>
    runCommand(process.execPath, [PROGRAM, ...args], { env: { CONFIG_FILE: '/dev/null', ...settings } });

  async function expectRefusal(result: Promise<CommandResult>, code: number, pattern: RegExp): Promise<void> {
    const { code: found, stdout, stderr } = await result;
    expect(stderr).to.match(pattern);
    expect([found, stdout, stderr.split('\n').length]).to.deep.equal([code, '', 2]);
  }

  describe('with files', () => {
    let harness: FileHarness;
    let settings: { SERVER_DATA_DIR: string };

    beforeEach(async () => {
      harness = await createFileHarness();
      settings = { SERVER_DATA_DIR: harness.directory };
    });

    afterEach(() => harness.remove());

    async function archive(key?: string): Promise<string> {
      const store = await harness.open(key === undefined ? {} : { SERVER_DRAW_KEY_FILE: key });
      await holdDraw(store, 30904465);
      await store.close();
      return (await archiveStore(harness.directory))!.slice(harness.directory.length + 1);
    }

    it('removes an archive, and keeps the signed record of one and the current store', async () => {
      const [plain, signed] = [await archive(), await archive(keys.privateFile)];
      const current = await harness.open();
      await current.bets.append(await current.bets.claim(1), batch(7), 0);
      const first = await erase(settings, '--draw', plain);
      expect([first.code, first.stdout]).to.deep.equal([
        0,
        `the bets of ${plain} in ${harness.directory} are erased\n`,
      ]);
      const second = await erase(settings, '--draw', signed);
      expect(second.stdout).to.equal(
        `the bets of ${signed} in ${harness.directory} are erased; it still has draw.json\n`,
      );
      expect(await readdir(join(harness.directory, signed))).to.deep.equal(['draw.json']);
      expect(await readdir(harness.directory))
        .to.include(signed)
        .and.not.include(plain);
      expect((await erase(settings, '--draw', signed)).code).to.equal(0);
      expect(await harness.rows()).to.deep.equal(['1,Ana,Paz,7,1999-03-17,42']);
      await current.close();
    });

    it('refuses everything but an archive, and one that a server serves', async () => {
      const name = await archive();
      await mkdir(join(harness.directory, 'other'));
      await writeFile(join(harness.directory, 'other/bets.csv'), 'text');
      await expectRefusal(erase(settings), 2, /--draw NAME is required/);
      for (const other of ['other', '.', '..', `../${name}`, `${name}/..`, '1']) {
        await expectRefusal(erase(settings, '--draw', other), 2, /is no name of an archive/);
      }
      await expectRefusal(erase(settings, '--draw', 'archive-20000101T000000Z'), 2, /it has no archive archive-2000/);
      const store = await harness.open({ SERVER_DATA_DIR: join(harness.directory, name) });
      await expectRefusal(erase(settings, '--draw', name), 1, /in use|uses/);
      await store.close();
      expect(await readdir(join(harness.directory, name))).to.have.length(5);
    });
  });

  describe('with PostgreSQL', () => {
    let harness: PostgresHarness;
    let settings: Record<string, string>;

    beforeEach(async function () {
      harness = await createPostgresHarness(this);
      settings = { SERVER_STORE: 'postgres', SERVER_DATABASE_URL: harness.url };
    });

    it('removes bets and winners of an old draw; the current one, and all records, stay', async () => {
      const old = await harness.open({ SERVER_DRAW_KEY_FILE: keys.privateFile });
      await holdDraw(old, 30904465);
      await old.close();
      await expectRefusal(erase(settings, '--draw', '1'), 1, /draw 1 of \S+ is the current one/);
      const database = openDatabase(harness.url);
      await archiveDraw(database);
      await database.close();
      const current = await harness.open();
      await current.bets.append(await current.bets.claim(1), batch(7), 0);
      await expectRefusal(erase(settings, '--draw', '9'), 1, /has no draw 9/);
      const { code, stdout } = await erase(settings, '--draw', '1');
      expect(stdout).to.match(/^the 1 bets of draw 1 in \S+ are erased, with its winners; its record stays\n$/);
      expect(code).to.equal(0);
      expect(await harness.run('SELECT draw, document FROM bets')).to.deep.equal([{ draw: 2, document: '7' }]);
      expect(await harness.run('SELECT draw, document FROM winners')).to.deep.equal([{ draw: 2, document: '7' }]);
      expect(await harness.run('SELECT draw FROM draw_evidence')).to.deep.equal([{ draw: 1 }]);
      expect(await harness.run('SELECT draw FROM draws ORDER BY draw')).to.deep.equal([{ draw: 1 }, { draw: 2 }]);
      await current.close();
    });
  });
});
