import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { App } from '../support/app';
import { bundledProgram } from '../support/bundled_program';
import { outputOf, runCommand } from '../support/command';
import { formatBets, generateBets } from '../support/generated_bets';
import { Campaign, sized } from './support/campaign';
import { DiskModel } from './support/disk_model';
import { MemoryLottery } from './support/memory_lottery';
import { requireComplete, requireKept } from './support/oracle';
import { ProcessLottery } from './support/process_lottery';
import { type RecordingAgency } from './support/recording_agency';
import { type SeededRandom } from './support/seeded_random';
import { smallAgencies } from './support/small_run';
import { ServerProcess } from './support/server_process';

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

    it('keeps every acknowledged bet at a random moment', async () => {
      let store = 0;
      let killsLeft = sized(60, 1000);
      const starts: number[] = [];

      async function killOver(lottery: ProcessLottery): Promise<void> {
        await kills.run('kill', async (random) => {
          const begun = performance.now();
          const server = lottery.start();
          // Most kills during uploads, some during a start.
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
          const lottery = new ProcessLottery(join(directory, `store-${++store}`), 4000, 3, 5);
          lottery.begin();
          while (killsLeft > 0 && !lottery.isOver) {
            killsLeft--;
            await killOver(lottery);
          }
          await lottery.complete();
        }
      }

      // Two lotteries at a time, because most of the time is spent in starts.
      await Promise.all([killUntilEnough(), killUntilEnough()]);
      const mean = starts.reduce((sum, ms) => sum + ms, 0) / starts.length;
      kills.note(`${store} stores of 20000 bets each, complete; ${mean.toFixed(0)} ms from a start to listening`);
    });

    it('keeps every acknowledged bet at every step', async () => {
      const program = bundledProgram(join(__dirname, 'support/crashing_server.ts'));
      for (let step = 0, isCrashing = true; isCrashing; step += sized(11, 1)) {
        await steps.run(`step ${step}`, async () => {
          const lottery = new ProcessLottery(join(directory, `step-${step}`), 6, 2, 2);
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

  describe('of a client', () => {
    const steps = new Campaign('kill -9 of a client before and after each message, answer and read of its file');

    it('at every step allows the next client to continue the upload', async () => {
      const program = bundledProgram(join(__dirname, 'support/crashing_client.ts'));
      const file = join(directory, 'crashing.csv');
      await writeFile(file, formatBets(smallAgencies(1, { bets: 6 })[0]!.bets));
      for (let step = 0, isCrashing = true; isCrashing; step += sized(9, 1)) {
        await steps.run(`step ${step}`, async () => {
          const disk = new DiskModel();
          const server = new MemoryLottery({ directory: disk, agencies: 1, overTcp: true });
          const env = {
            CLI_SERVER_ADDRESS: `127.0.0.1:${await server.port()}`,
            CLI_DATA_FILE: file,
            CLI_BATCH_MAX_AMOUNT: '2',
            CLI_WINDOW: '2',
          };
          const { code, stdout } = await runCommand(process.execPath, [program], {
            env: { ...env, CRASH_STEP: String(step) },
          });
          isCrashing = code === null;
          const [agency] = smallAgencies(1, { bets: 6, hasRivals: true }) as [RecordingAgency];
          for (const [, count] of stdout.matchAll(/^answer O (\d+)$/gm)) {
            // The last count is the number of winners.
            if (!stdout.includes('answer R')) agency.acknowledged = Number(count);
          }
          requireKept(disk.kernelImage().get('bets.csv'), [agency]);
          if (!isCrashing) steps.note(`${/^steps (\d+)$/m.exec(stdout)![1]} steps in a run`);
          await outputOf(process.execPath, [program], { env });
          expect(await server.stop()).to.equal(0);
          requireComplete(disk.kernelImage().get('bets.csv'), [agency]);
        });
      }
    });
  });

  describe('of clients and server', () => {
    const kills = new Campaign('kill -9 of client processes, and of the server with them, at random moments');
    const BETS = sized(500, 3000);

    it('allows each agency to continue its upload', async () => {
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
        // Most kills during uploads, some during the start of the clients.
        const isUnderWay = /action: (?:batch_enviado|upload \| result: success)/;
        if (!random.once(4)) await Promise.all(clients.map((client) => client.line(isUnderWay)));
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
          const counts = client
            .grep(/action: batch_enviado/)
            .map((line) => Number(/cantidad_total: (\d+)/.exec(line)![1]));
          acknowledged[index] = Math.max(acknowledged[index]!, ...counts);
          const stored = csv
            .split('\n')
            .slice(0, -1)
            .filter((row) => row.startsWith(`${index + 1},`));
          expect(stored.length, `agency ${index + 1}`).to.be.at.least(acknowledged[index]);
        }
      };
      for (let kill = 0; kill < sized(3, 100); kill++) await kills.run('kill', round);

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
      kills.note(`3 clients in each; ${acknowledged.join(', ')} bets acknowledged between the kills`);
    });
  });
});
