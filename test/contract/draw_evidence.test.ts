import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readBetBatch } from '../../apps/protocol/bet_batch';
import { type DrawRecord } from '../../apps/server/domain/draw_record';
import { isSignedBy, readSignedDraw } from '../../apps/server/evidence/signed_draw';
import { createDrawKeys, type DrawKeys } from '../support/draw_keys';
import {
  createFileHarness,
  createPostgresHarness,
  type FileHarness,
  type OpenStore,
  type StoreHarness,
} from '../support/store_harness';

const bet = (agency: number, document: number, number = '1'): string =>
  `${agency},Ana,"Gómez, ""h.""",${document},1999-03-17,${number}`;
const batch = (...rows: string[]) => readBetBatch(Buffer.from(rows.join('\n')), undefined);
const LATER = { timeoutMs: 10_000, signal: new AbortController().signal };
const sha256 = (...rows: string[]): string =>
  createHash('sha256')
    .update(rows.map((row) => `${row}\n`).join(''))
    .digest('hex');

const ROWS = [
  [bet(1, 5, '42'), bet(1, 2), bet(1, 5, '042'), bet(1, 1, '0042'), bet(1, 7, '420')],
  [bet(2, 3, '4200'), bet(2, 9, '0042')],
  [],
] as const;
const STATEMENT = {
  agencies: [
    { agency: 1, bets: 5, digest: sha256(...ROWS[0]), winners: [1, 3, 4] },
    { agency: 2, bets: 2, digest: sha256(...ROWS[1]), winners: [2] },
    { agency: 3, bets: 0, digest: sha256(), winners: [] },
  ],
  number: 42,
  type: 'lottery-draw',
  version: 1,
};

const STORES: readonly { name: string; create: (context: Mocha.Context) => Promise<StoreHarness> }[] = [
  { name: 'files', create: createFileHarness },
  { name: 'PostgreSQL', create: createPostgresHarness },
];

for (const { name, create } of STORES) {
  describe(`the evidence of a draw in ${name}`, () => {
    let harness: StoreHarness;
    let keys: DrawKeys;
    const opened: OpenStore[] = [];

    beforeEach(async function () {
      keys = createDrawKeys();
      harness = await create(this);
    });

    afterEach(async () => {
      await closeAll();
      await harness?.remove();
      keys.remove();
    });

    const closeAll = async (): Promise<void> => {
      for (const store of opened.splice(0)) await store.close();
    };

    async function open(isSigned = true): Promise<OpenStore> {
      const store = await harness.open(isSigned ? { SERVER_DRAW_KEY_FILE: keys.privateFile } : {});
      opened.push(store);
      return store;
    }

    async function store({ bets }: OpenStore): Promise<void> {
      const [one, two] = [await bets.claim(1), await bets.claim(2)];
      await bets.append(one, batch(...ROWS[0].slice(0, 3)), 0);
      await bets.append(two, batch(...ROWS[1]), 0);
      await bets.append(one, batch(...ROWS[0].slice(3)), 3);
    }

    async function finish({ bets, tracker, evidence }: OpenStore, agencies = [1, 2, 3]): Promise<void> {
      for (const agency of agencies) {
        const claim = await bets.claim(agency);
        await tracker.finish(claim, claim.stored, await evidence.digestAtFinish(agency, claim.stored));
      }
    }

    const draw = async ({ winners }: OpenStore): Promise<void> => {
      expect(await winners.waitForDraw(LATER)).to.equal(true);
    };
    const recordOf = (drawRecord: DrawRecord): Promise<string | undefined> => drawRecord.readEvidence();

    it('is the number, and the bets, the digest and the winning rows of each agency, signed', async () => {
      const server = await open();
      await store(server);
      await finish(server);
      await draw(server);
      const text = await recordOf(server.drawRecord);
      expect((JSON.parse(text!) as { draw: unknown }).draw).to.deep.equal(STATEMENT);
      expect(text!.slice(0, text!.indexOf(',"signature"'))).to.equal(`{"draw":${JSON.stringify(STATEMENT)}`);
      expect(isSignedBy(readSignedDraw(text!), keys.publicKey)).to.equal(true);
      expect(server.lines.filter((line) => line.includes('draw_evidence | result: success'))).to.have.length(1);
      for (const name of ['Ana', 'Gómez']) expect(text).to.not.include(name);
      await closeAll();
      const again = await open();
      await draw(again);
      expect(await recordOf(again.drawRecord)).to.equal(text);
      expect(again.lines.filter((line) => line.includes('draw_evidence'))).to.deep.equal([]);
    });

    it('has the digest of each finish, over a restart', async () => {
      const server = await open();
      await store(server);
      await finish(server, [1, 3]);
      await closeAll();
      const again = await open();
      expect(await again.tracker.readFinishes()).to.deep.equal(
        new Map([
          [1, { bets: 5, digest: sha256(...ROWS[0]) }],
          [3, { bets: 0, digest: sha256() }],
        ]),
      );
      await finish(again, [2]);
      await draw(again);
      expect((JSON.parse((await recordOf(again.drawRecord))!) as { draw: unknown }).draw).to.deep.equal(STATEMENT);
    });

    it('is none without a key, and is made at the first start with a key', async () => {
      const server = await open(false);
      await store(server);
      await finish(server);
      await draw(server);
      expect(await recordOf(server.drawRecord)).to.equal(undefined);
      expect(await server.tracker.readFinishes()).to.deep.equal(
        new Map([
          [1, { bets: 5, digest: undefined }],
          [2, { bets: 2, digest: undefined }],
          [3, { bets: 0, digest: undefined }],
        ]),
      );
      await closeAll();
      const signing = await open();
      await draw(signing);
      expect((JSON.parse((await recordOf(signing.drawRecord))!) as { draw: unknown }).draw).to.deep.equal(STATEMENT);
    });

    it('is not replaced by a server with another key', async () => {
      const server = await open();
      await finish(server);
      await draw(server);
      const text = await recordOf(server.drawRecord);
      await closeAll();
      keys.remove();
      keys = createDrawKeys();
      const other = await open();
      await draw(other);
      expect(await recordOf(other.drawRecord)).to.equal(text);
    });

    if (name === 'files') {
      it('is written again, with the same bytes, after a crash has left a part of it', async () => {
        const path = join((harness as FileHarness).directory, 'draw.json');
        const server = await open();
        await store(server);
        await finish(server);
        await draw(server);
        const text = await readFile(path, 'utf8');
        for (const part of ['', text.slice(0, 40), text.slice(0, -1), text.replace(/digest/, '\0\0\0\0\0\0')]) {
          await closeAll();
          await writeFile(path, part);
          await draw(await open());
          expect(await readFile(path, 'utf8')).to.equal(text);
        }
      });
    }
  });
}
