import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { App } from '../support/app';
import { runCommand } from '../support/command';
import { formatBets, generateBets } from '../support/generated_bets';
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

  describe('that is no regular file is one clear line, and nothing is sent:', () => {
    /** Makes what is to be refused, and hands out its path. */
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
          `lottery-client: the data file ${path} is ${what}: bets must be in a regular file, which can be read again\n`,
        );
        await server.stop('SIGTERM');
        expect(server.grep(/accept_connections/)).to.be.empty;
      });

      it(`${what}, for the whole lottery with one command`, async () => {
        const path = await make();
        const directory = path === '/dev/null' ? 'devices' : '.';
        if (path === '/dev/null') {
          await mkdir(sandbox.path(directory));
          execFileSync('ln', ['-s', path, sandbox.path('devices/agency-1.csv')]);
        }
        const app = new App('run', { cwd: sandbox.directory, args: ['--agencies', '1', '--data', directory] });
        expect((await app.end()).code, app.stdout).to.equal(2);
        expect(app.stderr).to.match(
          new RegExp(`^run: the data file \\S*agency-1\\.csv is ${what}: bets must be in a regular file[^\\n]*\\n$`),
        );
      });
    }

    it('a pipe of the shell, whose bets would be lost with the first connection', async () => {
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

  it('may be given as an open file of the shell, which is a regular one', async () => {
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
});
