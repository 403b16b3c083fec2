import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { NEVER_STOPPED } from '../../apps/server/domain/stop';
import { StoreDamagedError } from '../../apps/server/domain/store_errors';
import {
  type SnapshotSource,
  type StoreSnapshot,
  takeSnapshot,
} from '../../apps/server/storage/files/backup/store_snapshot';
import { DIST } from '../support/app';
import { outputOf } from '../support/command';
import { Campaign, IS_FULL, sized } from './support/campaign';
import { requireFinishes, requireGoodCopy, requirementsOf, tryStart } from './support/copied_store';
import { type DiskFault, type DiskImage, DiskModel } from './support/disk_model';
import { requireKept } from './support/oracle';
import { ProcessLottery } from './support/process_lottery';
import { type RecordingAgency } from './support/recording_agency';
import { SeededRandom } from './support/seeded_random';
import { ServerProcess } from './support/server_process';
import { runToTheEnd, smallAgencies, snapshotOf } from './support/small_run';

const PROGRAM = join(DIST, 'apps/server/backup_store.js');
const FILES = ['bets.csv', 'bets.journal', 'bets.mark', 'draw.journal', 'finished.journal'];

describe('torture: backups of a running store', function () {
  this.timeout(sized(120_000, 1_200_000));

  describe('by the program', () => {
    const backups = new Campaign('backups at random moments under the load of 5 agencies, restored');
    let directory: string;

    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'backup-'));
    });

    after(async () => {
      await ServerProcess.killAll();
      await rm(directory, { recursive: true, force: true });
    });

    /** Runs the program as its operators do: into a directory, or as a stream that is unpacked by tar. */
    async function backUp(data: string, to: string, isArchive: boolean): Promise<void> {
      const env = { CONFIG_FILE: '/dev/null', SERVER_DATA_DIR: data };
      if (!isArchive) return void (await outputOf(process.execPath, [PROGRAM, '--to', to], { env }));
      const child = spawn(process.execPath, [PROGRAM], {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(child, 'close') as Promise<unknown[]>;
      await pipeline(child.stdout, createWriteStream(`${to}.tar`));
      expect(await ended).to.deep.equal([0, null]);
      await mkdir(to, { mode: 0o700 });
      await outputOf('tar', ['-x', '-f', `${to}.tar`, '-C', to]);
    }

    interface Backup {
      readonly path: string;
      readonly agencies: readonly RecordingAgency[];
    }

    /** Takes one backup after the other, from the first bet on. The last one can be of the store after the lottery. */
    async function backupsOf(lottery: ProcessLottery, most: number, random: SeededRandom): Promise<Backup[]> {
      const taken: Backup[] = [];
      lottery.begin();
      for (let isLast = false; taken.length < most && !isLast;) {
        await delay(random.below(200));
        isLast = lottery.isOver;
        const before = lottery.agencies.map(snapshotOf);
        const path = `${lottery.directory}-backup-${taken.length}`;
        await backUp(lottery.directory, path, taken.length % 2 === 1);
        const agencies = before.map((agency, index) => requirementsOf(agency, lottery.agencies[index]!));
        taken.push({ path, agencies });
      }
      return taken;
    }

    it('hold all bets acknowledged before, exactly and in whole batches, and serve the agencies to their winners', async () => {
      const seen = { uploading: 0, finished: 0, drawn: 0 };
      const random = new SeededRandom(1);
      let left = sized(6, 50);
      for (let stores = 1; left > 0; stores++) {
        const lottery = new ProcessLottery(join(directory, `store-${stores}`), 900, 3, 5);
        const server = lottery.start();
        await server.listening;
        const taken = await backupsOf(lottery, Math.min(left, sized(3, 10)), random);
        // The store is unaffected.
        await server.stop('SIGKILL');
        await lottery.complete();
        left -= taken.length;
        for (const { path, agencies } of taken) {
          if (agencies.some(({ isDrawHeld }) => isDrawHeld)) seen.drawn++;
          else if (agencies.some(({ hasFinished }) => hasFinished)) seen.finished++;
          else seen.uploading++;
          await backups.run(path, async () => {
            expect((await readdir(path)).sort()).to.deep.equal(FILES);
            // Before any start: not even a part of a batch has to be removed.
            requireKept(await readFile(join(path, 'bets.csv')), agencies);
            await requireGoodCopy(path, agencies);
          });
        }
      }
      backups.note(`${seen.uploading} before any finish, ${seen.finished} before the draw, ${seen.drawn} after it`);
      if (IS_FULL) expect(Math.min(seen.uploading, seen.drawn)).to.be.greaterThan(0);
    });
  });

  describe('between the steps of a run', () => {
    const steps = new Campaign('snapshots beside a run, with writes between any two reads');
    const failing = new Campaign('the same, with failing and short writes: refused, or good');

    interface Taken {
      readonly image: DiskImage;
      readonly agencies: readonly RecordingAgency[];
    }

    /** The disk of a run as another process reads it: each read comes some turns later. */
    function besides(disk: DiskModel, random: SeededRandom): SnapshotSource {
      const pause = async (): Promise<void> => {
        for (let turns = random.pick([0, 0, 1, 3, 10]); turns > 0; turns--) await turn();
      };
      const content = (name: string): Buffer => disk.kernelImage().get(name)!;
      const unused = (): Promise<never> => Promise.reject(new Error('a snapshot changes nothing'));
      return {
        entry: (name) => disk.entry(name),
        async open(name) {
          await pause();
          if ((await disk.entry(name)) === undefined) return undefined;
          return {
            async read(target, position) {
              await pause();
              // Sometimes fewer bytes than there are. The mark is so short that one read has all of it.
              const isShort = name !== 'bets.mark' && random.once(3);
              const most = isShort ? 1 + random.below(target.length) : target.length;
              return content(name).copy(target, 0, position, position + most);
            },
            async size() {
              await pause();
              return content(name).length;
            },
            close: async () => {},
            write: unused,
            sync: unused,
            truncate: unused,
          };
        },
      };
    }

    async function imageOf(snapshot: StoreSnapshot): Promise<DiskImage> {
      const image = new Map<string, Buffer>();
      for (const file of snapshot.files) {
        const { name, size } = file;
        const pieces: Buffer[] = [];
        for await (const piece of file.read()) pieces.push(Buffer.from(piece));
        image.set(name, Buffer.concat(pieces));
        expect(image.get(name), name).to.have.length(size);
      }
      await snapshot.close();
      return image;
    }

    /** Takes snapshots that begin at random steps of a run, side by side. Returns them, and the number of refused ones. */
    async function snapshotsOf(random: SeededRandom, fails: boolean): Promise<{ taken: Taken[]; refused: number }> {
      const agencies = [...smallAgencies(1, { bets: 30 }), ...smallAgencies(2, { bets: 20 }).slice(1)];
      const disk = new DiskModel();
      const taken: Taken[] = [];
      let refused = 0;
      const take = async (): Promise<void> => {
        const before = agencies.map(snapshotOf);
        try {
          const image = await imageOf(await takeSnapshot(besides(disk, random), NEVER_STOPPED));
          taken.push({ image, agencies: before.map((agency, index) => requirementsOf(agency, agencies[index]!)) });
        } catch (error) {
          if (!fails || !(error instanceof StoreDamagedError)) throw error;
          refused++;
        }
      };
      const snapshots: Promise<void>[] = [];
      disk.onStep = () => {
        if (disk.kernelImage().size < FILES.length) return;
        if (fails) disk.fault = ({ operation }) => writeFault(operation, random);
        if (random.once(4)) snapshots.push(take());
      };
      await runToTheEnd(disk, agencies);
      await Promise.all(snapshots);
      return { taken, refused };
    }

    function writeFault(operation: string, random: SeededRandom): DiskFault | undefined {
      if (operation !== 'write' || !random.once(6)) return undefined;
      return random.once(2) ? { kind: 'error', code: 'ENOSPC' } : { kind: 'short', bytes: random.below(60) };
    }

    async function requireGood({ image, agencies }: Taken): Promise<void> {
      requireFinishes(String(image.get('finished.journal')), agencies);
      requireKept(image.get('bets.csv'), agencies);
      const disk = new DiskModel(image);
      const { server, problem } = await tryStart(disk, agencies.length);
      if (problem !== undefined) throw problem;
      expect(server.log.join('')).not.to.match(/dropped_bytes/);
      expect(await server.stop()).to.equal(0);
      await runToTheEnd(disk, agencies);
    }

    for (const [title, fails, campaign] of [
      ['are exact, and serve the agencies to their winners', false, steps],
      ['are exact or refused while writes fail and are rolled back', true, failing],
    ] as const) {
      it(title, async () => {
        let all = 0;
        let refusedOnes = 0;
        for (let number = 0; number < sized(3, 40); number++) {
          await campaign.run(`run ${number}`, async (random) => {
            const { taken, refused } = await snapshotsOf(random, fails);
            expect(taken).to.have.length.greaterThan(10);
            for (const one of taken) await requireGood(one);
            all += taken.length;
            refusedOnes += refused;
          });
        }
        campaign.note(`${all} snapshots, ${refusedOnes} refused`);
      });
    }
  });
});
