import { rm } from 'node:fs/promises';
import { expect } from 'chai';
import { formatBets, generateBets, storedRow } from '../support/generated_bets';
import { LotterySandbox } from '../support/lottery_sandbox';
import { message } from '../support/wire_client';

describe('the lottery as a whole', function () {
  this.timeout(30_000);
  let sandbox: LotterySandbox;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  describe('bad input', () => {
    it('a bad row is reported by file and line after all rows before it are stored; the agency goes on with a corrected file', async () => {
      const bets = generateBets(1, 5000);
      const rows = formatBets(bets).split('\n').slice(0, -1);
      rows[3210] = rows[3210]!.replace(/\d+$/, '75740');
      await sandbox.write('agency-1.csv', `${rows.join('\n')}\n`);
      const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
      const client = sandbox.startClient(port, 1);
      expect((await client.end()).code).to.equal(1);
      const place = `${sandbox.path('agency-1.csv')}:3211: number is not 1 to 4 digits`;
      expect(client.grep(/consulta_ganadores \| result: fail/)[0]).to.contain(place);
      expect(client.lines.at(-1)).to.match(/action: exit \| result: fail/);
      expect(await sandbox.storedRows()).to.deep.equal(
        bets
          .slice(0, 3210)
          .map((bet) => storedRow(1, bet))
          .sort(),
      );
      await sandbox.write('agency-1.csv', formatBets(bets));
      const again = sandbox.startClient(port, 1);
      expect((await again.end()).code, again.stdout).to.equal(0);
      expect(await sandbox.storedRows()).to.deep.equal(bets.map((bet) => storedRow(1, bet)).sort());
    });

    it('a missing file ends the agency with one clear line', async () => {
      const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
      const client = sandbox.startClient(port, 1);
      expect((await client.end()).code).to.equal(1);
      expect(client.grep(/result: fail \| error: .*agency-1\.csv cannot be read: /)).to.have.length(1);
      expect(client.stderr).to.equal('');
    });

    it('a file with fewer bets than are stored is refused as another file', async () => {
      await sandbox.writeBets(1, 20);
      const { port } = await sandbox.startServer({ SERVER_AGENCIES: '2', SERVER_WAIT_HOLD_MS: '60000' });
      const first = sandbox.startClient(port, 1);
      await first.line(/action: upload \| result: success/);
      await first.stop('SIGTERM');
      await sandbox.write('agency-1.csv', formatBets(generateBets(1, 19)));
      const second = sandbox.startClient(port, 1);
      expect((await second.end()).code).to.equal(1);
      expect(second.grep(/has 19 bets, and the server holds 20/)).to.have.length(1);
      expect(await sandbox.storedRows()).to.have.length(20);
    });

    it('bets that are added after the finish are refused', async () => {
      await sandbox.writeBets(1, 20);
      const { port } = await sandbox.startServer({ SERVER_AGENCIES: '2', SERVER_WAIT_HOLD_MS: '60000' });
      const first = sandbox.startClient(port, 1);
      await first.line(/action: upload \| result: success/);
      await first.stop('SIGTERM');
      await sandbox.writeBets(1, 30);
      const second = sandbox.startClient(port, 1);
      expect((await second.end()).code).to.equal(1);
      expect(second.grep(/result: fail \| error: out-of-order/)).to.have.length(1);
      expect(await sandbox.storedRows()).to.have.length(20);
    });

    it('an agency beyond the expected ones ends with the error of the server', async () => {
      await sandbox.write('agency-9.csv', '');
      const { port } = await sandbox.startServer({ SERVER_AGENCIES: '2' });
      const client = sandbox.startClient(port, 9);
      expect((await client.end()).code).to.equal(1);
      expect(client.grep(/result: fail \| error: unknown-agency: /)).to.have.length(1);
    });
  });

  describe('a store of another draw', () => {
    /** Starts a server on the store, and expects that it refuses the store with one line of this reason. */
    async function expectRefused(env: Record<string, string>, reason: RegExp): Promise<void> {
      const server = sandbox.launchServer(env);
      expect((await server.end()).code, server.stdout).to.equal(2);
      expect(server.stderr.split('\n')).to.have.length(2);
      expect(server.stderr)
        .to.match(reason)
        .and.not.match(/\n +at /);
    }

    it('is refused for another number or other agencies, and left as it is', async () => {
      await sandbox.writeBets(2, 50);
      const env = { SERVER_AGENCIES: '2' };
      const { app, port } = await sandbox.startServer(env);
      const clients = [1, 2].map((id) => sandbox.startClient(port, id));
      for (const client of clients) await client.end();
      await app.stop('SIGTERM');
      await expectRefused({ ...env, SERVER_WINNING_NUMBER: '1' }, /draw was held already/);
      await expectRefused({ SERVER_AGENCIES: '3' }, /draw was held already/);
      await expectRefused({ SERVER_AGENCIES: '1' }, /draw was held already/);
      const again = await sandbox.startServer(env);
      expect((await sandbox.startClient(again.port, 1).end()).code).to.equal(0);
    });

    it('is refused where it holds bets of an agency that is not expected', async () => {
      const { app, port } = await sandbox.startServer({ SERVER_AGENCIES: '3' });
      const agency = await sandbox.connect(port);
      expect(await agency.ask('B', '3,a,b,1,1999-03-17,1')).to.equal('O 1');
      agency.end();
      await app.stop('SIGTERM');
      await expectRefused({ SERVER_AGENCIES: '2' }, /bets of agency 3, and only 2 /);
    });

    it('is refused where an agency has finished that is not expected', async () => {
      const { app, port } = await sandbox.startServer({ SERVER_AGENCIES: '3' });
      const agency = await sandbox.connect(port);
      agency.write(message('N', '3'), message('F'));
      expect([await agency.next(), await agency.next()]).to.deep.equal(['O 0', 'O 0']);
      agency.end();
      await app.stop('SIGTERM');
      await expectRefused({ SERVER_AGENCIES: '2' }, /agency 3, and only 2 /);
    });

    it('that is damaged ends the server with 1, and is left as it is', async () => {
      const { app, port } = await sandbox.startServer();
      const agency = await sandbox.connect(port);
      expect(await agency.ask('B', '1,a,b,1,1999-03-17,1')).to.equal('O 1');
      agency.end();
      await app.stop('SIGTERM');
      await rm(sandbox.path('store/bets.journal'));
      const server = sandbox.launchServer();
      expect((await server.end()).code).to.equal(1);
      expect(server.grep(/action: open_store \| result: fail .*bets\.journal/)).to.have.length(1);
      expect(server.stderr).to.equal('');
      expect(await sandbox.storedRows()).to.deep.equal(['1,a,b,1,1999-03-17,1']);
    });
  });
});
