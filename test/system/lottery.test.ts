import { expect } from 'chai';
import { rm } from 'node:fs/promises';
import { LotterySandbox } from '../support/lottery_sandbox';
import { type BetFields, formatBets, generateBets, storedRow, winnersAmong } from '../support/generated_bets';
import { message } from '../support/wire_client';

const WON = /action: consulta_ganadores \| result: success \| cant_ganadores: (\d+)$/;
const EXIT = /action: exit \| result: success$/;

describe('the lottery as a whole', function () {
  this.timeout(30_000);
  let sandbox: LotterySandbox;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  /** Writes the files of agencies 1 to `count`, and returns their bets. */
  async function writeFiles(count: number, rows: number, end = '\n'): Promise<Map<number, BetFields[]>> {
    const files = new Map<number, BetFields[]>();
    for (let agency = 1; agency <= count; agency++) {
      const bets = generateBets(agency, rows);
      files.set(agency, bets);
      await sandbox.write(`agency-${agency}.csv`, formatBets(bets, end));
    }
    return files;
  }

  const rowsOf = (files: ReadonlyMap<number, readonly BetFields[]>): string[] =>
    Array.from(files, ([agency, bets]) => bets.map((bet) => storedRow(agency, bet)))
      .flat()
      .sort();

  it('stores every bet of five agencies once and as it came, and gives each its winners', async () => {
    const files = await writeFiles(5, 4000);
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
    expect(await sandbox.storedRows()).to.deep.equal(rowsOf(files));
    expect((await server.stop('SIGTERM')).code).to.equal(0);
    expect(server.grep(/action: sorteo \| result: success/)).to.have.length(1);
    expect(server.lines.at(-1)).to.match(EXIT);
    expect(server.stderr).to.equal('');
  });

  it('names no person and no document at INFO, in the server and in the agencies', async () => {
    const bets = generateBets(1, 300, 20).map(([, , document, date, number], index): BetFields => [
      `Nombre${index}`,
      `Apellido ${index}`,
      document,
      date,
      number,
    ]);
    await sandbox.write('agency-1.csv', formatBets(bets));
    const { app: server, port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
    const client = sandbox.startClient(port, 1);
    await client.end();
    const bad = await sandbox.connect(port);
    bad.send('B', `1,${formatBets([bets[0]!]).trimEnd()}x`);
    await bad.rest();
    await server.stop('SIGTERM');
    for (const app of [server, client]) {
      expect(app.lines.length).to.be.greaterThan(3);
      expect(app.stdout).not.to.match(/Nombre|Apellido/);
      for (const [, , document] of bets) expect(app.stdout).not.to.contain(document);
    }
    expect(server.grep(/INFO +action: apuesta_recibida \| result: success \|.* cantidad: \d+/)).not.to.be.empty;
    expect(server.grep(/action: apuesta_recibida \| result: fail \|.* cantidad: 1/)).to.have.length(1);
  });

  it('logs lines of one form only', async () => {
    await writeFiles(1, 50);
    const { app: server, port } = await sandbox.startServer({ SERVER_AGENCIES: '1', LOGGING_LEVEL: 'DEBUG' });
    const client = sandbox.startClient(port, 1, { CLI_LOG_LEVEL: 'DEBUG' });
    await client.end();
    await server.stop('SIGINT');
    const form =
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?:DEBUG|INFO|WARNING|ERROR|CRITICAL) +action: [a-z_]+ \| result: (?:success|fail|in_progress)(?: \| [a-zA-Z_]+: [^|]*)*$/;
    for (const app of [server, client]) {
      for (const line of app.lines) {
        expect(line).to.match(form);
        expect(line.indexOf('action:')).to.equal('YYYY-MM-DD HH:MM:SS LEVEL    '.length);
      }
      expect(app.lines[0]).to.match(/ DEBUG +action: config \| result: success \| /);
    }
    expect(
      server.grep(/DEBUG +action: apuesta_almacenada \| result: success \| dni: \d+ \| numero: \d+$/),
    ).to.have.length(50);
    expect(server.grep(/action: accept_connections \| result: success \| ip: 127\.0\.0\.1/)).not.to.be.empty;
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
    await writeFiles(2, 10);
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

  it('lets an agency that comes late, or again, have its winners', async () => {
    const files = await writeFiles(2, 2000);
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '2' });
    const clients = [1, 2].map((id) => sandbox.startClient(port, id));
    for (const client of clients) await client.end();
    const again = sandbox.startClient(port, 1);
    expect((await again.end()).code, again.stdout).to.equal(0);
    expect(WON.exec(again.grep(WON)[0]!)![1]).to.equal(String(winnersAmong(files.get(1)!).length));
    expect(await sandbox.storedRows()).to.deep.equal(rowsOf(files));
  });

  it('keeps bets, finish and draw over restarts of the server', async () => {
    const files = await writeFiles(2, 1500);
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
    expect(await sandbox.storedRows()).to.deep.equal(rowsOf(files));
  });

  describe('killed with no word', () => {
    it('an agency in the middle of its upload goes on where it was: nothing lost, nothing twice', async () => {
      const files = await writeFiles(1, 60_000);
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
      expect(await sandbox.storedRows()).to.deep.equal(rowsOf(files));
    });

    it('a server in the middle of uploads: its agencies go on by themselves', async () => {
      const files = await writeFiles(3, 30_000);
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
      expect(await sandbox.storedRows()).to.deep.equal(rowsOf(files));
    });
  });

  describe('a stopped agency', () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      it(`ends in good order while it waits for the draw (${signal})`, async () => {
        await writeFiles(1, 10);
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
        const files = await writeFiles(1, 60_000);
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
        // What it knew to be stored when it ended is what is stored: nothing was in flight any more.
        const known = Number(/cantidad_total: (\d+)/.exec(client.grep(/action: batch_enviado/).at(-1)!)![1]);
        expect(await sandbox.storedRows()).to.have.length(known);
        const again = sandbox.startClient(port, 1);
        expect((await again.end(20_000)).code, again.stdout).to.equal(0);
        expect(again.grep(new RegExp(`action: upload \\| result: in_progress \\| stored: ${known}$`))).to.have.length(
          1,
        );
        expect(await sandbox.storedRows()).to.deep.equal(rowsOf(files));
      });

      it(`ends in good order while it still tries to connect (${signal})`, async () => {
        await writeFiles(1, 1);
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

  it('a stopped server lets agencies that wait for the draw know, and ends', async () => {
    await writeFiles(2, 100);
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

  it('an agency that is superseded ends, and does not fight for its place', async () => {
    await writeFiles(1, 10);
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
    await writeFiles(1, 1);
    const { app, port } = await sandbox.startServer();
    await app.stop('SIGTERM');
    const client = sandbox.startClient(port, 1, { CLI_RETRY_LIMIT_MS: '300' });
    expect((await client.end()).code).to.equal(1);
    expect(client.grep(/consulta_ganadores \| result: fail \| error: connect to .*ECONNREFUSED/)).to.have.length(1);
    expect(client.stderr).to.equal('');
  });

  describe('bad input', () => {
    it('a bad row is named by file and line, after all before it are stored; mended, the agency goes on', async () => {
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

    it('a file shorter than what is stored of it is refused: it is another one', async () => {
      await writeFiles(1, 20);
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
      await writeFiles(1, 20);
      const { port } = await sandbox.startServer({ SERVER_AGENCIES: '2', SERVER_WAIT_HOLD_MS: '60000' });
      const first = sandbox.startClient(port, 1);
      await first.line(/action: upload \| result: success/);
      await first.stop('SIGTERM');
      await writeFiles(1, 30);
      const second = sandbox.startClient(port, 1);
      expect((await second.end()).code).to.equal(1);
      expect(second.grep(/result: fail \| error: out-of-order/)).to.have.length(1);
      expect(await sandbox.storedRows()).to.have.length(20);
    });

    it('an agency beyond the expected ones ends with what the server says', async () => {
      await sandbox.write('agency-9.csv', '');
      const { port } = await sandbox.startServer({ SERVER_AGENCIES: '2' });
      const client = sandbox.startClient(port, 9);
      expect((await client.end()).code).to.equal(1);
      expect(client.grep(/result: fail \| error: unknown-agency: /)).to.have.length(1);
    });
  });

  describe('a store of another draw', () => {
    /** Starts a server on the store that should refuse it, and expects one line that says why. */
    async function expectRefused(env: Record<string, string>, reason: RegExp): Promise<void> {
      const server = sandbox.launchServer(env);
      expect((await server.end()).code, server.stdout).to.equal(2);
      expect(server.stderr.split('\n')).to.have.length(2);
      expect(server.stderr)
        .to.match(reason)
        .and.not.match(/\n +at /);
    }

    it('is refused for another number or other agencies, and left as it is', async () => {
      await writeFiles(2, 50);
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
