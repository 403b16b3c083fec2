import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { outputOf } from '../support/command';
import { Campaign, sized } from './support/campaign';
import { type DiskFault, type DiskImage, DiskModel } from './support/disk_model';
import { requireFinishes, requireGoodCopy, requirementsOf } from './support/copied_store';
import { MemoryLottery } from './support/memory_lottery';
import { requireKept } from './support/oracle';
import { ProcessLottery } from './support/process_lottery';
import { type RecordingAgency } from './support/recording_agency';
import { SeededRandom } from './support/seeded_random';
import { ServerProcess } from './support/server_process';
import { snapshotOf, runToTheEnd, smallAgencies } from './support/small_run';

const DURABILITY = join(__dirname, '../../docs/durability.md');

/** The commands in the documentation, and their order of the files. */
async function documentedCopy(): Promise<{ script: string; order: string[] }> {
  const text = await readFile(DURABILITY, 'utf8');
  const [, block] = /^## A copy of a running store\n[^]*?\n\n((?: {4}.+\n)+)/m.exec(text)!;
  const [, order] = /for file in (.+); do/.exec(block!)!;
  return { script: block!.replaceAll(/^ {4}/gm, ''), order: order!.split(' ') };
}

describe('torture: copies of a running store', function () {
  this.timeout(sized(120_000, 1_200_000));

  describe('by the documented commands', () => {
    const copies = new Campaign('copies of a store at random moments under the load of 5 agencies');
    let directory: string;

    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'copy-'));
    });

    after(async () => {
      await ServerProcess.killAll();
      await rm(directory, { recursive: true, force: true });
    });

    interface Copy {
      readonly path: string;
      readonly agencies: readonly RecordingAgency[];
    }

    /** Takes one copy after the other, from the first bet until all agencies have their winners. */
    async function copiesOf(lottery: ProcessLottery, script: string, most: number): Promise<Copy[]> {
      const taken: Copy[] = [];
      const random = new SeededRandom(most);
      lottery.begin();
      while (taken.length < most && !lottery.isOver) {
        await delay(random.below(20));
        const before = lottery.agencies.map(snapshotOf);
        const path = `${lottery.directory}-copy-${taken.length}`;
        await outputOf('sh', ['-c', script], { env: { DATA: lottery.directory, COPY: path } });
        const agencies = before.map((agency, index) => requirementsOf(agency, lottery.agencies[index]!));
        taken.push({ path, agencies });
      }
      return taken;
    }

    it('hold all bets acknowledged before, and serve the agencies to their winners', async () => {
      const { script } = await documentedCopy();
      const seen = { uploading: 0, finished: 0, drawn: 0 };
      let copiesLeft = sized(8, 400);
      for (let stores = 1; copiesLeft > 0; stores++) {
        const lottery = new ProcessLottery(join(directory, `store-${stores}`), 450, 3, 5);
        const server = lottery.start();
        await server.listening;
        const taken = await copiesOf(lottery, script, copiesLeft);
        // The copied store is unaffected.
        await server.stop('SIGKILL');
        await lottery.complete();
        copiesLeft -= taken.length;
        for (const { path, agencies } of taken) {
          if (agencies.some(({ isDrawHeld }) => isDrawHeld)) seen.drawn++;
          else if (agencies.some(({ hasFinished }) => hasFinished)) seen.finished++;
          else seen.uploading++;
          await copies.run(path, () => requireGoodCopy(path, agencies));
        }
      }
      copies.note(`${seen.uploading} before any finish, ${seen.finished} before the draw, ${seen.drawn} after it`);
    });
  });

  describe('between the steps of a run', () => {
    const steps = new Campaign('each file at some step, in the documented order');
    const pieces = new Campaign('the same, each file read in two pieces at different steps');
    const torn = new Campaign('the same, with failing writes: refused, or good');

    /** The disk at a step of a run, with snapshots of the agencies. */
    interface Look {
      readonly image: DiskImage;
      readonly agencies: readonly RecordingAgency[];
    }

    /** A run with failing and short writes. */
    async function looksAt(fault: (random: SeededRandom) => DiskFault | undefined, seed: number): Promise<Look[]> {
      const agencies = [...smallAgencies(1, { bets: 9 }), ...smallAgencies(2, { bets: 5 }).slice(1)];
      const random = new SeededRandom(seed);
      const disk = new DiskModel();
      const looks: Look[] = [];
      disk.onStep = () => {
        if (disk.kernelImage().size === 5) {
          looks.push({ image: disk.kernelImage(), agencies: agencies.map(snapshotOf) });
          disk.fault = ({ operation }) => (operation === 'write' ? fault(random) : undefined);
        }
      };
      await runToTheEnd(disk, agencies);
      return looks;
    }

    const fails = (random: SeededRandom): DiskFault | undefined => {
      if (!random.once(6)) return undefined;
      return random.once(2) ? { kind: 'error', code: 'ENOSPC' } : { kind: 'short', bytes: random.below(60) };
    };

    /** The steps of the reads, in order. */
    function moments(count: number, last: number, random: SeededRandom): number[] {
      const moments = [random.below(last + 1)];
      // A copy takes the time of a few steps, or of many.
      const most = random.pick([1, 4, 40]);
      while (moments.length < count) moments.push(Math.min(last, moments.at(-1)! + random.below(most + 1)));
      return moments;
    }

    interface Copy {
      readonly image: DiskImage;
      readonly agencies: RecordingAgency[];
    }

    /** The offset of the second read: often the end of the file. The mark is so short that one read has all of it. */
    function splitOf(name: string, beginning: Buffer, random: SeededRandom): number {
      if (name === 'bets.mark' || random.once(2)) return beginning.length;
      return random.below(beginning.length + 1);
    }

    function copyOf(looks: readonly Look[], order: readonly string[], readings: 1 | 2, random: SeededRandom): Copy {
      const at = moments(order.length * readings, looks.length - 1, random);
      const image = new Map<string, Buffer>();
      for (const [index, name] of order.entries()) {
        const [first, last] = [at[index * readings]!, at[index * readings + readings - 1]!];
        const [beginning, rest] = [looks[first]!, looks[last]!].map((look) => look.image.get(name)!);
        const split = splitOf(name, beginning!, random);
        image.set(name, Buffer.concat([beginning!.subarray(0, split), rest!.subarray(split)]));
      }
      const [begun, done] = [looks[at[0]!]!, looks[at.at(-1)!]!];
      return {
        image,
        agencies: begun.agencies.map((agency, index) => requirementsOf(agency, done.agencies[index]!)),
      };
    }

    async function requireGood({ image, agencies }: Copy): Promise<void> {
      requireFinishes(String(image.get('finished.journal')), agencies);
      const disk = new DiskModel(image);
      const server = new MemoryLottery({ directory: disk, agencies: agencies.length });
      const probe = await server.dial().catch((error: Error) => {
        throw new Error(`${error.message}: ${server.log.join('')}`);
      });
      probe.destroy();
      requireKept(disk.kernelImage().get('bets.csv'), agencies);
      expect(await server.stop()).to.equal(0);
      await runToTheEnd(disk, agencies);
    }

    it('fit together with any writes between them', async () => {
      const { order } = await documentedCopy();
      for (let run = 0; run < sized(2, 40); run++) {
        const looks = await looksAt(run % 2 === 0 ? fails : () => undefined, run);
        for (let copy = 0; copy < sized(50, 200); copy++) {
          await steps.run(`run ${run}`, (random) => requireGood(copyOf(looks, order, 1, random)));
        }
      }
    });

    it('fit together with files that grow during their read', async () => {
      const { order } = await documentedCopy();
      const looks = await looksAt(() => undefined, 0);
      for (let copy = 0; copy < sized(40, 2000); copy++) {
        await pieces.run('no faults', (random) => requireGood(copyOf(looks, order, 2, random)));
      }
    });

    /** Whether the start of a server refuses the copy. */
    async function isRefused({ image }: Copy): Promise<boolean> {
      const server = new MemoryLottery({ directory: new DiskModel(image), agencies: 2, logLevel: 'INFO' });
      const listens = await server.dial().then(
        (probe) => probe.destroy().destroyed,
        () => false,
      );
      const code = await server.stop();
      if (listens) return false;
      expect(code).to.equal(1);
      expect(server.log.join('')).to.match(/open_store \| result: fail \|.* complete ones follow it/);
      return true;
    }

    /** Copies with the beginning of a rolled back line of bets.journal, and the later bytes of the file. */
    function copiesOfRolledBackLines(looks: readonly Look[], order: readonly string[]): Copy[] {
      const journal = ({ image }: Look): Buffer => image.get('bets.journal')!;
      return looks.flatMap((begun, start) => {
        const later = looks.slice(start).filter((look) => {
          const isLonger = journal(look).length > journal(begun).length;
          return isLonger && !journal(look).subarray(0, journal(begun).length).equals(journal(begun));
        });
        return later.map((done) => {
          const image = new Map(order.map((name) => [name, (name === 'bets.csv' ? done : begun).image.get(name)!]));
          const rest = journal(done).subarray(journal(begun).length);
          image.set('bets.journal', Buffer.concat([journal(begun), rest]));
          const agencies = begun.agencies.map((agency, index) => requirementsOf(agency, done.agencies[index]!));
          return { image, agencies };
        });
      });
    }

    it('are refused or good with a write that is rolled back during the read of its file', async () => {
      const { order } = await documentedCopy();
      let refused = 0;
      for (let run = 0; run < sized(20, 100); run++) {
        const looks = await looksAt(fails, run);
        const random = new SeededRandom(run);
        const chosen = copiesOfRolledBackLines(looks, order).filter(() => random.once(2));
        for (let copy = 0; copy < 20; copy++) chosen.push(copyOf(looks, order, 2, random));
        for (const copy of chosen) {
          await torn.run(`run ${run}`, async () => {
            if (await isRefused(copy)) refused++;
            else await requireGood(copy);
          });
        }
      }
      expect(refused).to.be.greaterThan(0);
      torn.note(`${refused} refused`);
    });
  });
});
