import { expect } from 'chai';
import { FakeNetwork } from '../../../../support/fake_network';
import { FakeSource, giveWinners, MemoryClient, resume, STORED_DIGEST } from '../../../../support/memory_client';
import { type ScriptedServer } from '../../../../support/scripted_server';

const [A, B] = ['10.0.0.1:1', '10.0.0.2:1'] as const;

describe('an agency that resumes its upload', () => {
  let client: MemoryClient;
  let server: ScriptedServer;

  beforeEach(() => {
    client = new MemoryClient();
    ({ server } = client);
  });

  afterEach(() => {
    client.stop.abort();
  });

  it('ends with exit code 1, and sends no bet, if the stored rows are not those of its file', async () => {
    const source = new FakeSource(10);
    const running = client.upload(source);
    const connection = await server.accept();
    await connection.next();
    connection.respond('O', '6');
    expect(await connection.next()).to.equal('D');
    connection.respond('D', `6:${'0'.repeat(64)}`);
    expect(await connection.next()).to.equal('end');
    await connection.close();
    expect(await running).to.equal(1);
    expect(source.skips).to.deep.equal([]);
    expect(client.logged(/ERROR +action: consulta_ganadores .* error: bets\.csv has other rows$/)).to.have.length(1);
  });

  for (const [what, answer] of [
    ['of another number of bets', `5:${STORED_DIGEST}`],
    ['in another form', `6:${STORED_DIGEST.toUpperCase()}`],
  ] as const) {
    it(`ends with exit code 1 after a digest ${what}`, async () => {
      const running = client.upload(new FakeSource(10));
      const connection = await server.accept();
      await connection.next();
      connection.respond('O', '6');
      await connection.next();
      connection.respond('D', answer);
      await connection.close();
      expect(await running).to.equal(1);
    });
  }

  it('goes on without a digest in the next session with a server that does not know D', async () => {
    const source = new FakeSource(10);
    const running = client.upload(source, { window: 8 });
    const first = await server.accept();
    await first.next();
    first.respond('O', '8');
    expect(await first.next()).to.equal('D');
    first.respond('E', 'bad-type: a message of type D');
    await first.close();
    const second = await server.accept();
    expect(await second.next()).to.equal('N 1');
    second.respond('O', '8');
    expect(await second.next()).to.equal('B 9 10');
    second.reset();
    const third = await server.accept();
    await third.next();
    third.respond('O', '10');
    await giveWinners(third, 10, ['1']);
    expect(await running).to.equal(0);
    expect(source.skips).to.deep.equal([8, 10]);
    expect(source.compared).to.deep.equal([]);
    expect(client.logged(/WARNING +action: connect .*no digests of stored bets/)).to.have.length(1);
  });

  it('ends with exit code 1 if another message than D is a bad type', async () => {
    const running = client.upload(new FakeSource(2));
    const connection = await server.accept();
    await connection.next();
    connection.respond('E', 'bad-type: a message of type N');
    await connection.close();
    expect(await running).to.equal(1);
  });

  it('compares the stored bets at each server that knows D, and goes on without at an older one', async () => {
    const network = new FakeNetwork();
    client = new MemoryClient(network.createSocket);
    const source = new FakeSource(4);
    const [serverA, serverB] = [network.listen(A), network.listen(B)];
    const running = client.upload(source, { environment: { CLI_SERVER_ADDRESS: `${A},${B}` } });
    const old = await serverA.accept();
    await old.next();
    old.respond('O', '4');
    expect(await old.next()).to.equal('D');
    old.respond('E', 'bad-type: a message of type D');
    await old.close();
    const newer = await serverB.accept();
    await resume(newer, 4);
    expect(await newer.next()).to.equal('F 4');
    newer.reset();
    network.close(B);
    const again = await serverA.accept();
    await again.next();
    again.respond('O', '4');
    await giveWinners(again, 4, []);
    expect(await running).to.equal(0);
    expect(source.compared).to.deep.equal([4]);
  });
});
