import { spawnSync } from 'node:child_process';
import { copyFile, type FileHandle, mkdir, mkdtemp, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { generateBets } from '../support/generated_bets';
import { Campaign, IS_FULL, sized } from './support/campaign';
import { requireAcknowledged, requireComplete, requireKept } from './support/oracle';
import { FinalAnswerError, RecordingAgency } from './support/recording_agency';
import { type SeededRandom } from './support/seeded_random';
import { dialPort, ServerProcess } from './support/server_process';

const FILES = ['bets.csv', 'bets.journal', 'bets.mark', 'finished.journal', 'draw.journal'] as const;

/** A removal or replacement of a store under its server, and the server's error. */
interface Displacement {
  readonly title: string;
  readonly displace: (store: string) => Promise<void>;
  readonly finding: RegExp;
}

const moveAway = (store: string): Promise<void> => rename(store, `${store}-moved`);

const DISPLACEMENTS: readonly Displacement[] = [
  {
    title: 'the directory removed',
    displace: (store) => rm(store, { recursive: true }),
    // The files are removed before the directory.
    finding: /^(?:the data directory|[a-z.]+) is gone$/,
  },
  { title: 'the directory moved away', displace: moveAway, finding: /^the data directory is gone$/ },
  {
    title: 'the directory moved away, and a new one in its place',
    displace: async (store) => {
      await moveAway(store);
      await mkdir(store);
    },
    finding: /^the data directory is (?:gone|not the one that was opened)$/,
  },
  {
    title: 'the directory moved away, and a file in its place',
    displace: async (store) => {
      await moveAway(store);
      await writeFile(store, '');
    },
    finding: /^the data directory is (?:gone|not the one that was opened)$/,
  },
  ...FILES.map((name) => ({
    title: `${name} removed`,
    displace: (store: string) => rm(join(store, name)),
    finding: new RegExp(`^${name} is gone$`),
  })),
  ...FILES.map((name) => ({
    title: `${name} replaced, as an editor does`,
    displace: async (store: string) => {
      await copyFile(join(store, name), join(store, 'edited'));
      await rename(join(store, 'edited'), join(store, name));
    },
    finding: new RegExp(`^${name} leads to another file$`),
  })),
];

/** In the short suite, the directory and the bets are displaced under load, and the rest under an idle server. */
const isForLoad = ({ title }: Displacement): boolean => IS_FULL || /^(?:the directory|bets\.csv)/.test(title);
const isForIdle = (displacement: Displacement): boolean => IS_FULL || !isForLoad(displacement);

describe('torture: a store displaced under its server', function () {
  this.timeout(sized(120_000, 600_000));
  let directory: string;
  let store: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'displaced-'));
    store = join(directory, 'store');
  });

  afterEach(async () => {
    await ServerProcess.killAll();
    await rm(directory, { recursive: true, force: true });
  });

  const start = (agencies: number, path = store): ServerProcess =>
    new ServerProcess({ SERVER_DATA_DIR: path, SERVER_AGENCIES: String(agencies) });

  /** An agency with one bet in a batch and one batch in flight, for many acknowledgements. */
  const slowAgency = (id: number, beforeRetry: () => Promise<void>): RecordingAgency =>
    new RecordingAgency({ id, bets: generateBets(id, 3000, 100), betsPerBatch: 1, window: 1, beforeRetry });

  /** Requires one line with the error, and exit code 1. */
  async function requireDetected(server: ServerProcess, finding: RegExp, path = store): Promise<void> {
    const { code } = await server.ended;
    expect(server.stderr).to.equal('');
    expect(code, server.output).to.equal(1);
    const errors = server.lines.filter((line) => / (?:ERROR|CRITICAL) /.test(line) && !/apuesta_recibida/.test(line));
    expect(errors, server.output).to.have.length(2);
    const [, error, dir] =
      / CRITICAL action: store \| result: fail \| error: (.+) \| dir: (.+)$/.exec(errors[0]!) ?? [];
    expect(error, errors[0]).to.match(finding);
    expect(dir).to.equal(path);
    expect(server.lines.at(-1)).to.match(/ERROR {4}action: exit \| result: fail \| code: 1$/);
  }

  describe('while agencies upload', () => {
    const campaign = new Campaign('the directory or a file removed, moved, replaced at a random moment of an upload');

    /** Uploads by agencies without retries. */
    function upload(server: ServerProcess): { agencies: RecordingAgency[]; over: Promise<unknown> } {
      const giveUp = (): Promise<void> => Promise.reject(new FinalAnswerError('enough'));
      const agencies = [1, 2].map((id) => slowAgency(id, giveUp));
      const runs = agencies.map((agency) => agency.run(async () => dialPort(await server.listening)));
      return { agencies, over: Promise.allSettled(runs) };
    }

    async function acknowledgements(agencies: readonly RecordingAgency[], count: number): Promise<void> {
      await new Promise<void>((resolve) => {
        let left = count;
        for (const agency of agencies) {
          agency.onAcknowledged = () => {
            if (left-- === 0) resolve();
          };
        }
      });
    }

    /** Opens the files of the server, for reads after the loss of their names. */
    const openFiles = (): Promise<FileHandle[]> => Promise.all(FILES.map((name) => open(join(store, name))));

    /** Restores the store from the files of the server. The agencies continue and receive their winners. */
    async function requireGoesOn(files: readonly Buffer[], agencies: readonly RecordingAgency[]): Promise<void> {
      store = `${store}-restored`;
      await mkdir(store);
      for (const [index, name] of FILES.entries()) await writeFile(join(store, name), files[index]!);
      const server = start(agencies.length);
      const later = agencies.map(({ id, bets, acknowledged }) => {
        const beforeRetry = (): Promise<void> => delay(5);
        const agency = new RecordingAgency({ id, bets, betsPerBatch: 1, window: 64, hasRivals: true, beforeRetry });
        agency.acknowledged = acknowledged;
        return agency;
      });
      await Promise.all(later.map((agency) => agency.run(async () => dialPort(await server.listening))));
      expect((await server.stop('SIGTERM')).code).to.equal(0);
      requireComplete(await readFile(join(store, 'bets.csv')), later);
    }

    async function displaceDuringUpload({ displace, finding }: Displacement, random: SeededRandom): Promise<void> {
      const server = start(2);
      await server.listening;
      const { agencies, over } = upload(server);
      const handles = await openFiles();
      let files: Buffer[];
      try {
        await acknowledgements(agencies, random.below(40));
        await displace(store);
        await requireDetected(server, finding);
        await over;
        files = await Promise.all(handles.map((handle) => handle.readFile()));
      } finally {
        for (const handle of handles) await handle.close();
      }
      // A session without a batch in flight receives shutting-down.
      for (const { errors } of agencies) expect(errors.join()).to.match(/^(?:storage|shutting-down): [^,]+$/);
      // The acknowledged bets are in the server's open files, complete and in order, and nothing was stored later.
      requireAcknowledged(files[0]!, agencies);
      requireKept(files[0], agencies);
      await requireGoesOn(files, agencies);
    }

    for (const displacement of DISPLACEMENTS.filter(isForLoad)) {
      it(`is detected, and nothing more is acknowledged: ${displacement.title}`, async () => {
        for (let time = 0; time < sized(1, 10); time++) {
          await campaign.run(displacement.title, async (random) => {
            store = join(directory, `store-${time}`);
            await displaceDuringUpload(displacement, random);
          });
        }
      });
    }

    it('is detected while a second server stores bets in a new directory of that path', async () => {
      await campaign.run('second server', async (random) => {
        const first = start(2);
        await first.listening;
        const { agencies, over } = upload(first);
        await acknowledgements(agencies, random.below(40));
        await moveAway(store);
        const second = start(1);
        const other = slowAgency(1, () => delay(5));
        const done = other.run(async () => dialPort(await second.listening));
        await requireDetected(first, /^the data directory is (?:gone|not the one that was opened)$/);
        await over;
        await done;
        expect((await second.stop('SIGTERM')).code).to.equal(0);
        requireComplete(await readFile(join(store, 'bets.csv')), [other]);
        requireKept(await readFile(join(`${store}-moved`, 'bets.csv')), agencies);
      });
    });
  });

  describe('without any session', () => {
    const idle = new Campaign('the same under an idle server');

    it('is detected within some seconds', async () => {
      await Promise.all(
        DISPLACEMENTS.filter(isForIdle).map(({ title, displace, finding }, index) =>
          idle.run(title, async () => {
            const path = join(directory, `store-${index}`);
            const server = start(1, path);
            await server.listening;
            const begun = performance.now();
            await displace(path);
            await requireDetected(server, finding, path);
            expect(performance.now() - begun).to.be.below(sized(5_000, 10_000));
          }),
        ),
      );
    });

    it('is detected if the path is relative to the directory itself', async () => {
      await idle.run('relative', async () => {
        await mkdir(store);
        const wrapper = ['env', '-C', store];
        const server = new ServerProcess({ SERVER_DATA_DIR: '.', SERVER_AGENCIES: '1' }, { wrapper });
        await server.listening;
        await rm(store, { recursive: true });
        await requireDetected(server, /^(?:the data directory|[a-z.]+) is gone$/, '.');
      });
    });

    it('is detected if another file system is mounted over it', async function () {
      await mkdir(store);
      const server = start(1);
      await server.listening;
      if (process.getuid!() !== 0 || spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', store]).status !== 0) {
        process.stdout.write('      skipped: a tmpfs can be mounted by root only\n');
        this.skip();
      }
      try {
        await idle.run('mount', () => requireDetected(server, /^the data directory is not the one that was opened$/));
      } finally {
        spawnSync('umount', [store]);
      }
    });

    it('is not reported for another path to the same store, or for other files beside it', async () => {
      await idle.run('the same', async () => {
        const server = start(1);
        await server.listening;
        await writeFile(join(store, 'note'), 'a foreign file');
        await rename(store, `${store}-moved`);
        spawnSync('ln', ['-s', `${store}-moved`, store]);
        // Two periodic checks take place.
        await delay(2500);
        expect((await server.stop('SIGTERM')).code, server.output).to.equal(0);
      });
    });
  });
});
