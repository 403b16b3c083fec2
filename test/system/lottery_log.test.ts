import { expect } from 'chai';
import { type BetFields, formatBets, generateBets } from '../support/generated_bets';
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

  it('logs no name and no document at INFO, in the server and in the agencies', async () => {
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
    await sandbox.writeBets(1, 50);
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
});
