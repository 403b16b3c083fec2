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

/** A way in which a store is taken away from under its server, and what the server finds. */
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
    // Its files go first.
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

/** The short suite takes the directory and the bets away under load, and the rest from an idle server. */
const isForLoad = ({ title }: Displacement): boolean => IS_FULL || /^(?:the directory|bets\.csv)/.test(title);
const isForIdle = (displacement: Displacement): boolean => IS_FULL || !isForLoad(displacement);

describe('torture: the store taken away from under its server', function () {
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

  /** One bet a batch and one batch at a time, so that there are many acknowledgements. */
  const slowAgency = (id: number, beforeRetry: () => Promise<void>): RecordingAgency =>
    new RecordingAgency({ id, bets: generateBets(id, 3000, 100), betsPerBatch: 1, window: 1, beforeRetry });

  /** One line says what was found, and the server ends with 1. */
  async function requireNoticed(server: ServerProcess, finding: RegExp, path = store): Promise<void> {
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

    /** Agencies that give up when the server has ended. */
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

    /** The files as the server has them open, whatever becomes of their names. */
    const openFiles = (): Promise<FileHandle[]> => Promise.all(FILES.map((name) => open(join(store, name))));

    /** Makes the store again of what the server has written, and lets the agencies come to their winners. */
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

    async function takeAway({ displace, finding }: Displacement, random: SeededRandom): Promise<void> {
      const server = start(2);
      await server.listening;
      const { agencies, over } = upload(server);
      const handles = await openFiles();
      let files: Buffer[];
      try {
        await acknowledgements(agencies, random.below(40));
        await displace(store);
        await requireNoticed(server, finding);
        await over;
        files = await Promise.all(handles.map((handle) => handle.readFile()));
      } finally {
        for (const handle of handles) await handle.close();
      }
      // A session with no batch in flight hears that the server stops.
      for (const { errors } of agencies) expect(errors.join()).to.match(/^(?:storage|shutting-down): [^,]+$/);
      // What was acknowledged is where the server wrote it: whole, in order, and nothing behind the notice.
      requireAcknowledged(files[0]!, agencies);
      requireKept(files[0], agencies);
      await requireGoesOn(files, agencies);
    }

    for (const displacement of DISPLACEMENTS.filter(isForLoad)) {
      it(`is noticed, and nothing more is acknowledged: ${displacement.title}`, async () => {
        for (let time = 0; time < sized(1, 10); time++) {
          await campaign.run(displacement.title, async (random) => {
            store = join(directory, `store-${time}`);
            await takeAway(displacement, random);
          });
        }
      });
    }

    it('is noticed while a second server takes bets in the directory that is there now', async () => {
      await campaign.run('second server', async (random) => {
        const first = start(2);
        await first.listening;
        const { agencies, over } = upload(first);
        await acknowledgements(agencies, random.below(40));
        await moveAway(store);
        const second = start(1);
        const other = slowAgency(1, () => delay(5));
        const done = other.run(async () => dialPort(await second.listening));
        await requireNoticed(first, /^the data directory is (?:gone|not the one that was opened)$/);
        await over;
        await done;
        expect((await second.stop('SIGTERM')).code).to.equal(0);
        requireComplete(await readFile(join(store, 'bets.csv')), [other]);
        requireKept(await readFile(join(`${store}-moved`, 'bets.csv')), agencies);
      });
    });
  });

  describe('while nobody is there', () => {
    const idle = new Campaign('the same under an idle server');

    it('is noticed within some seconds', async () => {
      await Promise.all(
        DISPLACEMENTS.filter(isForIdle).map(({ title, displace, finding }, index) =>
          idle.run(title, async () => {
            const path = join(directory, `store-${index}`);
            const server = start(1, path);
            await server.listening;
            const begun = performance.now();
            await displace(path);
            await requireNoticed(server, finding, path);
            expect(performance.now() - begun).to.be.below(sized(5_000, 10_000));
          }),
        ),
      );
    });

    it('is noticed where the path is relative to the directory itself', async () => {
      await idle.run('relative', async () => {
        await mkdir(store);
        const wrapper = ['env', '-C', store];
        const server = new ServerProcess({ SERVER_DATA_DIR: '.', SERVER_AGENCIES: '1' }, { wrapper });
        await server.listening;
        await rm(store, { recursive: true });
        await requireNoticed(server, /^(?:the data directory|[a-z.]+) is gone$/, '.');
      });
    });

    it('is noticed where another file system is mounted over it', async function () {
      await mkdir(store);
      const server = start(1);
      await server.listening;
      if (process.getuid!() !== 0 || spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', store]).status !== 0) {
        process.stdout.write('      skipped: a tmpfs can be mounted by root only\n');
        this.skip();
      }
      try {
        await idle.run('mount', () => requireNoticed(server, /^the data directory is not the one that was opened$/));
      } finally {
        spawnSync('umount', [store]);
      }
    });

    it('is not taken for one that is reached by another way, or has other files beside it', async () => {
      await idle.run('the same', async () => {
        const server = start(1);
        await server.listening;
        await writeFile(join(store, 'note'), 'not the store’s');
        await rename(store, `${store}-moved`);
        spawnSync('ln', ['-s', `${store}-moved`, store]);
        // Some looks go by; a stop of which is in good order.
        await delay(2500);
        expect((await server.stop('SIGTERM')).code, server.output).to.equal(0);
      });
    });
  });
});
