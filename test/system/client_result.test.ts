import { expect } from 'chai';
import { formatBets, generateBets, winnersAmong } from '../support/generated_bets';
import { App } from '../support/app';
import { type HeldConnection } from '../support/holding_proxy';
import { LotterySandbox } from '../support/lottery_sandbox';

describe("an agency's result for scripts (--json)", function () {
  this.timeout(20_000);
  let sandbox: LotterySandbox;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  const startAgency = (port: number, env: Record<string, string> = {}): App =>
    new App('client', {
      cwd: sandbox.directory,
      args: ['--json'],
      env: { CLI_SERVER_ADDRESS: `127.0.0.1:${port}`, CLI_DATA_FILE: sandbox.path('agency-{id}.csv'), ...env },
    });

  async function resultOf(app: App): Promise<Record<string, unknown>> {
    await app.end();
    expect(app.lines, app.stdout).to.have.length(1);
    const { ms, ...result } = JSON.parse(app.stdout) as Record<string, unknown>;
    expect(ms).to.be.a('number').and.to.be.greaterThan(0);
    return result;
  }

  it('has the bets and the winners, while the log is on stderr', async () => {
    const bets = generateBets(1, 1000, 50);
    await sandbox.write('agency-1.csv', formatBets(bets));
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
    const app = startAgency(port);
    const winners = winnersAmong(bets);
    expect(winners).not.to.be.empty;
    expect(await resultOf(app)).to.deep.equal({ agency: 1, outcome: 'winners', bets: 1000, winners, error: null });
    expect(app.stderr).to.match(/action: exit \| result: success\n$/);
  });

  it('has the code of a failure, and the number of stored bets', async () => {
    await sandbox.write('agency-1.csv', `${formatBets(generateBets(1, 7))}x\n`);
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
    const app = startAgency(port);
    const { error, ...result } = await resultOf(app);
    expect(result).to.deep.equal({ agency: 1, outcome: 'failed', bets: 7, winners: null });
    expect(error).to.have.property('code', 'BAD_ROW');
    expect((await app.ended).code).to.equal(1);
  });

  it('has the outcome stopped after a stop', async () => {
    await sandbox.write('agency-1.csv', formatBets(generateBets(1, 7)));
    const { app: server, port } = await sandbox.startServer({ SERVER_AGENCIES: '2' });
    const app = startAgency(port);
    await server.line(/action: finish \| result: success/);
    app.signal('SIGTERM');
    const { error, ...result } = await resultOf(app);
    expect(result).to.deep.equal({ agency: 1, outcome: 'stopped', bets: 7, winners: null });
    expect(error).to.have.property('code', 'STOPPED');
    expect((await app.ended).code).to.equal(0);
  });

  it('has the outcome stored after a single bet', async () => {
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '2' });
    const person = { NOMBRE: 'Ana', APELLIDO: 'Paz', DOCUMENTO: '30904465', NACIMIENTO: '1999-03-17', NUMERO: '7574' };
    expect(await resultOf(startAgency(port, person))).to.deep.equal({
      agency: 1,
      outcome: 'stored',
      bets: 1,
      winners: null,
      error: null,
    });
  });

  describe('after a bet without an acknowledgement', () => {
    const person = { NOMBRE: 'Ana', APELLIDO: 'Paz', DOCUMENTO: '30904465', NACIMIENTO: '1999-03-17', NUMERO: '7574' };

    it('has the outcome unknown after a failure', async () => {
      const { app, held } = await sendBet();
      held.cut();
      await requireUnknown(app, 1);
    });

    it('has the outcome unknown after a stop', async () => {
      const { app } = await sendBet();
      app.signal('SIGTERM');
      await requireUnknown(app, 0);
    });

    async function sendBet(): Promise<{ app: App; held: HeldConnection }> {
      const { port } = await sandbox.startServer();
      const proxy = await sandbox.startProxy(port);
      const bet = proxy.holdNext('agency', 'B');
      const app = startAgency(proxy.port, { ...person, CLI_RETRY_LIMIT_MS: '0' });
      return { app, held: await bet };
    }

    async function requireUnknown(app: App, code: number): Promise<void> {
      const { error, ...result } = await resultOf(app);
      expect(result).to.deep.equal({ agency: 1, outcome: 'unknown', bets: 0, winners: null });
      expect(error).to.have.property('code', 'OUTCOME_UNKNOWN');
      expect((error as { message: string }).message).to.contain(
        "search the server's store for document 30904465 at agency 1",
      );
      expect((await app.ended).code).to.equal(code);
    }
  });

  it('is an option of the agency only', async () => {
    const app = new App('server', { cwd: sandbox.directory, args: ['--json'] });
    expect((await app.end()).code).to.equal(2);
    expect(app.stderr).to.match(/^lottery-server: Unknown option '--json'/);
  });
});
