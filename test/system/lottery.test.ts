import { expect } from 'chai';
import { type BetFields, formatBets, storedRow, storedRowsOf, winnersAmong } from '../support/generated_bets';
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

  it('stores every bet of five agencies once and unchanged, and gives each agency its winners', async () => {
    const files = await sandbox.writeBets(5, 4000);
    const { app: server, port } = await sandbox.startServer({ SERVER_AGENCIES: '5' });
    const clients = Array.from(files.keys(), (id) => sandbox.startClient(port, id, { CLI_LOG_LEVEL: 'DEBUG' }));
    for (const client of clients) expect((await client.end()).code, client.stdout).to.equal(0);
    for (const [index, [, bets]] of Array.from(files).entries()) {
      const client = clients[index]!;
      const winners = winnersAmong(bets);
      expect(winners).not.to.be.empty;
      const [line] = client.grep(WON);
      expect(WON.exec(line!)![1]).to.equal(String(winners.length));
      expect(client.grep(/action: ganador /).map((text) => /dni: (\d+)/.exec(text)![1])).to.deep.equal(winners);
      expect(client.lines.at(-1)).to.match(EXIT);
      expect(client.stderr).to.equal('');
    }
    expect(await sandbox.storedRows()).to.deep.equal(storedRowsOf(files));
    expect((await server.stop('SIGTERM')).code).to.equal(0);
    expect(server.grep(/action: sorteo \| result: success/)).to.have.length(1);
    expect(server.lines.at(-1)).to.match(EXIT);
    expect(server.stderr).to.equal('');
  });

  it('keeps the bytes of names: accents, commas, quotes, other alphabets, CRLF files', async () => {
    const bets: BetFields[] = [
      ['Ñandú', 'Ågren', '1', '2000-02-29', '7574'],
      ['Pérez, hija', 'la "Nena"', '2', '1999-12-31', '0042'],
      ['王', '😀'.repeat(100), '3', '1999-12-31', '7'],
      [' sp ', "O'Hara; DROP", '4', '1999-12-31', '07'],
      ['\u200fעברית', 'x\u00a0y', '5', '1999-12-31', '0'],
    ];
    for (const [agency, end] of [
      [1, '\n'],
      [2, '\r\n'],
    ] as const) {
      await sandbox.write(`agency-${agency}.csv`, `\ufeff${formatBets(bets, end)}`);
    }
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '2' });
    const clients = [1, 2].map((id) => sandbox.startClient(port, id));
    for (const client of clients) expect((await client.end()).code, client.stdout).to.equal(0);
    expect(await sandbox.storedRows()).to.deep.equal(
      [1, 2].flatMap((agency) => bets.map((bet) => storedRow(agency, bet))).sort(),
    );
  });

  it('holds the draw with agencies that have no bets at all', async () => {
    await sandbox.write('agency-1.csv', '');
    await sandbox.write('agency-2.csv', '\ufeff');
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '2' });
    const clients = [1, 2].map((id) => sandbox.startClient(port, id));
    for (const client of clients) {
      expect((await client.end()).code, client.stdout).to.equal(0);
      expect(client.grep(/cant_ganadores: 0$/)).to.have.length(1);
    }
  });

  it('counts a finish once for an agency, however often it comes', async () => {
    await sandbox.writeBets(2, 10);
    const { app: server, port } = await sandbox.startServer({ SERVER_AGENCIES: '2', SERVER_WAIT_HOLD_MS: '0' });
    const first = sandbox.startClient(port, 1, { CLI_LOG_LEVEL: 'DEBUG' });
    await first.line(/consulta_ganadores \| result: in_progress \| finished: 1\/2/);
    await first.stop('SIGTERM');
    const again = sandbox.startClient(port, 1, { CLI_LOG_LEVEL: 'DEBUG' });
    await again.line(/consulta_ganadores \| result: in_progress \| finished: 1\/2/);
    expect(server.grep(/action: sorteo/)).to.be.empty;
    const second = sandbox.startClient(port, 2);
    expect((await second.end()).code).to.equal(0);
    expect((await again.end()).code).to.equal(0);
    await server.stop('SIGTERM');
    expect(server.grep(/action: finish \| result: success/)).to.have.length(2);
  });

  it('gives an agency that connects late, or again, its winners', async () => {
    const files = await sandbox.writeBets(2, 2000);
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '2' });
    const clients = [1, 2].map((id) => sandbox.startClient(port, id));
    for (const client of clients) await client.end();
    const again = sandbox.startClient(port, 1);
    expect((await again.end()).code, again.stdout).to.equal(0);
    expect(WON.exec(again.grep(WON)[0]!)![1]).to.equal(String(winnersAmong(files.get(1)!).length));
    expect(await sandbox.storedRows()).to.deep.equal(storedRowsOf(files));
  });

  it('keeps bets, finish and draw over restarts of the server', async () => {
    const files = await sandbox.writeBets(2, 1500);
    const first = await sandbox.startServer({ SERVER_AGENCIES: '2' });
    const early = sandbox.startClient(first.port, 1);
    await early.line(/action: upload \| result: success/);
    await first.app.stop('SIGTERM');
    const second = await sandbox.startServer({ SERVER_AGENCIES: '2', SERVER_PORT: String(first.port) });
    const late = sandbox.startClient(second.port, 2);
    for (const client of [early, late]) expect((await client.end()).code, client.stdout).to.equal(0);
    expect(WON.exec(early.grep(WON)[0]!)![1]).to.equal(String(winnersAmong(files.get(1)!).length));
    await second.app.stop('SIGTERM');
    const third = await sandbox.startServer({ SERVER_AGENCIES: '2' });
    const again = sandbox.startClient(third.port, 2);
    expect((await again.end()).code).to.equal(0);
    expect(WON.exec(again.grep(WON)[0]!)![1]).to.equal(String(winnersAmong(files.get(2)!).length));
    expect(await sandbox.storedRows()).to.deep.equal(storedRowsOf(files));
  });
});
