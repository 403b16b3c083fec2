import { expect } from 'chai';
import { BadRowError } from '../../../../../apps/client/bets/errors';
import { FakeSource, giveWinners, MemoryClient, resume } from '../../../../support/memory_client';
import { type ScriptedServer } from '../../../../support/scripted_server';
import { turns, until } from '../../../../support/turns';

describe('an agency that uploads a file', () => {
  let client: MemoryClient;
  let server: ScriptedServer;

  beforeEach(() => {
    client = new MemoryClient();
    ({ server } = client);
  });

  afterEach(() => {
    client.stop.abort();
  });

  it('uploads, finishes, polls until the draw and receives its winners', async () => {
    const running = client.upload(new FakeSource(3));
    const connection = await server.accept();
    expect(await connection.next()).to.equal('N 1');
    connection.respond('O', '0');
    expect(await connection.next()).to.equal('B 1 2');
    connection.respond('O', '2');
    expect(await connection.next()).to.equal('B 3');
    connection.respond('O', '3');
    await giveWinners(connection, 3, ['7,8', '9']);
    expect(await running).to.equal(0);
    expect(client.logged(/INFO +action: consulta_ganadores \| result: success \| cant_ganadores: 3$/)).to.have.length(
      1,
    );
    expect(client.logged(/DEBUG +action: ganador \| result: success \| dni: [789]$/)).to.have.length(3);
  });

  it('accepts an empty list of winners', async () => {
    const running = client.upload(new FakeSource(0));
    const connection = await server.accept();
    await connection.next();
    connection.respond('O', '0');
    await giveWinners(connection, 0, []);
    expect(await running).to.equal(0);
  });

  it('keeps at most its window of batches in flight', async () => {
    const running = client.upload(new FakeSource(100), { window: 3 });
    const connection = await server.accept();
    await connection.next();
    connection.respond('O', '0');
    for (let batch = 1; batch <= 3; batch++)
      expect(await connection.next()).to.equal(`B ${batch * 2 - 1} ${batch * 2}`);
    for (let batch = 4; batch <= 50; batch++) {
      await turns(5);
      expect(connection.pending(), 'a batch beyond the window').to.equal(undefined);
      connection.respond('O', String((batch - 3) * 2));
      expect(await connection.next()).to.equal(`B ${batch * 2 - 1} ${batch * 2}`);
    }
    for (let batch = 48; batch <= 50; batch++) connection.respond('O', String(batch * 2));
    await giveWinners(connection, 100, []);
    expect(await running).to.equal(0);
  });

  it('continues after the stored bets on a new connection', async () => {
    const source = new FakeSource(10);
    const running = client.upload(source, { window: 8 });
    const first = await server.accept();
    await first.next();
    first.respond('O', '0');
    for (let batch = 1; batch <= 5; batch++) await first.next();
    first.respond('O', '2');
    await turns(3);
    first.reset();
    const second = await server.accept();
    await resume(second, 6);
    expect(await second.next()).to.equal('B 7 8');
    expect(await second.next()).to.equal('B 9 10');
    second.respond('O', '8');
    await second.close();
    const third = await server.accept();
    await resume(third, 10);
    await giveWinners(third, 10, ['1']);
    expect(await running).to.equal(0);
    expect(source.skips).to.deep.equal([0, 6, 10]);
    expect(source.compared).to.deep.equal([6, 10]);
  });

  it('ends with exit code 1 after an acknowledgement of the wrong count', async () => {
    const running = client.upload(new FakeSource(2));
    const connection = await server.accept();
    await connection.next();
    connection.respond('O', '0');
    await connection.next();
    connection.respond('O', '3');
    await connection.close();
    expect(await running).to.equal(1);
    expect(client.logged(/the server has 3 bets of this agency, and 2 were sent/)).to.have.length(1);
  });

  it('ends with exit code 1 if the count of winners is wrong', async () => {
    const running = client.upload(new FakeSource(0));
    const connection = await server.accept();
    for (const response of ['O', 'O', 'R'] as const) {
      await connection.next();
      connection.respond(response, response === 'O' ? '0' : '');
    }
    await connection.next();
    connection.respond('R', '1');
    connection.respond('O', '2');
    await connection.close();
    expect(await running).to.equal(1);
  });

  it('stores all bets before a bad row and reports the row', async () => {
    const running = client.upload(new FakeSource(4, new BadRowError('bets.csv:5: wrong')));
    const connection = await server.accept();
    await connection.next();
    connection.respond('O', '0');
    expect(await connection.next()).to.equal('B 1 2');
    expect(await connection.next()).to.equal('B 3 4');
    let code: number | undefined;
    void running.then((end) => (code = end));
    connection.respond('O', '2');
    await turns(10);
    expect(code, 'the exit code with a batch in flight').to.equal(undefined);
    connection.respond('O', '4');
    expect(await connection.next()).to.equal('end');
    await connection.close();
    expect(await running).to.equal(1);
    expect(client.logged(/result: fail \| error: bets\.csv:5: wrong$/)).to.have.length(1);
  });

  it('stores the bets before a bad row despite a lost connection', async () => {
    const running = client.upload(new FakeSource(4, new BadRowError('bets.csv:5: wrong')));
    const first = await server.accept();
    await first.next();
    first.respond('O', '0');
    await first.next();
    first.reset();
    const second = await server.accept();
    await resume(second, 2);
    expect(await second.next()).to.equal('B 3 4');
    second.respond('O', '4');
    await second.next();
    await second.close();
    expect(await running).to.equal(1);
    expect(client.logged(/bets\.csv:5: wrong$/)).to.have.length(1);
  });

  it('sends no F if its source changes before the last acknowledgement', async () => {
    const source = new FakeSource(4);
    const running = client.upload(source);
    const connection = await server.accept();
    await connection.next();
    connection.respond('O', '0');
    for (const batch of ['B 1 2', 'B 3 4']) expect(await connection.next()).to.equal(batch);
    connection.respond('O', '2');
    await turns(3);
    source.isChanged = true;
    connection.respond('O', '4');
    expect(await connection.next()).to.equal('end');
    await connection.close();
    expect(await running).to.equal(1);
    expect(server.attempts).to.equal(1);
    expect(client.logged(/result: fail \| error: bets\.csv has changed$/)).to.have.length(1);
  });

  it('does not use its source after the finish', async () => {
    const source = new FakeSource(2);
    const running = client.upload(source);
    const first = await server.accept();
    await first.next();
    first.respond('O', '0');
    await first.next();
    first.respond('O', '2');
    expect(await first.next()).to.equal('F 2');
    first.respond('O', '2');
    await first.next();
    source.isChanged = true;
    first.reset();
    const second = await server.accept();
    await second.next();
    second.respond('O', '2');
    await giveWinners(second, 2, ['1']);
    expect(await running).to.equal(0);
    expect(source.skips).to.deep.equal([0]);
  });

  it('uploads again if the server has lost the finished bets', async () => {
    const source = new FakeSource(2);
    const running = client.upload(source);
    const first = await server.accept();
    for (const [message, stored] of [
      ['N 1', '0'],
      ['B 1 2', '2'],
      ['F 2', '2'],
    ] as const) {
      expect(await first.next()).to.equal(message);
      first.respond('O', stored);
    }
    await first.next();
    first.reset();
    const second = await server.accept();
    await second.next();
    second.respond('O', '0');
    expect(await second.next()).to.equal('B 1 2');
    second.respond('O', '2');
    await giveWinners(second, 2, []);
    expect(await running).to.equal(0);
  });

  describe('after a stop', () => {
    async function expectStopped(running: Promise<number>): Promise<void> {
      expect(await running).to.equal(0);
      expect(
        client.logged(/consulta_ganadores \| result: fail \| error: stopped before the winners were known$/),
      ).to.have.length(1);
    }

    it('before its start makes no connection', async () => {
      client.stop.abort();
      await expectStopped(client.upload(new FakeSource(2)));
      expect(server.attempts).to.equal(0);
    });

    it('in a backoff ends at once', async () => {
      server.refuse = Infinity;
      const running = client.upload(new FakeSource(2));
      await until(() => client.logged(/in_progress/).length >= 2, 'the backoff begins');
      client.stop.abort();
      await expectStopped(running);
    });

    it('in its upload receives the responses to the batches in flight and sends no more', async () => {
      const running = client.upload(new FakeSource(100), { window: 3 });
      const connection = await server.accept();
      await connection.next();
      connection.respond('O', '0');
      for (let batch = 0; batch < 3; batch++) await connection.next();
      client.stop.abort();
      await turns(3);
      for (const stored of ['2', '4', '6']) connection.respond('O', stored);
      expect(await connection.next()).to.equal('end');
      await connection.close();
      await expectStopped(running);
      expect(client.logged(/batch_enviado \| result: success \| cantidad_total: 6$/)).to.have.length(1);
      expect(client.logged(/close_connection \| result: success/)).to.have.length(1);
    });

    it('in its upload ends within the grace period despite a silent server', async () => {
      const running = client.upload(new FakeSource(100), { window: 3 });
      const connection = await server.accept();
      await connection.next();
      connection.respond('O', '0');
      for (let batch = 0; batch < 3; batch++) await connection.next();
      const begun = performance.now();
      client.stop.abort();
      await expectStopped(running);
      expect(performance.now() - begun).to.be.below(2_500);
    });

    it('before the draw ends', async () => {
      const running = client.upload(new FakeSource(0));
      const connection = await server.accept();
      await connection.next();
      connection.respond('O', '0');
      await connection.next();
      connection.respond('O', '0');
      expect(await connection.next()).to.equal('A');
      client.stop.abort();
      expect(await connection.next()).to.equal('end');
      await connection.close();
      await expectStopped(running);
    });
  });
});
