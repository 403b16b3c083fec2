import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import { expect } from 'chai';
import { App } from '../support/app';
import { formatBets, generateBets } from '../support/generated_bets';
import { Campaign, sized } from './support/campaign';
import { requireAcknowledged, requireComplete } from './support/oracle';
import { BrokenPromiseError, RecordingAgency } from './support/recording_agency';
import { type SeededRandom } from './support/seeded_random';
import { dialPort, ServerProcess } from './support/server_process';

const AGENCIES = 5;

/** A store, its agencies, and the server that is up at the moment. */
class Lottery {
  private server: ServerProcess | undefined;
  readonly agencies: readonly RecordingAgency[];
  private finished = 0;
  private failure: Error | undefined;

  constructor(
    readonly directory: string,
    bets: number,
    betsPerBatch: number,
    agencies = AGENCIES,
  ) {
    this.agencies = Array.from({ length: agencies }, (_, index) => {
      const id = index + 1;
      const beforeRetry = (): Promise<void> => delay(2);
      return new RecordingAgency({ id, bets: generateBets(id, bets, 100), betsPerBatch, window: 4, beforeRetry });
    });
  }

  /** The agencies set out, and go on over every death of the server. */
  begin(): void {
    for (const agency of this.agencies) {
      const dial = async () => {
        const { server } = this;
        if (server === undefined) throw new Error('no server is up');
        return dialPort(await server.listening);
      };
      agency.run(dial).then(
        () => this.finished++,
        (error: Error) => (this.failure ??= error),
      );
    }
  }

  get isOver(): boolean {
    if (this.failure !== undefined) throw this.failure;
    return this.finished === this.agencies.length;
  }

  start(options?: { program: string; step: number }): ServerProcess {
    const environment = { SERVER_DATA_DIR: this.directory, SERVER_AGENCIES: String(this.agencies.length) };
    this.server =
      options === undefined
        ? new ServerProcess(environment)
        : new ServerProcess({ ...environment, CRASH_STEP: String(options.step) }, { program: options.program });
    return this.server;
  }

  async requireAcknowledged(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    requireAcknowledged(await this.csv(), this.agencies);
  }

  /** Lets all come to their winners, and holds the store to the whole input. */
  async complete(): Promise<void> {
    const server = this.start();
    await server.listening;
    while (!this.isOver) await delay(5);
    const end = await server.stop('SIGTERM');
    if (end.code !== 0) throw new BrokenPromiseError(`the server ended with ${end.code}:\n${server.output}`);
    requireComplete(await this.csv(), this.agencies);
  }

  private async csv(): Promise<Buffer> {
    return readFile(join(this.directory, 'bets.csv')).catch(() => Buffer.alloc(0));
  }
}

describe('torture: kill -9', function () {
  this.timeout(sized(120_000, 3_600_000));
  let directory: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'kill-'));
  });

  afterEach(async () => {
    await ServerProcess.killAll();
    await App.endAll();
  });

  after(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  describe('of the server', () => {
    const kills = new Campaign('kill -9 of the server at random moments under the load of 5 agencies');
    const steps = new Campaign('kill -9 of the server before and after each write, flush and acknowledgement');

    it('keeps every acknowledged bet, whenever it comes', async () => {
      let store = 0;
      let killsLeft = sized(200, 1000);
      const starts: number[] = [];

      async function killOver(lottery: Lottery): Promise<void> {
        await kills.run('kill', async (random) => {
          const begun = performance.now();
          const server = lottery.start();
          // Most while bets come in, some while the server starts.
          if (random.once(8)) await delay(random.below(120));
          else {
            await server.listening;
            starts.push(performance.now() - begun);
            await delay(random.below(40));
          }
          await server.stop('SIGKILL');
          await lottery.requireAcknowledged();
        });
      }

      async function killUntilEnough(): Promise<void> {
        while (killsLeft > 0) {
          const lottery = new Lottery(join(directory, `store-${++store}`), 4000, 3);
          lottery.begin();
          while (killsLeft-- > 0 && !lottery.isOver) await killOver(lottery);
          await lottery.complete();
        }
      }

      // Two lotteries at a time: the time goes into starts.
      await Promise.all([killUntilEnough(), killUntilEnough()]);
      const mean = starts.reduce((sum, ms) => sum + ms, 0) / starts.length;
      kills.note(`${store} stores of 20000 bets each, complete; ${mean.toFixed(0)} ms from a start to listening`);
    });

    it('keeps every acknowledged bet, at every step', async () => {
      const program = join(directory, 'crashing_server.js');
      await build({
        entryPoints: [join(__dirname, 'support/crashing_server.ts')],
        outfile: program,
        bundle: true,
        platform: 'node',
        logLevel: 'error',
      });
      for (let step = 0, isCrashing = true; isCrashing; step += sized(7, 1)) {
        await steps.run(`step ${step}`, async () => {
          const lottery = new Lottery(join(directory, `step-${step}`), 6, 2, 2);
          const server = lottery.start({ program, step });
          lottery.begin();
          while (server.child.exitCode === null && server.child.signalCode === null && !lottery.isOver) await delay(1);
          if (lottery.isOver) isCrashing = (await server.stop('SIGTERM')).signal === 'SIGKILL';
          await server.ended;
          await lottery.requireAcknowledged();
          await lottery.complete();
        });
      }
    });
  });

  describe('of clients, and of all', () => {
    const kills = new Campaign('kill -9 of client processes, and of the server with them, at random moments');
    const BETS = 3000;

    it('lets each agency go on where it was', async () => {
      const files = join(directory, 'files');
      const rows = Array.from({ length: 3 }, (_, index) => formatBets(generateBets(index + 1, BETS)));
      const environment = { SERVER_DATA_DIR: join(directory, 'clients'), SERVER_AGENCIES: '3' };
      for (const [index, text] of rows.entries()) await writeFile(`${files}-${index + 1}.csv`, text);
      const startClient = (id: number, port: number): App =>
        new App('client', {
          cwd: directory,
          env: {
            CLI_ID: String(id),
            CLI_SERVER_ADDRESS: `127.0.0.1:${port}`,
            CLI_DATA_FILE: `${files}-{id}.csv`,
            CLI_LOG_LEVEL: 'DEBUG',
            CLI_BATCH_MAX_AMOUNT: '1',
            CLI_WINDOW: '2',
          },
        });
      const acknowledged = [0, 0, 0];
      const round = async (random: SeededRandom): Promise<void> => {
        const server = new ServerProcess(environment);
        const port = await server.listening;
        const clients = [1, 2, 3].map((id) => startClient(id, port));
        // Most while bets are on their way, some while the clients start.
        if (!random.once(4)) await Promise.all(clients.map((client) => client.line(/action: batch_enviado/)));
        if (random.once(2)) {
          await delay(random.below(100));
          server.child.kill('SIGKILL');
        }
        for (const client of clients) {
          await delay(random.below(60));
          client.signal('SIGKILL');
          await client.ended;
        }
        await server.stop('SIGKILL');
        const csv = (await readFile(join(environment.SERVER_DATA_DIR, 'bets.csv'))).toString();
        for (const [index, client] of clients.entries()) {
          const told = client
            .grep(/action: batch_enviado/)
            .map((line) => Number(/cantidad_total: (\d+)/.exec(line)![1]));
          acknowledged[index] = Math.max(acknowledged[index]!, ...told);
          const stored = csv
            .split('\n')
            .slice(0, -1)
            .filter((row) => row.startsWith(`${index + 1},`));
          expect(stored.length, `agency ${index + 1}`).to.be.at.least(acknowledged[index]);
        }
      };
      for (let kill = 0; kill < sized(6, 100); kill++) await kills.run('kill', round);

      const server = new ServerProcess(environment);
      const port = await server.listening;
      const clients = [1, 2, 3].map((id) => startClient(id, port));
      for (const client of clients) expect(await client.end(60_000)).to.deep.equal({ code: 0, signal: null });
      expect((await server.stop('SIGTERM')).code).to.equal(0);
      const csv = (await readFile(join(environment.SERVER_DATA_DIR, 'bets.csv'))).toString();
      for (const [index, text] of rows.entries()) {
        const stored = csv
          .split('\n')
          .slice(0, -1)
          .filter((row) => row.startsWith(`${index + 1},`));
        expect(stored.map((row) => `${row.slice(2)}\n`).join('')).to.equal(text);
      }
      kills.note(`${acknowledged.join(', ')} bets acknowledged under fire`);
    });
  });
});
