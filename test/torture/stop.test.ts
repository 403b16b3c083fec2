import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { BusyCores } from '../support/busy_cores';
import { WireClient } from '../support/wire_client';
import { Campaign, sized } from './support/campaign';
import { LargeStore, type LargeStoreOptions } from './support/large_store';
import { type ProcessEnd, ServerProcess } from './support/server_process';

/** The time limit of a stop. A container engine kills the process after 3 s. */
const MOST_MS = 2_000;

describe('torture: SIGTERM during the read of a large store, with every core busy', function () {
  this.timeout(sized(120_000, 600_000));
  const stops = new Campaign('SIGTERM in the middle of a long read, with every core busy');
  let directory: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'stop-'));
  });

  afterEach(async () => {
    await ServerProcess.killAll();
  });

  after(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  const start = (store: string): ServerProcess => new ServerProcess({ SERVER_DATA_DIR: store, SERVER_AGENCIES: '1' });

  /** The number of bytes in the process's system calls for reads or writes (proc(5)). */
  function bytesOf(server: ServerProcess, counter: 'rchar' | 'wchar'): number {
    const io = readFileSync(`/proc/${server.child.pid}/io`, 'latin1');
    return Number(new RegExp(`^${counter}: (\\d+)$`, 'm').exec(io)![1]);
  }

  /** Starts a server and freezes it after reads or writes of `least` to `most` times the size of its store. */
  async function freezeBetween(
    path: string,
    options: Omit<LargeStoreOptions, 'commits'>,
    counter: 'rchar' | 'wchar',
    [least, most]: readonly [number, number],
  ): Promise<{ server: ServerProcess; store: LargeStore }> {
    const store = new LargeStore({ commits: sized(150, 600), ...options });
    // On a very busy machine the server may run too far.
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

  /** Keeps every core busy, sends SIGTERM to a frozen server, and resumes it. */
  async function stopFrozen(server: ServerProcess): Promise<ProcessEnd & { ms: number }> {
    const cores = await BusyCores.start();
    try {
      server.child.kill('SIGTERM');
      server.child.kill('SIGCONT');
      const begun = performance.now();
      const end = await server.ended;
      return { ...end, ms: performance.now() - begun };
    } finally {
      await cores.stop();
    }
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
    ['writes again', { marked: 0 }, 'wchar'],
  ] as const) {
    it(`ends a start that ${what} the stored bets, and leaves them unchanged`, async () => {
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

  for (const [what, options] of [
    ['first draw', { hasFinished: true }],
    ['repeated draw', { hasFinished: true, isDrawn: true }],
  ] as const) {
    it(`ends a server in the middle of a ${what}, and nothing of the draw is stored`, async () => {
      await stops.run(what, async () => {
        const path = join(directory, what);
        // The first read is the check, the second one the draw.
        const { server, store } = await freezeBetween(path, options, 'rchar', [1.1, 1.9]);
        requireGoodEnd(server, await stopFrozen(server));
        expect(server.lines.filter((line) => line.includes('action: sorteo'))).to.deep.equal([]);
        await requireUnchanged(path, store);
        const next = start(path);
        const agency = await WireClient.connect(await next.listening);
        expect(await agency.ask('N', '1')).to.equal(`O ${store.count}`);
        expect(await agency.ask('A')).to.equal('R');
        agency.send('N', '1');
        const answers: string[] = [];
        while (!answers.at(-1)?.startsWith('O ')) answers.push(await agency.next());
        expect(answers.slice(0, -1).flatMap((answer) => answer.slice('R '.length).split(','))).to.deep.equal(
          store.winners,
        );
        agency.end();
        expect((await next.stop('SIGTERM')).code).to.equal(0);
        expect(next.lines.filter((line) => line.includes('action: sorteo'))).to.have.length(1);
        await requireUnchanged(path, new LargeStore({ ...store.options, isDrawn: true }));
        await rm(path, { recursive: true });
      });
    });
  }
});
