import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { DiskDirectory } from '../../apps/server/storage/files/disk/file_system';
import { outputOf } from '../support/command';
import { Campaign, sized } from './support/campaign';
import { type DiskFault, type DiskImage, DiskModel } from './support/disk_model';
import { MemoryLottery } from './support/memory_lottery';
import { requireComplete, requireKept } from './support/oracle';
import { ProcessLottery } from './support/process_lottery';
import { type RecordingAgency } from './support/recording_agency';
import { SeededRandom } from './support/seeded_random';
import { ServerProcess } from './support/server_process';
import { dialUntilTheEnd, recollect, runToTheEnd, smallAgencies } from './support/small_run';

const DURABILITY = join(__dirname, '../../docs/durability.md');

/** The commands that the documentation gives, and the order of the files in them. */
async function documentedCopy(): Promise<{ script: string; order: string[] }> {
  const text = await readFile(DURABILITY, 'utf8');
  const [, block] = /^## A copy of a running store\n[^]*?\n\n((?: {4}.+\n)+)/m.exec(text)!;
  const [, order] = /for file in (.+); do/.exec(block!)!;
  return { script: block!.replaceAll(/^ {4}/gm, ''), order: order!.split(' ') };
}

/**
 * What a copy must hold: all that the agency had heard of when the copy was begun, and nothing that it had not sent when
 * the copy was done.
 */
function heardBefore(before: RecordingAgency, after: RecordingAgency): RecordingAgency {
  const { acknowledged, hasFinished, knowsDraw } = before;
  return Object.assign(recollect(after), { acknowledged, hasFinished, knowsDraw });
}

function requireFinishes(journal: string, agencies: readonly RecordingAgency[]): void {
  const finishes = new Set(journal.match(/\b\d+:\d+\b/g));
  for (const { id, hasFinished, bets } of agencies) {
    if (hasFinished) expect(Array.from(finishes)).to.include(`${id}:${bets.length}`);
  }
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

    /** A server on the copy: it starts, has kept all promises, and the agencies come to their winners on it. */
    async function requireGood(copy: string, agencies: readonly RecordingAgency[]): Promise<void> {
      const csv = (): Promise<Buffer> => readFile(join(copy, 'bets.csv'));
      requireFinishes(await readFile(join(copy, 'finished.journal'), 'utf8'), agencies);
      const server = new MemoryLottery({ directory: new DiskDirectory(copy), agencies: agencies.length });
      const probe = await server.dial().catch((error: Error) => {
        throw new Error(`${error.message}: ${server.log.join('')}`);
      });
      probe.destroy();
      requireKept(await csv(), agencies);
      await Promise.all(agencies.map((agency) => agency.run(() => dialUntilTheEnd(server))));
      expect(await server.stop(), server.log.join('')).to.equal(0);
      requireComplete(await csv(), agencies);
    }

    interface Copy {
      readonly path: string;
      readonly agencies: readonly RecordingAgency[];
    }

    /** Takes copies one after the other, from the first bet until all agencies have their winners. */
    async function copiesOf(lottery: ProcessLottery, script: string, most: number): Promise<Copy[]> {
      const taken: Copy[] = [];
      const random = new SeededRandom(most);
      lottery.begin();
      while (taken.length < most && !lottery.isOver) {
        await delay(random.below(20));
        const before = lottery.agencies.map(recollect);
        const path = `${lottery.directory}-copy-${taken.length}`;
        await outputOf('sh', ['-c', script], { env: { DATA: lottery.directory, COPY: path } });
        const agencies = before.map((agency, index) => heardBefore(agency, lottery.agencies[index]!));
        taken.push({ path, agencies });
      }
      return taken;
    }

    it('hold what was acknowledged before each, and serve the agencies to the end', async () => {
      const { script } = await documentedCopy();
      const seen = { uploading: 0, finished: 0, drawn: 0 };
      let copiesLeft = sized(20, 400);
      for (let stores = 1; copiesLeft > 0; stores++) {
        const lottery = new ProcessLottery(join(directory, `store-${stores}`), 450, 3, 5);
        const server = lottery.start();
        await server.listening;
        const taken = await copiesOf(lottery, script, copiesLeft);
        // The store that was copied is none the worse for it.
        await server.stop('SIGKILL');
        await lottery.complete();
        copiesLeft -= taken.length;
        for (const { path, agencies } of taken) {
          if (agencies.some(({ knowsDraw }) => knowsDraw)) seen.drawn++;
          else if (agencies.some(({ hasFinished }) => hasFinished)) seen.finished++;
          else seen.uploading++;
          await copies.run(path, () => requireGood(path, agencies));
        }
      }
      copies.note(`${seen.uploading} before any finish, ${seen.finished} before the draw, ${seen.drawn} behind it`);
    });
  });

  describe('between the steps of a run', () => {
    const steps = new Campaign('each file as it was at some step, in the documented order');
    const pieces = new Campaign('the same, each file read in two pieces at different steps');
    const torn = new Campaign('the same, with writes that fail: refused, or good');

    /** The disk at a step of a run, and what the agencies had heard and sent by then. */
    interface Look {
      readonly image: DiskImage;
      readonly agencies: readonly RecordingAgency[];
    }

    /** A run in which some of the writes fail, or take only a part. */
    async function looksAt(fault: (random: SeededRandom) => DiskFault | undefined, seed: number): Promise<Look[]> {
      const agencies = [...smallAgencies(1, { bets: 9 }), ...smallAgencies(2, { bets: 5 }).slice(1)];
      const random = new SeededRandom(seed);
      const disk = new DiskModel();
      const looks: Look[] = [];
      disk.onStep = () => {
        if (disk.kernelImage().size === 5) {
          looks.push({ image: disk.kernelImage(), agencies: agencies.map(recollect) });
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

    /** The steps at which the files are read, each in `readings`, in order. */
    function moments(count: number, last: number, random: SeededRandom): number[] {
      const moments = [random.below(last + 1)];
      // A copy may take the time of a few steps, or of many.
      const most = random.pick([1, 4, 40]);
      while (moments.length < count) moments.push(Math.min(last, moments.at(-1)! + random.below(most + 1)));
      return moments;
    }

    interface Copy {
      readonly image: DiskImage;
      readonly agencies: RecordingAgency[];
    }

    /** Where the second reading begins: often where the file ended. The mark is so short that one reading has it all. */
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
        agencies: begun.agencies.map((agency, index) => heardBefore(agency, done.agencies[index]!)),
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

    it('fit together, whatever was written between them', async () => {
      const { order } = await documentedCopy();
      for (let run = 0; run < sized(4, 40); run++) {
        const looks = await looksAt(run % 2 === 0 ? fails : () => undefined, run);
        for (let copy = 0; copy < sized(50, 200); copy++) {
          await steps.run(`run ${run}`, (random) => requireGood(copyOf(looks, order, 1, random)));
        }
      }
    });

    it('fit together where each file grows while it is read', async () => {
      const { order } = await documentedCopy();
      const looks = await looksAt(() => undefined, 0);
      for (let copy = 0; copy < sized(100, 2000); copy++) {
        await pieces.run('no faults', (random) => requireGood(copyOf(looks, order, 2, random)));
      }
    });

    /** @returns whether it was. */
    async function isRefused({ image }: Copy): Promise<boolean> {
      const server = new MemoryLottery({ directory: new DiskModel(image), agencies: 2, logLevel: 'INFO' });
      const listens = await server.dial().then(
        (probe) => probe.destroy().destroyed,
        () => false,
      );
      const code = await server.stop();
      if (listens) return false;
      expect(code).to.equal(1);
      expect(server.log.join('')).to.match(/open_store \| result: fail \|.* whole ones stand behind it/);
      return true;
    }

    /** Copies whose reading of bets.journal met a line that was taken back: its beginning, and what came behind it. */
    function copiesOfLinesTakenBack(looks: readonly Look[], order: readonly string[]): Copy[] {
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
          return { image, agencies: begun.agencies.map((agency, index) => heardBefore(agency, done.agencies[index]!)) };
        });
      });
    }

    it('are refused or good, and never wrong, where a write is taken back while its file is read', async () => {
      const { order } = await documentedCopy();
      let refused = 0;
      for (let run = 0; run < sized(10, 100); run++) {
        const looks = await looksAt(fails, run);
        const random = new SeededRandom(run);
        const chosen = copiesOfLinesTakenBack(looks, order).filter(() => random.once(sized(10, 2)));
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
