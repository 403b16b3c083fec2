import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { App } from '../support/app';
import { formatBets, generateBets, storedRow } from '../support/generated_bets';
import { Campaign, sized } from './support/campaign';
import { ProcessLottery } from './support/process_lottery';
import { type SeededRandom } from './support/seeded_random';
import { type ProcessEnd, ServerProcess } from './support/server_process';

const EXIT_LINE = /INFO {5}action: exit \| result: success$/;

/**
 * Requires exit code 0 after SIGTERM, with the exit line at the end of the log. Before the program's first line of code,
 * and after its exit line, the signal itself ends the process: the log is then empty, or complete.
 *
 * @returns whether the program had begun.
 */
function requireGoodEnd({ code, signal }: ProcessEnd, lines: readonly string[], stderr: string): boolean {
  expect(stderr).to.equal('');
  if (signal === null) expect(code, lines.slice(-20).join('\n')).to.equal(0);
  else expect(signal).to.equal('SIGTERM');
  if (signal !== null && lines.length === 0) return false;
  expect(lines.at(-1)).to.match(EXIT_LINE);
  return true;
}

/** Requires that the start found no torn tail. */
function requireNothingDropped(server: ServerProcess): void {
  expect(server.lines.filter((line) => line.includes('action: recover_'))).to.deep.equal([]);
}

describe('torture: SIGTERM', function () {
  this.timeout(sized(120_000, 1_200_000));
  let directory: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'sigterm-'));
  });

  afterEach(async () => {
    await ServerProcess.killAll();
    await App.endAll();
  });

  after(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  describe('to the server', () => {
    const stops = new Campaign('SIGTERM to server processes at random moments under the load of 5 agencies');

    it('ends it with exit code 0, and the next start drops nothing', async () => {
      let stopsLeft = sized(16, 200);
      let stores = 0;
      const seen = { early: 0, starting: 0, serving: 0 };

      async function stopOver(lottery: ProcessLottery): Promise<void> {
        await stops.run('stop', async (random) => {
          const server = lottery.start();
          const isServing = !random.once(3);
          if (isServing) await server.listening;
          await delay(random.below(isServing ? 40 : 250));
          const hasBegun = requireGoodEnd(await server.stop('SIGTERM'), server.lines, server.stderr);
          if (!hasBegun) seen.early++;
          else if (isServing) seen.serving++;
          else seen.starting++;
          requireNothingDropped(server);
          await lottery.requireKept();
        });
      }

      while (stopsLeft > 0) {
        const lottery = new ProcessLottery(join(directory, `store-${++stores}`), 4000, 3, 5);
        lottery.begin();
        while (stopsLeft > 0 && !lottery.isOver) {
          stopsLeft--;
          await stopOver(lottery);
        }
        requireNothingDropped(await lottery.complete());
      }
      stops.note(
        `${seen.serving} while it served, ${seen.starting} while it started, ${seen.early} before its first line; ` +
          `${stores} stores of 20000 bets each, complete`,
      );
    });
  });

  describe('to clients', () => {
    const stops = new Campaign('SIGTERM to client processes at random moments');
    const IDS = [1, 2, 3];
    const bets = new Map(IDS.map((id) => [id, generateBets(id, sized(500, 2000))]));

    it('ends them with exit code 0, and each continues its upload', async () => {
      for (const id of IDS) await writeFile(join(directory, `agency-${id}.csv`), formatBets(bets.get(id)!));
      const store = join(directory, 'clients');
      const server = new ServerProcess({ SERVER_DATA_DIR: store, SERVER_AGENCIES: '3' });
      const port = await server.listening;
      const startClient = (id: number): App =>
        new App('client', {
          cwd: directory,
          env: {
            CLI_ID: String(id),
            CLI_SERVER_ADDRESS: `127.0.0.1:${port}`,
            CLI_DATA_FILE: 'agency-{id}.csv',
            CLI_LOG_LEVEL: 'DEBUG',
            CLI_BATCH_MAX_AMOUNT: '1',
            CLI_WINDOW: '2',
          },
        });
      const storedRows = async (id: number): Promise<string[]> => {
        const rows = String(await readFile(join(store, 'bets.csv'))).split('\n');
        return rows.filter((row) => row.startsWith(`${id},`));
      };

      async function stopOne(id: number, random: SeededRandom): Promise<void> {
        const client = startClient(id);
        const isUploading = !random.once(3);
        // A client with a complete upload waits for the draw.
        if (isUploading) await client.line(/action: (?:batch_enviado|upload \| result: success)/);
        await delay(random.below(isUploading ? 60 : 200));
        client.signal('SIGTERM');
        requireGoodEnd(await client.end(), client.lines, client.stderr);
        const sent = client.grep(/action: batch_enviado/);
        const acknowledged = sent.map((line) => Number(/cantidad_total: (\d+)/.exec(line)![1]));
        const rows = await storedRows(id);
        expect(rows.length, `agency ${id}`).to.be.at.least(Math.max(0, ...acknowledged));
        expect(rows).to.deep.equal(
          bets
            .get(id)!
            .slice(0, rows.length)
            .map((bet) => storedRow(id, bet)),
        );
      }

      for (let round = 0; round < sized(3, 70); round++) {
        await Promise.all(IDS.map((id) => stops.run(`agency ${id}`, (random) => stopOne(id, random))));
      }
      const stopped = (await Promise.all(IDS.map(storedRows))).map((rows) => rows.length);
      const clients = IDS.map(startClient);
      for (const client of clients) {
        expect(await client.end(60_000)).to.deep.equal({ code: 0, signal: null });
        await client.line(/action: consulta_ganadores \| result: success/);
      }
      requireGoodEnd(await server.stop('SIGTERM'), server.lines, server.stderr);
      for (const id of IDS) {
        expect(await storedRows(id)).to.deep.equal(bets.get(id)!.map((bet) => storedRow(id, bet)));
      }
      stops.note(`${stopped.join(', ')} of ${bets.get(1)!.length} bets stored at the last stop, complete in the end`);
    });
  });
});
