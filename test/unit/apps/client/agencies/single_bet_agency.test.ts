import { expect } from 'chai';
import { MemoryClient } from '../../../../support/memory_client';
import { type ScriptedConnection, type ScriptedServer } from '../../../../support/scripted_server';
import { turns } from '../../../../support/turns';

describe('an agency with one bet', () => {
  let client: MemoryClient;
  let server: ScriptedServer;

  beforeEach(() => {
    client = new MemoryClient();
    ({ server } = client);
  });

  afterEach(() => {
    client.stop.abort();
  });

  const row = 'B 1,Ana,"Gómez, h.",5,1999-03-17,42';

  function startSingle(environment: Record<string, string> = {}): Promise<number> {
    const bet = { NOMBRE: 'Ana', APELLIDO: 'Gómez, h.', DOCUMENTO: '5', NACIMIENTO: '1999-03-17', NUMERO: '42' };
    return client.run({ ...bet, ...environment });
  }

  it('places the bet without a finish or a request for winners', async () => {
    const running = startSingle();
    const connection = await server.accept();
    expect(await connection.next()).to.equal('N 1');
    connection.respond('O', '7');
    expect(await connection.next()).to.equal(row);
    connection.respond('O', '8');
    expect(await connection.next()).to.equal('end');
    await connection.close();
    expect(await running).to.equal(0);
    expect(client.logged(/apuesta_enviada \| result: success \| dni: 5 \| numero: 42$/)).to.have.length(1);
  });

  const unknown =
    /apuesta_enviada \| result: fail \| dni: 5 \| numero: 42 \| error: it is unknown whether the bet is stored/;

  /** A connection of an agency with 7 bets, after the bet was sent. */
  async function takeBet(): Promise<ScriptedConnection> {
    const connection = await server.accept();
    expect(await connection.next()).to.equal('N 1');
    connection.respond('O', '7');
    expect(await connection.next()).to.equal(row);
    return connection;
  }

  for (const [what, count] of [
    ['is larger', '8'],
    ['is smaller', '6'],
  ] as const) {
    it(`fails with an unknown outcome if the response was lost and the count ${what}`, async () => {
      const running = startSingle();
      (await takeBet()).reset();
      const second = await server.accept();
      expect(await second.next()).to.equal('N 1');
      second.respond('O', count);
      expect(await second.next()).to.equal('end');
      await second.close();
      expect(await running).to.equal(1);
      expect(client.logged(unknown)).to.have.length(1);
      expect(client.logged(new RegExp(`agency 1: 7 bets before, ${count} now`))).to.have.length(1);
    });
  }

  for (const code of ['bad-bet', 'out-of-order', 'wrong-agency']) {
    it(`fails with ${code} if the server refuses the bet`, async () => {
      const running = startSingle();
      const connection = await takeBet();
      connection.respond('E', `${code}: in words`);
      await connection.close();
      expect(await running).to.equal(1);
      expect(client.logged(new RegExp(`numero: 42 \\| error: ${code}: in words$`))).to.have.length(1);
    });
  }

  it('fails with an unknown outcome if a newer session supersedes it before the response', async () => {
    const running = startSingle();
    const connection = await takeBet();
    connection.respond('E', 'superseded: in words');
    await connection.close();
    expect(await running).to.equal(1);
    expect(client.logged(unknown)).to.have.length(1);
  });

  it('fails with an unknown outcome if the next session is refused', async () => {
    const running = startSingle();
    (await takeBet()).reset();
    const second = await server.accept();
    await second.next();
    second.respond('E', 'unknown-agency: the agencies are 1 to 0');
    await second.close();
    expect(await running).to.equal(1);
    expect(client.logged(unknown)).to.have.length(1);
  });

  for (const [type, text] of [
    ['O', '9'],
    ['O', '7'],
    ['W', '1/2'],
    ['E', 'teapot: short and stout'],
  ] as const) {
    it(`fails with an unknown outcome after the response ${type} ${text}`, async () => {
      const running = startSingle();
      const connection = await takeBet();
      connection.respond(type, text);
      await connection.close();
      expect(await running).to.equal(1);
      expect(client.logged(unknown)).to.have.length(1);
    });
  }

  it('fails with a known outcome before the bet is sent', async () => {
    const running = startSingle({ CLI_RETRY_LIMIT_MS: '0' });
    const connection = await server.accept();
    await connection.next();
    connection.reset();
    expect(await running).to.equal(1);
    expect(client.logged(/numero: 42 \| error: /)).to.have.length(1);
    expect(client.logged(/unknown whether/)).to.be.empty;
  });

  it('compares the count with that of the session of the bet', async () => {
    const running = startSingle();
    const first = await server.accept();
    await first.next();
    first.respond('E', 'busy: in words');
    await first.close();
    (await takeBet()).reset();
    const third = await server.accept();
    await third.next();
    third.respond('O', '7');
    expect(await third.next()).to.equal(row);
    third.respond('O', '8');
    await third.next();
    await third.close();
    expect(await running).to.equal(0);
  });

  it('has an unknown outcome after a stop between the bet and its response', async () => {
    const running = startSingle();
    await takeBet();
    const begun = performance.now();
    client.stop.abort();
    expect(await running).to.equal(0);
    expect(performance.now() - begun).to.be.below(2_000);
    expect(client.logged(unknown)).to.have.length(1);
  });

  it('accepts a response after the stop', async () => {
    const running = startSingle();
    const connection = await takeBet();
    client.stop.abort();
    await turns(3);
    connection.respond('O', '8');
    expect(await connection.next()).to.equal('end');
    await connection.close();
    expect(await running).to.equal(0);
    expect(client.logged(/apuesta_enviada \| result: success/)).to.have.length(1);
  });

  it('sends no bet after a stop', async () => {
    const running = startSingle();
    const connection = await server.accept();
    await connection.next();
    client.stop.abort();
    expect(await connection.next()).to.equal('end');
    await connection.close();
    expect(await running).to.equal(0);
    expect(client.logged(/error: stopped before the bet was acknowledged: it is not stored$/)).to.have.length(1);
  });

  it('sends the bet again if it was lost with the connection', async () => {
    const running = startSingle();
    const first = await server.accept();
    await first.next();
    first.respond('O', '7');
    expect(await first.next()).to.equal(row);
    first.reset();
    const second = await server.accept();
    await second.next();
    second.respond('O', '7');
    expect(await second.next()).to.equal(row);
    second.respond('O', '8');
    await second.next();
    await second.close();
    expect(await running).to.equal(0);
  });

  it('ends with exit code 1 if the server refuses the agency', async () => {
    const running = startSingle();
    const connection = await server.accept();
    await connection.next();
    connection.respond('E', 'unknown-agency: the agencies are 1 to 0');
    await connection.close();
    expect(await running).to.equal(1);
    expect(
      client.logged(/apuesta_enviada \| result: fail \| dni: 5 \| numero: 42 \| error: unknown-agency/),
    ).to.have.length(1);
  });
});
