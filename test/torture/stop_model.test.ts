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
import { recollect, runToTheEnd, smallAgencies } from './support/small_run';

describe('torture: a stop while a model of a disk is read', function () {
  this.timeout(sized(60_000, 600_000));

  describe('by a start', () => {
    const calls = new Campaign('a stop at the k-th call of a start on what a power cut left, for every k');
    const pieces = new Campaign('a stop in the middle of a long read');

    /** What power cuts leave of a small run, each with what its agencies had heard. */
    async function tornStores(): Promise<{ disk: DiskModel; agencies: RecordingAgency[]; step: number }[]> {
      const agencies = smallAgencies(2, { bets: 6 });
      const disk = new DiskModel();
      const looks: { frozen: DiskModel; agencies: RecordingAgency[]; step: number }[] = [];
      disk.onStep = () => {
        looks.push({ frozen: disk.freeze(), agencies: agencies.map(recollect), step: looks.length });
      };
      await runToTheEnd(disk, agencies);
      const random = new SeededRandom(2);
      return looks
        .filter(({ step }) => step % sized(20, 1) === 0)
        .map(({ frozen, agencies, step }) => ({ disk: new DiskModel(frozen.powerCutImage(random)), agencies, step }));
    }

    /** @returns how many calls the start made, up to its stop or until it listened. */
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

    it('leaves at each of its calls a store that the next start takes', async () => {
      for (const { disk, agencies, step } of await tornStores()) {
        let count = 1;
        for (let call = 0; call < count; call++) {
          await calls.run(`power cut at step ${step}, stop at call ${call}`, async () => {
            const stopped = disk.freeze();
            count = Math.max(count, (await stopAt(stopped, call)) + 1);
            for (const image of [stopped.kernelImage(), stopped.durableImage()]) {
              const next = new DiskModel(image);
              const heard = agencies.map(recollect);
              await runToTheEnd(next, heard);
              requireKept(next.kernelImage().get('bets.csv'), heard);
            }
          });
        }
      }
    });

    for (const [what, options, operation] of [
      ['checked', {}, 'read'],
      ['written once more', { marked: 0 }, 'write'],
    ] as const) {
      it(`reads no further while bets are ${what}, and changes no byte`, async () => {
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
              // It is told while the disk is at work, and the disk takes its time.
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

  describe('by a draw', () => {
    const draws = new Campaign('a stop, or a fault, while the bets are looked through for winners');

    /** A server whose disk has been asked for the third piece of the bets that are looked through, and does not answer. */
    async function hangInScan(
      store: LargeStore,
      disk: DiskModel,
    ): Promise<{ server: MemoryLottery; letGo: (fault?: string) => void }> {
      const pieces = Math.ceil(store.bytes / READ_PIECE);
      const isPiece = (call: { operation: string; file: string }): boolean =>
        call.operation === 'read' && call.file === 'bets.csv';
      const server = new MemoryLottery({ directory: disk, agencies: 1, logLevel: 'INFO' });
      const letGo = await new Promise<(fault?: string) => void>((onHung) => {
        disk.hold = () => {
          // The check reads every piece, and that there is none behind the last.
          if (disk.calls.filter(isPiece).length < pieces + 1 + 3) return undefined;
          disk.hold = () => undefined;
          return new Promise((resolve, reject) => {
            onHung((fault) => (fault === undefined ? resolve() : reject(new Error(fault))));
          });
        };
      });
      return { server, letGo };
    }

    async function hear(socket: PeerSocket): Promise<string> {
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
      expect([await hear(agency), await hear(agency)]).to.deep.equal([`O ${store.count}`, 'R']);
      await agency.sendMany([message('N', '1')]);
      const winners: string[] = [];
      let answer = await hear(agency);
      for (; answer.startsWith('R '); answer = await hear(agency)) winners.push(...answer.slice(2).split(','));
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
      const what = isDrawn ? 'held before, and repeated at start' : 'held for the first time';

      it(`gives up one that is ${what}, whoever waits for it, and the next start holds it`, async () => {
        await draws.run(what, async () => {
          const store = new LargeStore({ commits: 6, hasFinished: true, isDrawn });
          const disk = new DiskModel(store.image());
          const before = disk.kernelImage();
          const { server, letGo } = await hangInScan(store, disk);
          const agency = await ask(server);
          expect(await hear(agency)).to.equal(`O ${store.count}`);
          const ended = server.stop();
          // The session does not wait for the disk.
          expect(await hear(agency)).to.match(/^E shutting-down: /);
          await agency.lingeringClose({ timeoutMs: 1_000 });
          const reads = disk.calls.length;
          letGo();
          expect(await ended, server.log.join('')).to.equal(0);
          expect(disk.calls.length, 'calls behind the one that hung').to.equal(reads);
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

      it(`says to who waits that one that is ${what} has failed, and holds it for who asks again`, async () => {
        await draws.run(`${what}, a fault`, async () => {
          const store = new LargeStore({ commits: 6, hasFinished: true, isDrawn });
          const disk = new DiskModel(store.image());
          const { server, letGo } = await hangInScan(store, disk);
          const agency = await ask(server);
          expect(await hear(agency)).to.equal(`O ${store.count}`);
          letGo('EIO');
          expect(await hear(agency)).to.equal('E storage: the draw could not be held');
          await agency.lingeringClose({ timeoutMs: 1_000 });
          await requireWinners(server, store);
          expect(await server.stop(), server.log.join('')).to.equal(0);
          expect(sorteos(server).map((line) => /result: (\w+)/.exec(line)![1])).to.deep.equal(['fail', 'success']);
        });
      });
    }
  });
});
