import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { Campaign, sized } from './support/campaign';
import { DiskModel } from './support/disk_model';
import { LargeStore, type LargeStoreOptions } from './support/large_store';
import { MemoryLottery } from './support/memory_lottery';
import { requireKept } from './support/oracle';
import { type RecordingAgency } from './support/recording_agency';
import { SeededRandom } from './support/seeded_random';
import { type ProcessEnd, ServerProcess } from './support/server_process';
import { recollect, runToTheEnd, smallAgencies } from './support/small_run';

/** What a stop may take: a container engine that waits for 3 s must not have to kill. */
const MOST_MS = 2_000;

describe('torture: a stop while the store is read', function () {
  this.timeout(sized(120_000, 600_000));

  describe('through a model of a disk', () => {
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

  describe('by SIGTERM, on a large store and with both processors busy', () => {
    const stops = new Campaign('SIGTERM in the middle of a long read, with as many busy loops as processors');
    let directory: string;
    let busy: ChildProcess[];

    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'stop-'));
      busy = Array.from({ length: 2 }, () => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
    });

    afterEach(async () => {
      await ServerProcess.killAll();
    });

    after(async () => {
      for (const child of busy) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      await rm(directory, { recursive: true, force: true });
    });

    const start = (store: string): ServerProcess => new ServerProcess({ SERVER_DATA_DIR: store, SERVER_AGENCIES: '1' });

    /** How many bytes the process has read, or written, by its system calls (proc(5)). */
    function bytesOf(server: ServerProcess, counter: 'rchar' | 'wchar'): number {
      const io = readFileSync(`/proc/${server.child.pid}/io`, 'latin1');
      return Number(new RegExp(`^${counter}: (\\d+)$`, 'm').exec(io)![1]);
    }

    /** A server that is frozen while it has read, or written, so many times the bytes of its store. */
    async function freezeBetween(
      path: string,
      options: Omit<LargeStoreOptions, 'commits'>,
      counter: 'rchar' | 'wchar',
      [least, most]: readonly [number, number],
    ): Promise<{ server: ServerProcess; store: LargeStore }> {
      const store = new LargeStore({ commits: sized(150, 600), ...options });
      // A machine that is very busy may let it run too far.
      for (let attempt = 0; attempt < 10; attempt++) {
        await store.write(path);
        const server = start(path);
        while (bytesOf(server, counter) < least * store.bytes) await delay(1);
        server.child.kill('SIGSTOP');
        if (bytesOf(server, counter) < most * store.bytes) return { server, store };
        await server.stop('SIGKILL');
        await rm(path, { recursive: true });
      }
      throw new Error('the server could not be frozen in time');
    }

    /** Sends SIGTERM to a frozen server, and lets it go on. */
    async function stopFrozen(server: ServerProcess): Promise<ProcessEnd & { ms: number }> {
      server.child.kill('SIGTERM');
      server.child.kill('SIGCONT');
      const begun = performance.now();
      const end = await server.ended;
      return { ...end, ms: performance.now() - begun };
    }

    function requireGoodEnd(server: ServerProcess, { code, ms }: { code: number | null; ms: number }): void {
      stops.note(`${Math.round(ms)} ms`);
      expect(server.stderr).to.equal('');
      expect(code, server.output).to.equal(0);
      expect(ms, 'milliseconds from SIGTERM to the end').to.be.below(MOST_MS);
      const actions = server.lines.map((line) => line.slice('YYYY-MM-DD HH:MM:SS '.length));
      const closing = ['draw', 'finished', 'bets'].map(
        (part) => `INFO     action: close_store | result: success | part: ${part}`,
      );
      expect(actions.slice(-4)).to.deep.equal([...closing, 'INFO     action: exit | result: success']);
      expect(actions.filter((line) => !line.startsWith('INFO'))).to.deep.equal([]);
    }

    async function requireUnchanged(path: string, store: LargeStore): Promise<void> {
      const expected = store.image();
      expect((await readdir(path)).sort()).to.deep.equal(Array.from(expected.keys()).sort());
      for (const [name, bytes] of expected) {
        expect((await readFile(join(path, name))).equals(bytes), name).to.equal(true);
      }
    }

    for (const [what, options, counter] of [
      ['checks', {}, 'rchar'],
      ['writes once more', { marked: 0 }, 'wchar'],
    ] as const) {
      it(`ends a start that ${what} what is stored, and leaves it as it was`, async () => {
        await stops.run(what, async () => {
          const path = join(directory, what);
          const { server, store } = await freezeBetween(path, options, counter, [0.1, 0.9]);
          requireGoodEnd(server, await stopFrozen(server));
          expect(server.lines.filter((line) => /open_store|listen|recover/.test(line))).to.deep.equal([]);
          await requireUnchanged(path, store);
          const next = start(path);
          await next.listening;
          expect((await next.stop('SIGTERM')).code).to.equal(0);
          await rm(path, { recursive: true });
        });
      });
    }
  });
});
