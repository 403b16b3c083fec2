import { expect } from 'chai';
import { storedRowsOf, winnersAmong } from '../support/generated_bets';
import { EXIT, WON } from '../support/log_lines';
import { LotterySandbox } from '../support/lottery_sandbox';

describe('the lottery as a whole', function () {
  this.timeout(30_000);
  let sandbox: LotterySandbox;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  describe('after SIGKILL', () => {
    it('an agency in the middle of its upload goes on where it was: nothing lost, nothing twice', async () => {
      const files = await sandbox.writeBets(1, 60_000);
      const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
      let kills = 0;
      for (; kills < 4; kills++) {
        const client = sandbox.startClient(port, 1, { CLI_LOG_LEVEL: 'DEBUG', CLI_WINDOW: '4' });
        const stored = await client.linesMatching(/action: batch_enviado/, 1 + kills * 10).catch(() => []);
        if (stored.length === 0) break;
        await client.stop('SIGKILL');
      }
      expect(kills).to.be.greaterThan(1);
      const last = sandbox.startClient(port, 1);
      expect((await last.end(20_000)).code, last.stdout).to.equal(0);
      expect(WON.exec(last.grep(WON)[0]!)![1]).to.equal(String(winnersAmong(files.get(1)!).length));
      expect(await sandbox.storedRows()).to.deep.equal(storedRowsOf(files));
    });

    it('a server in the middle of uploads: its agencies go on by themselves', async () => {
      const files = await sandbox.writeBets(3, 30_000);
      const env = { SERVER_AGENCIES: '3' };
      let { app, port } = await sandbox.startServer(env);
      const clients = Array.from(files.keys(), (id) => sandbox.startClient(port, id, { CLI_WINDOW: '2' }));
      for (const received of [30, 60]) {
        await app.linesMatching(/action: apuesta_recibida \| result: success/, received);
        await app.stop('SIGKILL');
        ({ app, port } = await sandbox.startServer({ ...env, SERVER_PORT: String(port) }));
      }
      for (const client of clients) expect((await client.end(20_000)).code, client.stdout).to.equal(0);
      expect(clients.some((client) => client.grep(/action: connect \| result: in_progress/).length > 0)).to.equal(true);
      expect(await sandbox.storedRows()).to.deep.equal(storedRowsOf(files));
    });
  });

  describe('a stopped agency', () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      it(`ends in good order while it waits for the draw (${signal})`, async () => {
        await sandbox.writeBets(1, 10);
        const { port } = await sandbox.startServer({ SERVER_AGENCIES: '2', SERVER_WAIT_HOLD_MS: '60000' });
        const client = sandbox.startClient(port, 1);
        await client.line(/action: upload \| result: success/);
        const { code, ms } = await client.stop(signal);
        expect(code, client.stderr).to.equal(0);
        expect(ms).to.be.below(3000);
        expect(
          client.grep(/consulta_ganadores \| result: fail \| error: stopped before the winners were known/),
        ).to.have.length(1);
        expect(client.grep(/close_connection \| result: success/)).to.have.length(1);
        expect(client.lines.at(-1)).to.match(EXIT);
        expect(client.stderr).to.equal('');
      });

      it(`ends in good order in the middle of its upload, and goes on later (${signal})`, async () => {
        const files = await sandbox.writeBets(1, 60_000);
        const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
        const client = sandbox.startClient(port, 1, { CLI_LOG_LEVEL: 'DEBUG', CLI_WINDOW: '2' });
        await client.linesMatching(/action: batch_enviado/, 3);
        const { code, ms } = await client.stop(signal);
        expect(code, client.stderr).to.equal(0);
        expect(ms).to.be.below(3000);
        expect(client.grep(/action: upload \| result: success/), 'it should not have come to its end').to.be.empty;
        expect(client.grep(/stopped before the winners were known/)).to.have.length(1);
        expect(client.grep(/close_connection \| result: success/)).to.have.length(1);
        expect(client.grep(/close_file \| result: success/)).to.have.length(1);
        expect(client.lines.at(-1)).to.match(EXIT);
        // Nothing is in flight at the end: the last acknowledged total is stored.
        const known = Number(/cantidad_total: (\d+)/.exec(client.grep(/action: batch_enviado/).at(-1)!)![1]);
        expect(await sandbox.storedRows()).to.have.length(known);
        const again = sandbox.startClient(port, 1);
        expect((await again.end(20_000)).code, again.stdout).to.equal(0);
        expect(again.grep(new RegExp(`action: upload \\| result: in_progress \\| stored: ${known}$`))).to.have.length(
          1,
        );
        expect(await sandbox.storedRows()).to.deep.equal(storedRowsOf(files));
      });

      it(`ends in good order while it still tries to connect (${signal})`, async () => {
        await sandbox.writeBets(1, 1);
        const { app, port } = await sandbox.startServer();
        await app.stop('SIGTERM');
        const client = sandbox.startClient(port, 1);
        await client.line(/action: connect \| result: in_progress/);
        const { code, ms } = await client.stop(signal);
        expect(code, client.stderr).to.equal(0);
        expect(ms).to.be.below(3000);
        expect(client.grep(/stopped before the winners were known/)).to.have.length(1);
        expect(client.lines.at(-1)).to.match(EXIT);
      });
    }
  });

  it('a stopped server sends shutting-down to agencies that wait for the draw, and ends', async () => {
    await sandbox.writeBets(2, 100);
    const { app, port } = await sandbox.startServer({ SERVER_AGENCIES: '3', SERVER_WAIT_HOLD_MS: '60000' });
    const clients = [1, 2].map((id) => sandbox.startClient(port, id, { CLI_RETRY_LIMIT_MS: '1000' }));
    for (const client of clients) await client.line(/action: upload \| result: success/);
    const { code, ms } = await app.stop('SIGTERM');
    expect(code).to.equal(0);
    expect(ms).to.be.below(3000);
    expect(app.grep(/close_session \| result: success/)).to.have.length(2);
    expect(app.lines.at(-1)).to.match(EXIT);
    for (const client of clients) {
      expect((await client.end()).code).to.equal(1);
      expect(client.grep(/shutting-down/)).not.to.be.empty;
    }
  });

  it('an agency that is superseded ends, and does not reconnect', async () => {
    await sandbox.writeBets(1, 10);
    const { app: server, port } = await sandbox.startServer({ SERVER_AGENCIES: '2', SERVER_WAIT_HOLD_MS: '60000' });
    const older = sandbox.startClient(port, 1);
    await older.line(/action: upload \| result: success/);
    const newer = sandbox.startClient(port, 1);
    expect((await older.end()).code).to.equal(1);
    expect(older.grep(/consulta_ganadores \| result: fail \| error: superseded/)).to.have.length(1);
    expect(older.lines.at(-1)).to.match(/action: exit \| result: fail/);
    await sandbox.write('agency-2.csv', '');
    await sandbox.startClient(port, 2).end();
    expect((await newer.end()).code, newer.stdout).to.equal(0);
    await server.stop('SIGTERM');
    expect(server.grep(/accept_connections \| result: success/)).to.have.length(3);
    expect(await sandbox.storedRows()).to.have.length(10);
  });

  it('an agency without a server gives up after its retry limit', async () => {
    await sandbox.writeBets(1, 1);
    const { app, port } = await sandbox.startServer();
    await app.stop('SIGTERM');
    const client = sandbox.startClient(port, 1, { CLI_RETRY_LIMIT_MS: '300' });
    expect((await client.end()).code).to.equal(1);
    expect(client.grep(/consulta_ganadores \| result: fail \| error: connect to .*ECONNREFUSED/)).to.have.length(1);
    expect(client.stderr).to.equal('');
  });
});
