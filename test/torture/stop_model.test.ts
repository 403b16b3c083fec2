import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { PeerSocket } from '../../lib/index';
import { READ_PIECE } from '../../apps/server/storage/files/disk/file_system';
import { message } from '../support/wire_client';
import { Campaign, sized } from './support/campaign';
import { DiskModel } from './support/disk_model';
import { LargeStore } from './support/large_store';
import { MemoryLottery } from './support/memory_lottery';
import { requireKept } from './support/oracle';
import { type RecordingAgency } from './support/recording_agency';
import { SeededRandom } from './support/seeded_random';
import { snapshotOf, runToTheEnd, smallAgencies } from './support/small_run';

describe('torture: a stop during reads on a model of a disk', function () {
  this.timeout(sized(60_000, 600_000));

  describe('of a start', () => {
    const calls = new Campaign('a stop at the k-th call of a start after a power cut, for every k');
    const pieces = new Campaign('a stop in the middle of a long read');

    /** The disks of a small run after power cuts, with snapshots of the agencies. */
    async function tornStores(): Promise<{ disk: DiskModel; agencies: RecordingAgency[]; step: number }[]> {
      const agencies = smallAgencies(2, { bets: 6 });
      const disk = new DiskModel();
      const looks: { frozen: DiskModel; agencies: RecordingAgency[]; step: number }[] = [];
      disk.onStep = () => {
        looks.push({ frozen: disk.freeze(), agencies: agencies.map(snapshotOf), step: looks.length });
      };
      await runToTheEnd(disk, agencies);
      const random = new SeededRandom(2);
      return looks
        .filter(({ step }) => step % sized(20, 1) === 0)
        .map(({ frozen, agencies, step }) => ({ disk: new DiskModel(frozen.powerCutImage(random)), agencies, step }));
    }

    /** Stops a start at a call. Returns the number of calls until the stop, or until the server listened. */
    async function stopAt(disk: DiskModel, call: number): Promise<number> {
      const server = new MemoryLottery({ directory: disk, agencies: 2, logLevel: 'INFO' });
      disk.hold = () => {
        if (disk.calls.length === call + 1) void server.stop();
        return undefined;
      };
      await server.dial().then(
        (socket) => socket.on('error', () => {}).destroy(),
        () => {},
      );
      const begun = disk.calls.length;
      expect(await server.stop(), server.log.join('')).to.equal(0);
      expect(disk.openFiles).to.equal(0);
      const closed = server.log.filter((line) => / close_store \| result: success /.test(line));
      expect(closed).to.have.length(3);
      expect(server.log.join('')).not.to.match(/ERROR|CRITICAL/);
      disk.hold = () => undefined;
      return begun;
    }

    it('leaves a valid store for the next start, at each call', async () => {
      for (const { disk, agencies, step } of await tornStores()) {
        let count = 1;
        for (let call = 0; call < count; call++) {
          await calls.run(`power cut at step ${step}, stop at call ${call}`, async () => {
            const stopped = disk.freeze();
            count = Math.max(count, (await stopAt(stopped, call)) + 1);
            for (const image of [stopped.kernelImage(), stopped.durableImage()]) {
              const next = new DiskModel(image);
              const snapshots = agencies.map(snapshotOf);
              await runToTheEnd(next, snapshots);
              requireKept(next.kernelImage().get('bets.csv'), snapshots);
            }
          });
        }
      }
    });

    for (const [what, options, operation] of [
      ['checked', {}, 'read'],
      ['written again', { marked: 0 }, 'write'],
    ] as const) {
      it(`ends the work while bets are ${what}, and changes no byte`, async () => {
        await pieces.run(what, async () => {
          const store = new LargeStore({ commits: 6, ...options });
          const disk = new DiskModel(store.image());
          const before = disk.kernelImage();
          const server = new MemoryLottery({ directory: disk, agencies: 1 });
          const isBets = (call: { operation: string; file: string }): boolean =>
            call.operation === operation && call.file === 'bets.csv';
          await new Promise<void>((onThird) => {
            disk.hold = () => {
              if (disk.calls.filter(isBets).length < 3) return undefined;
              // The stop happens during a slow call of the disk.
              void server.stop();
              disk.hold = () => undefined;
              onThird();
              return delay(50);
            };
          });
          expect(await server.stop(), server.log.join('')).to.equal(0);
          expect(disk.calls.filter(isBets)).to.have.length(3);
          expect(disk.openFiles).to.equal(0);
          const after = disk.kernelImage();
          expect(Array.from(after.keys())).to.deep.equal(Array.from(before.keys()));
          for (const [name, bytes] of before) expect(after.get(name)!.equals(bytes), name).to.equal(true);
        });
      });
    }
  });

  describe('of a draw', () => {
    const draws = new Campaign('a stop, or a fault, during the search for winners');

    /** Starts a server, and holds the third read of its search for winners. */
    async function hangInScan(
      store: LargeStore,
      disk: DiskModel,
    ): Promise<{ server: MemoryLottery; release: (fault?: string) => void }> {
      const pieces = Math.ceil(store.bytes / READ_PIECE);
      const isPiece = (call: { operation: string; file: string }): boolean =>
        call.operation === 'read' && call.file === 'bets.csv';
      const server = new MemoryLottery({ directory: disk, agencies: 1, logLevel: 'INFO' });
      const release = await new Promise<(fault?: string) => void>((onHung) => {
        disk.hold = () => {
          // The check reads every piece, and the end of the file.
          if (disk.calls.filter(isPiece).length < pieces + 1 + 3) return undefined;
          disk.hold = () => undefined;
          return new Promise((resolve, reject) => {
            onHung((fault) => (fault === undefined ? resolve() : reject(new Error(fault))));
          });
        };
      });
      return { server, release };
    }

    async function receive(socket: PeerSocket): Promise<string> {
      const answer = await socket.recvFrame(7, (header) => 7 + header.readUIntLE(1, 6), { idleTimeoutMs: 5_000 });
      return answer === null ? 'end' : `${answer.toString('latin1', 0, 1)} ${answer.toString('utf8', 7)}`.trimEnd();
    }

    async function ask(server: MemoryLottery): Promise<PeerSocket> {
      const agency = new PeerSocket(await server.dial());
      await agency.sendMany([message('N', '1'), message('A')]);
      return agency;
    }

    async function requireWinners(server: MemoryLottery, store: LargeStore): Promise<void> {
      const agency = await ask(server);
      expect([await receive(agency), await receive(agency)]).to.deep.equal([`O ${store.count}`, 'R']);
      await agency.sendMany([message('N', '1')]);
      const winners: string[] = [];
      let answer = await receive(agency);
      for (; answer.startsWith('R '); answer = await receive(agency)) winners.push(...answer.slice(2).split(','));
      expect(answer).to.equal(`O ${store.winners.length}`);
      expect(winners).to.deep.equal(store.winners);
      await agency.lingeringClose({ timeoutMs: 1_000 });
    }

    const sorteos = (server: MemoryLottery): string[] => server.log.filter((line) => line.includes('action: sorteo'));

    function requireSame(disk: DiskModel, before: ReadonlyMap<string, Buffer>): void {
      expect(Array.from(disk.kernelImage().keys())).to.deep.equal(Array.from(before.keys()));
      for (const [name, bytes] of before) expect(disk.kernelImage().get(name)!.equals(bytes), name).to.equal(true);
    }

    for (const isDrawn of [false, true]) {
      const what = isDrawn ? 'repeated' : 'first';

      it(`abandons a ${what} draw despite a waiting session, and the next start holds it`, async () => {
        await draws.run(what, async () => {
          const store = new LargeStore({ commits: 6, hasFinished: true, isDrawn });
          const disk = new DiskModel(store.image());
          const before = disk.kernelImage();
          const { server, release } = await hangInScan(store, disk);
          const agency = await ask(server);
          expect(await receive(agency)).to.equal(`O ${store.count}`);
          const ended = server.stop();
          // The session does not wait for the disk.
          expect(await receive(agency)).to.match(/^E shutting-down: /);
          await agency.lingeringClose({ timeoutMs: 1_000 });
          const reads = disk.calls.length;
          release();
          expect(await ended, server.log.join('')).to.equal(0);
          expect(disk.calls.length, 'calls after the held one').to.equal(reads);
          expect(disk.openFiles).to.equal(0);
          expect(sorteos(server)).to.deep.equal([]);
          requireSame(disk, before);

          const next = new MemoryLottery({ directory: disk, agencies: 1, logLevel: 'INFO' });
          await requireWinners(next, store);
          expect(await next.stop()).to.equal(0);
          expect(sorteos(next)).to.have.length(1);
          requireSame(disk, new LargeStore({ commits: 6, hasFinished: true, isDrawn: true }).image());
        });
      });

      it(`fails a ${what} draw after a fault, and holds it again at the next request`, async () => {
        await draws.run(`${what}, a fault`, async () => {
          const store = new LargeStore({ commits: 6, hasFinished: true, isDrawn });
          const disk = new DiskModel(store.image());
          const { server, release } = await hangInScan(store, disk);
          const agency = await ask(server);
          expect(await receive(agency)).to.equal(`O ${store.count}`);
          release('EIO');
          expect(await receive(agency)).to.equal('E storage: the draw could not be held');
          await agency.lingeringClose({ timeoutMs: 1_000 });
          await requireWinners(server, store);
          expect(await server.stop(), server.log.join('')).to.equal(0);
          expect(sorteos(server).map((line) => /result: (\w+)/.exec(line)![1])).to.deep.equal(['fail', 'success']);
        });
      });
    }
  });
});
