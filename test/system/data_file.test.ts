import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, readFile, rename, rm, utimes } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { App } from '../support/app';
import { runCommand } from '../support/command';
import { type HeldConnection } from '../support/holding_proxy';
import { formatBets, generateBets, storedRow, winnersAmong } from '../support/generated_bets';
import { LotterySandbox } from '../support/lottery_sandbox';

const DIST = process.env['LOTTERY_DIST'] ?? join(__dirname, '../../dist');

describe("an agency's file", function () {
  this.timeout(30_000);
  let sandbox: LotterySandbox;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  describe('of another type than a regular file gives one line on stderr and no connection:', () => {
    /** Each function creates a file of this type and returns its path. */
    const kinds: [what: string, make: () => Promise<string>][] = [
      [
        'a pipe',
        async () => {
          execFileSync('mkfifo', [sandbox.path('agency-1.csv')]);
          return sandbox.path('agency-1.csv');
        },
      ],
      ['a character device', async () => '/dev/null'],
      [
        'a directory',
        async () => {
          await mkdir(sandbox.path('agency-1.csv'));
          return sandbox.path('agency-1.csv');
        },
      ],
      [
        'a socket',
        async () => {
          const server = createServer().listen(sandbox.path('agency-1.csv')).unref();
          await once(server, 'listening');
          return sandbox.path('agency-1.csv');
        },
      ],
    ];
    for (const [what, make] of kinds) {
      it(what, async () => {
        const path = await make();
        const { app: server, port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
        const client = sandbox.startClient(port, 1, { CLI_DATA_FILE: path });
        expect((await client.end()).code, client.stdout).to.equal(2);
        expect(client.stderr).to.equal(
          `lottery-client: the data file ${path} is ${what}: a regular file is required, since an upload may read it again\n`,
        );
        await server.stop('SIGTERM');
        expect(server.grep(/accept_connections/)).to.be.empty;
      });

      it(`${what}, with make run`, async () => {
        const path = await make();
        const directory = path === '/dev/null' ? 'devices' : '.';
        if (path === '/dev/null') {
          await mkdir(sandbox.path(directory));
          execFileSync('ln', ['-s', path, sandbox.path('devices/agency-1.csv')]);
        }
        const app = new App('run', { cwd: sandbox.directory, args: ['--agencies', '1', '--data', directory] });
        expect((await app.end()).code, app.stdout).to.equal(2);
        expect(app.stderr).to.match(
          new RegExp(`^run: the data file \\S*agency-1\\.csv is ${what}: a regular file is required[^\\n]*\\n$`),
        );
      });
    }

    it('a pipe of the shell', async () => {
      await sandbox.write('bets.csv', formatBets(generateBets(1, 100)));
      const { app: server, port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
      const command = `cat bets.csv | CLI_DATA_FILE=/dev/fd/0 '${process.execPath}' '${join(DIST, 'apps/client/main.js')}'`;
      const { code, stderr } = await runCommand('bash', ['-c', `set -o pipefail; ${command}`], {
        cwd: sandbox.directory,
        env: { CLI_SERVER_ADDRESS: `127.0.0.1:${port}` },
      });
      expect(code).to.equal(2);
      expect(stderr).to.match(/^lottery-client: the data file \/dev\/fd\/0 is a pipe: [^\n]*\n$/);
      await server.stop('SIGTERM');
      expect(server.grep(/accept_connections/)).to.be.empty;
    });
  });

  it('may be the regular file behind a descriptor of the shell', async () => {
    await sandbox.write('bets.csv', formatBets(generateBets(1, 100)));
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
    const command = `CLI_DATA_FILE=/dev/fd/0 '${process.execPath}' '${join(DIST, 'apps/client/main.js')}' < bets.csv`;
    const { code, stdout } = await runCommand('bash', ['-c', command], {
      cwd: sandbox.directory,
      env: { CLI_SERVER_ADDRESS: `127.0.0.1:${port}` },
    });
    expect(code, stdout).to.equal(0);
    expect(await sandbox.storedRows()).to.have.length(100);
  });

  describe('that changes during its upload', () => {
    const bets = generateBets(1, 20_000);
    const LONG_AGO = new Date('2001-01-01');

    beforeEach(async () => {
      await sandbox.write('agency-1.csv', formatBets(bets));
      await utimes(sandbox.path('agency-1.csv'), LONG_AGO, LONG_AGO);
    });

    /** A client after its first batch; the answer to it is held. */
    async function uploadUntilHeld(): Promise<{ server: App; client: App; held: HeldConnection }> {
      const { app: server, port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
      const proxy = await sandbox.startProxy(port);
      const name = proxy.holdNext('agency', 'N');
      const client = sandbox.startClient(proxy.port, 1, { CLI_WINDOW: '1' });
      const named = await name;
      const bets = proxy.holdNext('agency', 'B');
      named.release();
      const begun = await bets;
      const answer = proxy.holdNext('server', 'O');
      begun.release();
      return { server, client, held: await answer };
    }

    /** Requires that the client fails, its bets stay open, and the stored rows are the first rows of its file. */
    async function requireDetected(server: App, client: App, path = 'agency-1.csv'): Promise<void> {
      expect((await client.end()).code, client.stdout).to.equal(1);
      expect(client.grep(/result: fail \| error: .*agency-1\.csv has changed since its upload began/)).to.have.length(
        1,
      );
      expect(client.stderr).to.equal('');
      await server.stop('SIGTERM');
      expect(server.grep(/action: (?:finish|sorteo)/)).to.be.empty;
      const rows = (await readFile(sandbox.path(path), 'utf8')).split('\n').slice(0, -1);
      const stored = (await readFile(sandbox.path('store/bets.csv'), 'utf8')).split('\n').slice(0, -1);
      expect(stored).to.have.length.greaterThan(0);
      expect(stored).to.deep.equal(rows.slice(0, stored.length).map((row) => `1,${row}`));
    }

    it('is detected on the next connection', async () => {
      const { server, client, held } = await uploadUntilHeld();
      await utimes(sandbox.path('agency-1.csv'), new Date(), new Date());
      held.cut();
      await requireDetected(server, client);
    });

    it('is detected on the same connection, before the finish', async () => {
      const { server, client, held } = await uploadUntilHeld();
      await appendFile(sandbox.path('agency-1.csv'), formatBets(generateBets(2, 10)));
      held.release();
      await requireDetected(server, client);
    });

    it('is detected after the last batch, before the finish', async () => {
      await sandbox.write('agency-1.csv', formatBets(bets.slice(0, 50)));
      await utimes(sandbox.path('agency-1.csv'), LONG_AGO, LONG_AGO);
      const { server, client, held } = await uploadUntilHeld();
      await rename(sandbox.path('agency-1.csv'), sandbox.path('old.csv'));
      await sandbox.write('agency-1.csv', formatBets(bets.slice(0, 50)));
      held.release();
      await requireDetected(server, client, 'old.csv');
      expect(await sandbox.storedRows()).to.have.length(50);
    });

    it('is ignored after the finish', async () => {
      const first = await sandbox.startServer({ SERVER_AGENCIES: '2', SERVER_WAIT_HOLD_MS: '60000' });
      const client = sandbox.startClient(first.port, 1);
      await client.line(/action: upload \| result: success/);
      await rm(sandbox.path('agency-1.csv'));
      await first.app.stop('SIGTERM');
      await sandbox.startServer({ SERVER_AGENCIES: '2', SERVER_PORT: String(first.port) });
      await sandbox.write('agency-2.csv', '');
      expect((await sandbox.startClient(first.port, 2).end()).code).to.equal(0);
      expect((await client.end()).code, client.stdout).to.equal(0);
      const winners = winnersAmong(bets);
      expect(client.grep(new RegExp(`result: success \\| cant_ganadores: ${winners.length}$`))).to.have.length(1);
      expect(await sandbox.storedRows()).to.deep.equal(bets.map((bet) => storedRow(1, bet)).sort());
    });
  });

  it('with another stored row ends a resumed upload with one line, before a further bet', async () => {
    const bets = generateBets(1, 3000);
    await sandbox.write('agency-1.csv', `${formatBets(bets.slice(0, 2000))}nonsense\n`);
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
    expect((await sandbox.startClient(port, 1).end()).code).to.equal(1);
    const stored = bets.slice(0, 2000).map((bet) => storedRow(1, bet));
    expect(await sandbox.storedRows()).to.deep.equal([...stored].sort());
    const lines = formatBets(bets).split('\n');
    await sandbox.write('agency-1.csv', ['Ana,Paz,1,1999-03-17,1', ...lines.slice(1)].join('\n'));
    const edited = sandbox.startClient(port, 1);
    expect((await edited.end()).code).to.equal(1);
    const [line] = edited.grep(/ERROR/);
    expect(line).to.match(
      /action: consulta_ganadores \| result: fail \| error: \S*agency-1\.csv: its first 2000 rows are not/,
    );
    expect(await sandbox.storedRows()).to.deep.equal([...stored].sort());
    await sandbox.write('agency-1.csv', formatBets(bets));
    const mended = sandbox.startClient(port, 1);
    expect((await mended.end()).code, mended.stdout).to.equal(0);
    expect(await sandbox.storedRows()).to.deep.equal(bets.map((bet) => storedRow(1, bet)).sort());
  });
});
