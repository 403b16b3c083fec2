import { expect } from 'chai';
import { type App } from '../support/app';
import { LotterySandbox } from '../support/lottery_sandbox';

const BET = {
  NOMBRE: 'Santiago Lionel',
  APELLIDO: 'Lorca, "el"',
  DOCUMENTO: '30904465',
  NACIMIENTO: '1999-03-17',
  NUMERO: '7574',
};
const ROW = '1,Santiago Lionel,"Lorca, ""el""",30904465,1999-03-17,7574';

describe('the one-bet client', function () {
  this.timeout(20_000);
  let sandbox: LotterySandbox;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  const start = (port: number, env: Record<string, string> = {}): App =>
    sandbox.startClient(port, 1, { ...BET, ...env });

  it('places its bet, logs it, and ends', async () => {
    const { app: server, port } = await sandbox.startServer();
    const client = start(port);
    expect((await client.end()).code, client.stderr).to.equal(0);
    expect(client.lines.at(-2)).to.match(
      /INFO +action: apuesta_enviada \| result: success \| dni: 30904465 \| numero: 7574$/,
    );
    expect(client.lines.at(-1)).to.match(/action: exit \| result: success$/);
    expect(await sandbox.storedRows()).to.deep.equal([ROW]);
    await server.stop('SIGTERM');
    expect(server.grep(/action: (?:finish|sorteo)/)).to.be.empty;
  });

  it('places another bet in another run', async () => {
    const { port } = await sandbox.startServer();
    await start(port).end();
    expect((await start(port).end()).code).to.equal(0);
    expect(await sandbox.storedRows()).to.deep.equal([ROW, ROW]);
  });

  it('fails after the finish of its agency', async () => {
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '2' });
    const other = await sandbox.connect(port);
    await other.ask('N', '1');
    expect(await other.ask('F')).to.equal('O 0');
    const client = start(port);
    expect((await client.end()).code).to.equal(1);
    expect(
      client.grep(/apuesta_enviada \| result: fail \| dni: 30904465 \| numero: 7574 \| error: out-of-order/),
    ).to.have.length(1);
  });

  it('logs its settings without the personal data', async () => {
    const { port } = await sandbox.startServer();
    const client = start(port, { CLI_LOG_LEVEL: 'DEBUG' });
    await client.end();
    expect(client.grep(/action: config/)[0]).not.to.match(/Santiago|Lorca|30904465|1999-03-17/);
  });

  for (const name of Object.keys(BET) as (keyof typeof BET)[]) {
    it(`without ${name} has unusable settings`, async () => {
      const env: Record<string, string> = { ...BET };
      delete env[name];
      const client = sandbox.startClient(1, 1, env);
      expect((await client.end()).code).to.equal(2);
      expect(client.stderr).to.match(new RegExp(`^[^\\n]*not set: ${name}\\n$`));
    });
  }

  for (const [change, fault] of [
    [{ NOMBRE: '' }, 'first_name is empty'],
    [{ APELLIDO: 'a\nb' }, 'last_name holds a control character'],
    [{ DOCUMENTO: '30.904.465' }, 'document is not'],
    [{ NACIMIENTO: '17/03/1999' }, 'birthdate is not'],
    [{ NUMERO: '75740' }, 'number is not'],
  ] as const) {
    it(`with ${JSON.stringify(change)} has unusable settings`, async () => {
      const client = start(1, change);
      expect((await client.end()).code).to.equal(2);
      expect(client.stderr).to.match(new RegExp(`^[^\\n]*${fault}[^\\n]*\\n$`));
    });
  }

  describe('after the loss of the answer', () => {
    const OTHER = { ...BET, NOMBRE: 'Ana', APELLIDO: 'Paz', DOCUMENTO: '24807259' };
    const OTHER_ROW = '1,Ana,Paz,24807259,1999-03-17,7574';
    const UNKNOWN =
      /apuesta_enviada \| result: fail \| dni: 30904465 \| numero: 7574 \| error: it is unknown whether the bet is stored/;

    it('sends the bet again if the count is the same', async () => {
      const { port } = await sandbox.startServer();
      const proxy = await sandbox.startProxy(port);
      const bet = proxy.holdNext('agency', 'B');
      const client = start(proxy.port);
      (await bet).cut();
      expect((await client.end()).code, client.stdout).to.equal(0);
      expect(client.grep(/apuesta_enviada \| result: success/)).to.have.length(1);
      expect(await sandbox.storedRows()).to.deep.equal([ROW]);
    });

    it('fails with an unknown outcome if another client has bet meanwhile', async () => {
      const { port } = await sandbox.startServer();
      const proxy = await sandbox.startProxy(port);
      const bet = proxy.holdNext('agency', 'B');
      const client = start(proxy.port);
      const held = await bet;
      expect((await sandbox.startClient(port, 1, OTHER).end()).code).to.equal(0);
      held.cut();
      expect((await client.end()).code, client.stdout).to.equal(1);
      expect(client.grep(UNKNOWN)).to.have.length(1);
      expect(client.grep(/result: success \| dni/)).to.be.empty;
      expect(client.stderr).to.equal('');
      expect(await sandbox.storedRows()).to.deep.equal([OTHER_ROW]);
    });

    it('fails with an unknown outcome if the bet is stored, and does not send it twice', async () => {
      const { port } = await sandbox.startServer();
      const proxy = await sandbox.startProxy(port);
      const bet = proxy.holdNext('agency', 'B');
      const client = start(proxy.port);
      const held = await bet;
      const answer = proxy.holdNext('server', 'O');
      held.release();
      (await answer).cut();
      expect((await client.end()).code, client.stdout).to.equal(1);
      expect(client.grep(UNKNOWN)).to.have.length(1);
      expect(await sandbox.storedRows()).to.deep.equal([ROW]);
    });

    it('fails with an unknown outcome if the server cannot be reached again', async () => {
      const { port } = await sandbox.startServer();
      const proxy = await sandbox.startProxy(port);
      const bet = proxy.holdNext('agency', 'B');
      const client = start(proxy.port, { CLI_RETRY_LIMIT_MS: '200' });
      const held = await bet;
      proxy.close();
      held.cut();
      expect((await client.end()).code, client.stdout).to.equal(1);
      expect(client.grep(UNKNOWN)).to.have.length(1);
      expect(client.grep(/unknown whether .*ECONNREFUSED/)).to.have.length(1);
    });

    it('ends with 0 and an unknown outcome at a stop before the answer', async () => {
      const { port } = await sandbox.startServer();
      const proxy = await sandbox.startProxy(port);
      const bet = proxy.holdNext('agency', 'B');
      const client = start(proxy.port);
      await bet;
      const { code, ms } = await client.stop('SIGTERM');
      expect(code, client.stdout).to.equal(0);
      expect(ms).to.be.below(2000);
      expect(client.grep(UNKNOWN)).to.have.length(1);
      expect(client.lines.at(-1)).to.match(/action: exit \| result: success$/);
    });

    it('accepts an answer after the stop', async () => {
      const { port } = await sandbox.startServer();
      const proxy = await sandbox.startProxy(port);
      const bet = proxy.holdNext('agency', 'B');
      const client = start(proxy.port);
      const held = await bet;
      client.signal('SIGTERM');
      await client.line(/action: stop/);
      held.release();
      expect((await client.end()).code, client.stdout).to.equal(0);
      expect(client.grep(/apuesta_enviada \| result: success/)).to.have.length(1);
      expect(await sandbox.storedRows()).to.deep.equal([ROW]);
    });
  });

  it('ends orderly at a stop before it has reached the server', async () => {
    const { app, port } = await sandbox.startServer();
    await app.stop('SIGTERM');
    const client = start(port);
    await client.line(/action: connect \| result: in_progress/);
    const { code, ms } = await client.stop('SIGTERM');
    expect(code).to.equal(0);
    expect(ms).to.be.below(3000);
    expect(client.grep(/apuesta_enviada \| result: fail .*stopped before the bet was acknowledged/)).to.have.length(1);
  });
});
