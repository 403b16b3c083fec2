import { expect } from 'chai';
import { FakeSource, giveWinners, MemoryClient } from '../../../../support/memory_client';
import { type ScriptedServer } from '../../../../support/scripted_server';

describe('a reconnector', () => {
  let client: MemoryClient;
  let server: ScriptedServer;

  beforeEach(() => {
    client = new MemoryClient();
    ({ server } = client);
  });

  afterEach(() => {
    client.stop.abort();
  });

  for (const code of ['timeout', 'busy', 'storage', 'shutting-down']) {
    it(`runs the work again after ${code}`, async () => {
      const running = client.upload(new FakeSource(0));
      const first = await server.accept();
      first.respond('E', `${code}: in words`);
      await first.close();
      const second = await server.accept();
      expect(await second.next()).to.equal('N 1');
      second.respond('O', '0');
      await giveWinners(second, 0, []);
      expect(await running).to.equal(0);
      expect(client.logged(/WARNING +action: connect \| result: in_progress/)).to.have.length(1);
    });
  }

  const final = [
    ...['bad-type', 'too-long', 'bad-value', 'bad-bet', 'wrong-agency', 'unknown-agency', 'unidentified'],
    ...['out-of-order', 'count-mismatch', 'superseded'],
  ];
  for (const code of final) {
    it(`ends with exit code 1 after ${code}`, async () => {
      const running = client.upload(new FakeSource(0));
      const connection = await server.accept();
      await connection.next();
      connection.respond('E', `${code}: in words`);
      await connection.close();
      expect(await running).to.equal(1);
      expect(server.attempts).to.equal(1);
      expect(
        client.logged(new RegExp(`ERROR +action: consulta_ganadores \\| result: fail \\| error: ${code}: in words$`)),
      ).to.have.length(1);
    });
  }

  for (const [what, type, text] of [
    ['an unknown error code', 'E', 'teapot: short and stout'],
    ['winners instead of a count', 'R', '1,2'],
    ['a count that is not a number', 'O', 'many'],
    ['a count with a leading zero', 'O', '00'],
    ['W', 'W', '1/2'],
  ] as const) {
    it(`ends with exit code 1 after ${what} in response to N`, async () => {
      const running = client.upload(new FakeSource(2));
      const connection = await server.accept();
      await connection.next();
      connection.respond(type, text);
      await connection.close();
      expect(await running).to.equal(1);
      expect(server.attempts).to.equal(1);
    });
  }

  it('gives up after the retry limit without progress', async () => {
    server.refuse = Infinity;
    const begun = performance.now();
    expect(await client.upload(new FakeSource(0), { retryLimitMs: 250 })).to.equal(1);
    expect(performance.now() - begun).to.be.within(240, 2_000);
    expect(server.attempts).to.be.within(3, 7);
    expect(client.logged(/result: fail \| error: connect: refused$/)).to.have.length(1);
  });

  it('tries once with a retry limit of 0', async () => {
    server.refuse = Infinity;
    expect(await client.upload(new FakeSource(0), { retryLimitMs: 0 })).to.equal(1);
    expect(server.attempts).to.equal(1);
  });
});
