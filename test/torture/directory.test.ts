import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { generateBets } from '../support/generated_bets';
import { runCommand } from '../support/command';
import { Campaign, sized } from './support/campaign';
import { requireComplete } from './support/oracle';
import { RecordingAgency } from './support/recording_agency';
import { dialPort, SERVER_PROGRAM, ServerProcess } from './support/server_process';

const NEW_DRAW_PROGRAM = SERVER_PROGRAM.replace(/main\.js$/, 'new_draw.js');

describe('torture: the directory', function () {
  this.timeout(sized(60_000, 300_000));
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'directory-'));
  });

  afterEach(async () => {
    await ServerProcess.killAll();
    await rm(directory, { recursive: true, force: true });
  });

  const start = (options?: { wrapper: readonly string[] }): ServerProcess =>
    new ServerProcess({ SERVER_DATA_DIR: directory, SERVER_AGENCIES: '1' }, options);

  const agencyWith = (bets: number, hasRivals = false): RecordingAgency =>
    new RecordingAgency({
      id: 1,
      bets: generateBets(1, bets),
      betsPerBatch: 50,
      window: 8,
      hasRivals,
      beforeRetry: () => delay(20),
    });

  async function upload(agency: RecordingAgency, server: ServerProcess): Promise<void> {
    await agency.run(async () => dialPort(await server.listening));
  }

  describe('one server at a time', () => {
    const locks = new Campaign('a second server is refused; the lock of a killed server is released at once');

    it('uses it: a second server is refused in one line, and changes nothing', async () => {
      await locks.run('second', async () => {
        const first = start();
        await first.listening;
        const second = start();
        expect(await second.ended).to.deep.equal({ code: 1, signal: null });
        expect(second.lines.filter((line) => line.includes('fail'))[0]).to.match(
          /ERROR {4}action: open_store \| result: fail \| dir: .+ \| error: .+ is in use by another server$/,
        );
        expect(second.stderr).to.equal('');
        const agency = agencyWith(500);
        await upload(agency, first);
        expect((await first.stop('SIGTERM')).code).to.equal(0);
        requireComplete(await readFile(join(directory, 'bets.csv')), [agency]);
      });
    });

    it('uses it, also right after the kill of another', async () => {
      let server = start();
      for (let kill = 0; kill < sized(10, 100); kill++) {
        await locks.run('killed', async (random) => {
          await server.listening;
          await delay(random.below(5));
          server.child.kill('SIGKILL');
          server = start();
          await server.listening;
        });
      }
    });

    it('uses it, also if each server is process 1 of a namespace', async function () {
      const wrapper = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
      if (spawnSync(wrapper[0]!, [...wrapper.slice(1), 'true']).status !== 0) {
        process.stdout.write('      skipped: this user cannot make process namespaces\n');
        this.skip();
      }
      await locks.run('process 1', async () => {
        const first = start({ wrapper });
        await first.listening;
        const second = start({ wrapper });
        expect((await second.ended).code).to.equal(1);
        expect(second.output).to.match(/in use by another server/);
        first.child.kill('SIGKILL');
        await start({ wrapper }).listening;
      });
    });

    it('reports the fault of an unusable directory', async () => {
      const file = join(directory, 'file');
      await writeFile(file, '');
      for (const path of [file, join(file, 'below'), '/proc/nowhere']) {
        await locks.run(path, async () => {
          const server = new ServerProcess({ SERVER_DATA_DIR: path });
          const { code } = await server.ended;
          expect(server.stderr.trim().split('\n')).to.have.lengthOf(1);
          expect(server.stderr).to.match(new RegExp(`SERVER_DATA_DIR ${path}: .+`));
          expect(code).to.equal(2);
        });
      }
    });
  });

  describe('a store of other settings', () => {
    const others = new Campaign('a store of other agencies, another number, a held draw');

    it('is refused with the reason, and serves its own draw again', async () => {
      const settled = agencyWith(100);
      const begin = (settings: Record<string, string>): ServerProcess =>
        new ServerProcess({ SERVER_DATA_DIR: directory, ...settings });
      const contents = async (): Promise<string[]> => {
        const names = (await readdir(directory)).sort();
        return Promise.all(names.map(async (name) => `${name}: ${String(await readFile(join(directory, name)))}`));
      };
      const requireRefused = async (settings: Record<string, string>, reason: RegExp): Promise<void> => {
        const before = await contents();
        const server = begin(settings);
        expect((await server.ended).code, server.output).to.equal(2);
        expect(server.stderr).to.match(reason);
        expect(server.stderr.trim().split('\n')).to.have.lengthOf(1);
        expect(await contents()).to.deep.equal(before);
      };

      await others.run('more agencies before the draw', async () => {
        const server = begin({ SERVER_AGENCIES: '3' });
        const second = new RecordingAgency({
          id: 2,
          bets: generateBets(2, 10),
          betsPerBatch: 5,
          window: 1,
          beforeRetry: () => Promise.reject(new Error('enough')),
        });
        await second.run(async () => dialPort(await server.listening)).catch(() => {});
        expect(second.hasFinished).to.equal(true);
        expect((await server.stop('SIGTERM')).code).to.equal(0);
      });
      await others.run('fewer agencies than those with bets', () =>
        requireRefused(
          { SERVER_AGENCIES: '1' },
          /holds bets of agency 2, and only 1 agencies are expected: .*new draw/,
        ),
      );
      await others.run('fewer agencies, including all with bets', async () => {
        const server = begin({ SERVER_AGENCIES: '2' });
        await upload(settled, server);
        expect((await server.stop('SIGTERM')).code).to.equal(0);
      });
      await others.run('the draw held, another number', () =>
        requireRefused({ SERVER_AGENCIES: '2', SERVER_WINNING_NUMBER: '1' }, /the draw was held already, .*new draw/),
      );
      await others.run('the draw held, other agencies', () =>
        requireRefused({ SERVER_AGENCIES: '3' }, /the draw was held already, .*new draw/),
      );
      await others.run('the draw held, the same settings', async () => {
        const server = begin({ SERVER_AGENCIES: '2' });
        const again = agencyWith(100, true);
        await upload(again, server);
        expect(again.winners).to.deep.equal(settled.winners);
        expect((await server.stop('SIGTERM')).code).to.equal(0);
      });
    });
  });

  describe('a full file system', () => {
    const full = new Campaign('a real tmpfs that becomes full, and is enlarged');

    it('is answered storage until it has room again', async function () {
      const mount = (...options: string[]): number | null =>
        spawnSync('mount', ['-t', 'tmpfs', ...options, 'tmpfs', directory]).status;
      if (process.getuid!() !== 0 || mount('-o', 'size=400k') !== 0) {
        process.stdout.write('      skipped: a tmpfs can be mounted by root only\n');
        this.skip();
      }
      try {
        await full.run('full', async () => {
          const server = start();
          const agency = agencyWith(20_000);
          const done = upload(agency, server);
          while (!agency.errors.some((text) => text.startsWith('storage: '))) await Promise.race([delay(5), done]);
          const acknowledged = agency.acknowledged;
          expect(acknowledged).to.be.greaterThan(0);
          expect(mount('-o', 'remount,size=16m')).to.equal(0);
          await done;
          expect((await server.stop('SIGTERM')).code).to.equal(0);
          requireComplete(await readFile(join(directory, 'bets.csv')), [agency]);
          full.note(`full after ${acknowledged} bets, refused ${agency.errors.length} times`);
        });
      } finally {
        await ServerProcess.killAll();
        spawnSync('umount', [directory]);
      }
    });
  });

  describe('a new draw', () => {
    const draws = new Campaign('a new draw: the old one is archived, except under a running server');
    const newDraw = () =>
      runCommand(process.execPath, [NEW_DRAW_PROGRAM], {
        env: { CONFIG_FILE: '/dev/null', SERVER_DATA_DIR: directory },
      });

    it('is refused while a server runs, and otherwise keeps the old draw in an archive', async () => {
      await draws.run('new draw', async () => {
        const server = start();
        const agency = agencyWith(200);
        await upload(agency, server);
        const refused = await newDraw();
        expect(refused.code).to.equal(1);
        expect(refused.stderr).to.match(/^lottery-new-draw: .+ is in use by another server\n$/);
        expect((await server.stop('SIGTERM')).code).to.equal(0);
        const old = await readFile(join(directory, 'bets.csv'));

        const begun = await newDraw();
        expect(begun.code, begun.stderr).to.equal(0);
        const [archive] = await readdir(directory);
        expect(await readdir(directory)).to.have.lengthOf(1);
        expect(archive).to.match(/^archive-\d{8}T\d{6}Z/);
        expect(begun.stdout).to.include(archive);
        expect((await readFile(join(directory, archive!, 'bets.csv'))).equals(old)).to.equal(true);

        const next = start();
        const again = agencyWith(100);
        await upload(again, next);
        expect((await next.stop('SIGTERM')).code).to.equal(0);
        requireComplete(await readFile(join(directory, 'bets.csv')), [again]);
        const restored = new ServerProcess({ SERVER_DATA_DIR: join(directory, archive!), SERVER_AGENCIES: '1' });
        await upload(agencyWith(200, true), restored);
      });
    });

    it('does nothing in an empty directory', async () => {
      await draws.run('nothing', async () => {
        await mkdir(join(directory, 'empty'), { recursive: true });
        const result = await newDraw();
        expect(result.code).to.equal(0);
        expect(result.stdout).to.match(/nothing is stored/);
        expect(await readdir(directory)).to.deep.equal(['empty']);
      });
    });
  });
});
