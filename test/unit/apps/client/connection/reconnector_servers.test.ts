import { expect } from 'chai';
import sinon, { type SinonFakeTimers, type SinonStub, useFakeTimers } from 'sinon';
import { FakeNetwork } from '../../../../support/fake_network';
import { FakeSource, giveWinners, MemoryClient } from '../../../../support/memory_client';
import { type ScriptedConnection } from '../../../../support/scripted_server';
import { turns } from '../../../../support/turns';

const [A, B, C] = ['10.0.0.1:1', '10.0.0.2:1', '[fd00::3]:1'] as const;
const THREE = [A, B, C].join(',');

/** Turns of the event loop for everything that does not wait for a time. */
const SETTLING_TURNS = 30;

describe('a reconnector with several servers', () => {
  let clock: SinonFakeTimers;
  let random: SinonStub;
  let network: FakeNetwork;
  let client: MemoryClient;

  beforeEach(() => {
    clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'hrtime'] });
    random = sinon.stub(Math, 'random').returns(0.5);
    network = new FakeNetwork();
    client = new MemoryClient(network.createSocket);
  });

  afterEach(async () => {
    client.stop.abort();
    await turns(SETTLING_TURNS);
    sinon.restore();
    clock.restore();
  });

  /** Lets the time pass from timer to timer until `promise` has settled. */
  async function passUntil<Result>(promise: Promise<Result>): Promise<Result> {
    let isSettled = false;
    const settle = (): void => void (isSettled = true);
    promise.then(settle, settle);
    for (;;) {
      await turns(SETTLING_TURNS);
      if (isSettled) return promise;
      clock.next();
    }
  }

  /** Runs an agency without bets to its end. */
  const upload = (addresses: string, { id = 1, retryLimitMs = 60_000 } = {}): Promise<number> =>
    client.upload(new FakeSource(0), {
      retryLimitMs,
      environment: { CLI_SERVER_ADDRESS: addresses, CLI_ID: String(id) },
    });

  /** The server's side of a complete session without bets. */
  async function serve(connection: ScriptedConnection, agency = 1): Promise<void> {
    expect(await connection.next()).to.equal(`N ${agency}`);
    connection.respond('O', '0');
    await giveWinners(connection, 0, [], agency);
  }

  /** The side of the server A of a session that is lost after its progress. */
  async function loseAfterFinish(connection: ScriptedConnection): Promise<void> {
    expect(await connection.next()).to.equal('N 1');
    connection.respond('O', '0');
    expect(await connection.next()).to.equal('F 0');
    connection.respond('O', '0');
    expect(await connection.next()).to.equal('A');
    connection.reset();
    network.close(A);
  }

  /** The fields of the warnings, without times of day. */
  const warnings = (): string[] =>
    client.logged(/ WARNING /).map((line) => line.replace(/^.*action: connect \| result: in_progress \| /, ''));

  it('tries each once in a round, and has a backoff between rounds that grows', async () => {
    expect(await passUntil(upload(THREE, { retryLimitMs: 1_000 }))).to.equal(1);
    expect(network.attempts).to.deep.equal([
      ...[`0 ${A}`, `100 ${B}`, `200 ${C}`],
      ...[`275 ${A}`, `375 ${B}`, `475 ${C}`],
      ...[`625 ${A}`, `725 ${B}`, `825 ${C}`],
      `1000 ${A}`,
    ]);
  });

  it('names the server that failed and the next one in each warning', async () => {
    await passUntil(upload(THREE, { retryLimitMs: 250 }));
    expect(warnings()).to.deep.equal([
      `server: ${A} | error: connect: refused | next: ${B} | again_in_ms: 100`,
      `server: ${B} | error: connect: refused | next: ${C} | again_in_ms: 100`,
      `server: ${C} | error: connect: refused | next: ${A} | again_in_ms: 50`,
    ]);
  });

  it('doubles the backoff between rounds up to 5 s', async () => {
    random.returns(0);
    await passUntil(upload(THREE, { retryLimitMs: 30_000 }));
    const rounds = network.attempts.filter((attempt) => attempt.endsWith(A)).map((attempt) => parseInt(attempt, 10));
    expect(rounds).to.deep.equal([
      0, 50, 150, 350, 750, 1550, 3150, 5650, 8150, 10650, 13150, 15650, 18150, 20650, 23150, 25650, 28150, 30000,
    ]);
  });

  for (const [id, order] of [
    [1, [A, B, C]],
    [2, [B, C, A]],
    [3, [C, A, B]],
    [4, [A, C, B]],
    [5, [B, A, C]],
    [6, [C, B, A]],
    [7, [A, B, C]],
  ] as const) {
    it(`has an order of its own for agency ${id}`, async () => {
      await passUntil(upload(THREE, { id, retryLimitMs: 0 }));
      expect(network.attempts.map((attempt) => attempt.split(' ')[1])).to.deep.equal(order);
    });
  }

  it('tries each once with a retry limit of 0', async () => {
    network.silence(B);
    expect(await passUntil(upload(THREE, { retryLimitMs: 0 }))).to.equal(1);
    expect(network.attempts).to.deep.equal([`0 ${A}`, `100 ${B}`, `1700 ${C}`]);
  });

  it('gives up within a later round after the retry limit', async () => {
    network.silence(B);
    expect(await passUntil(upload(THREE, { retryLimitMs: 2_000 }))).to.equal(1);
    expect(network.attempts).to.deep.equal([`0 ${A}`, `100 ${B}`, `1700 ${C}`, `1775 ${A}`, `1875 ${B}`]);
  });

  it('loses less than 2 s with each server that does not respond', async () => {
    random.returns(0.999_999);
    network.silence(A);
    network.silence(B);
    const running = upload(THREE);
    const serving = network.listen(C).accept().then(serve);
    expect(await passUntil(running)).to.equal(0);
    await serving;
    expect(network.attempts).to.deep.equal([`0 ${A}`, `1699 ${B}`, `3398 ${C}`]);
    expect(warnings()).to.deep.equal([
      `server: ${A} | error: connect: timed out after 1500 ms | next: ${B} | again_in_ms: 199`,
      `server: ${B} | error: connect: timed out after 1500 ms | next: ${C} | again_in_ms: 199`,
    ]);
  });

  it('gives a single server 5 s, and a backoff after each failure', async () => {
    network.silence(A);
    expect(await passUntil(upload(A, { retryLimitMs: 15_000 }))).to.equal(1);
    expect(network.attempts).to.deep.equal([`0 ${A}`, `5075 ${A}`, `10225 ${A}`]);
  });

  it('has a backoff before a single server after its loss, too', async () => {
    const losing = network.listen(A).accept().then(loseAfterFinish);
    expect(await passUntil(upload(A, { retryLimitMs: 250 }))).to.equal(1);
    await losing;
    expect(network.attempts).to.deep.equal([`0 ${A}`, `75 ${A}`, `225 ${A}`, `250 ${A}`]);
  });

  for (const code of ['busy', 'shutting-down', 'storage', 'timeout']) {
    it(`goes on to the next after ${code}`, async () => {
      const refusing = network
        .listen(A)
        .accept()
        .then(async (connection) => {
          connection.respond('E', `${code}: in words`);
          await connection.close();
        });
      const serving = network.listen(B).accept().then(serve);
      expect(await passUntil(upload(THREE))).to.equal(0);
      await Promise.all([refusing, serving]);
      expect(network.attempts).to.deep.equal([`0 ${A}`, `100 ${B}`]);
      expect(warnings()).to.deep.equal([`server: ${A} | error: ${code}: in words | next: ${B} | again_in_ms: 100`]);
    });
  }

  it('stays after a final error', async () => {
    const refusing = network
      .listen(A)
      .accept()
      .then(async (connection) => {
        connection.respond('E', 'unknown-agency: in words');
        await connection.close();
      });
    expect(await passUntil(upload(THREE))).to.equal(1);
    await refusing;
    expect(network.attempts).to.deep.equal([`0 ${A}`]);
  });

  it('begins a new round after progress, with the lost server in the last place', async () => {
    const losing = network.listen(A).accept().then(loseAfterFinish);
    expect(await passUntil(upload(THREE, { retryLimitMs: 350 }))).to.equal(1);
    await losing;
    expect(network.attempts).to.deep.equal([`0 ${A}`, ...[`100 ${B}`, `200 ${C}`, `300 ${A}`], `350 ${B}`]);
  });

  it('waits for the draw where it is', async () => {
    const serving = network
      .listen(A)
      .accept()
      .then(async (connection) => {
        expect(await connection.next()).to.equal('N 1');
        connection.respond('O', '0');
        expect(await connection.next()).to.equal('F 0');
        connection.respond('O', '0');
        for (let poll = 0; poll < 500; poll++) {
          expect(await connection.next()).to.equal('A');
          connection.respond('W', '1/2');
        }
        expect(await connection.next()).to.equal('A');
        connection.respond('R');
        expect(await connection.next()).to.equal('N 1');
        connection.respond('O', '0');
        expect(await connection.next()).to.equal('end');
        await connection.close();
      });
    network.listen(B);
    network.listen(C);
    expect(await passUntil(upload(THREE))).to.equal(0);
    await serving;
    expect(performance.now()).to.be.greaterThan(400_000);
    expect(network.attempts).to.deep.equal([`0 ${A}`]);
  });

  it('divides the agencies of a lost server among the others, at different times', async () => {
    // The fractional parts of multiples of the golden ratio are spread evenly.
    const fractions = Array.from({ length: 20 }, (_, index) => ((index + 1) * 0.618_033_988_75) % 1);
    fractions.forEach((fraction, index) => random.onCall(index).returns(fraction));
    const lost = network.listen(A);
    for (const address of [B, C]) network.silence(address);
    const ids = fractions.map((_, index) => 1 + 3 * index);
    const agencies = ids.map((id) => {
      const agency = new MemoryClient(network.createSocket);
      const running = agency.upload(new FakeSource(0), {
        retryLimitMs: 0,
        environment: { CLI_SERVER_ADDRESS: THREE, CLI_ID: String(id) },
      });
      return { agency, running };
    });
    for (let session = 0; session < ids.length; session++) (await lost.accept()).reset();
    network.close(A);
    await passUntil(Promise.all(agencies.map(({ running }) => running)));
    const moves = network.attempts.slice(ids.length, 2 * ids.length).map((attempt) => attempt.split(' '));
    expect(moves.map(([, address]) => address).sort()).to.deep.equal([
      ...Array.from({ length: 10 }, () => B),
      ...Array.from({ length: 10 }, () => C),
    ]);
    expect(moves.map(([time]) => Number(time))).to.deep.equal(
      fractions.map((fraction) => Math.floor(200 * fraction)).sort((a, b) => a - b),
    );
  });

  it('ends at a stop in the pause before the next server', async () => {
    const running = upload(THREE);
    await turns(SETTLING_TURNS);
    expect(network.attempts).to.deep.equal([`0 ${A}`]);
    client.stop.abort();
    expect(await running).to.equal(0);
    expect(network.attempts).to.deep.equal([`0 ${A}`]);
  });

  describe('behind names', () => {
    const failure = (code: string): Error => Object.assign(new Error(`getaddrinfo ${code} lottery`), { code });

    it('tries each address of a name, in the order of the agency', async () => {
      client.lookUp = async () => ['10.0.0.3', '10.0.0.1', '10.0.0.2'];
      await passUntil(upload('lottery:1', { id: 2, retryLimitMs: 0 }));
      expect(network.attempts).to.deep.equal(['0 10.0.0.2:1', '100 10.0.0.3:1', '200 10.0.0.1:1']);
      expect(warnings()).to.deep.equal([
        'server: lottery:1 (10.0.0.2) | error: connect: refused | next: lottery:1 (10.0.0.3) | again_in_ms: 100',
        'server: lottery:1 (10.0.0.3) | error: connect: refused | next: lottery:1 (10.0.0.1) | again_in_ms: 100',
      ]);
    });

    it('tries an address of two names once', async () => {
      client.lookUp = async (host) => (host === 'one' ? ['10.0.0.1'] : ['fd00::3', '10.0.0.1']);
      await passUntil(upload('one:1,both:1,10.0.0.1:2', { retryLimitMs: 0 }));
      expect(network.attempts).to.deep.equal(['0 10.0.0.1:1', '100 [fd00::3]:1', '200 10.0.0.1:2']);
    });

    it('looks the names up anew in each round, and goes on behind the last address', async () => {
      const lookUps = [['10.0.0.1'], ['10.0.0.2', '10.0.0.1', '10.0.0.3'], ['10.0.0.4']];
      client.lookUp = async () => lookUps.shift()!;
      await passUntil(upload('lottery:1', { retryLimitMs: 500 }));
      expect(network.attempts.slice(0, 5)).to.deep.equal([
        '0 10.0.0.1:1',
        ...['75 10.0.0.2:1', '175 10.0.0.3:1', '275 10.0.0.1:1'],
        '425 10.0.0.4:1',
      ]);
    });

    it('looks the names up anew after progress', async () => {
      let addresses = ['10.0.0.1', '10.0.0.2'];
      client.lookUp = async () => addresses;
      const losing = network
        .listen(A)
        .accept()
        .then(async (connection) => {
          addresses = ['10.0.0.3'];
          await loseAfterFinish(connection);
        });
      const serving = network.listen('10.0.0.3:1').accept().then(serve);
      expect(await passUntil(upload('lottery:1'))).to.equal(0);
      await Promise.all([losing, serving]);
      expect(network.attempts).to.deep.equal(['0 10.0.0.1:1', '100 10.0.0.3:1']);
    });

    it('passes over a name without an address', async () => {
      client.lookUp = async () => Promise.reject(failure('ENOTFOUND'));
      const serving = network.listen(B).accept().then(serve);
      expect(await passUntil(upload(`lottery:1,${B}`))).to.equal(0);
      await serving;
      expect(network.attempts).to.deep.equal([`100 ${B}`]);
      expect(warnings()).to.deep.equal([
        `server: lottery:1 | error: look up lottery: getaddrinfo ENOTFOUND lottery | next: ${B} | again_in_ms: 100`,
      ]);
    });

    it('loses less than 2 s with a name server that does not respond', async () => {
      client.lookUp = () => new Promise(() => {});
      const serving = network.listen(B).accept().then(serve);
      expect(await passUntil(upload(`lottery:1,${B}`))).to.equal(0);
      await serving;
      expect(network.attempts).to.deep.equal([`1600 ${B}`]);
    });

    it('gives up after 5 s with a single name, a retry limit of 0 and no response of the name server', async () => {
      client.lookUp = () => new Promise(() => {});
      expect(await passUntil(upload('lottery:1', { retryLimitMs: 0 }))).to.equal(1);
      expect(performance.now()).to.equal(5_000);
      expect(client.logged(/fail \| error: look up lottery: timed out after 5000 ms$/)).to.have.length(1);
    });

    it('ends at a stop during a look-up', async () => {
      client.lookUp = () => new Promise(() => {});
      const running = upload('lottery:1');
      await turns(SETTLING_TURNS);
      client.stop.abort();
      expect(await running).to.equal(0);
      expect(clock.countTimers()).to.equal(0);
    });
  });
});
