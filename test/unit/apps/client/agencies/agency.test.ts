import { expect } from 'chai';
import { type Container } from 'inversify';
import { type Agency } from '../../../../../apps/client/agencies/agency';
import {
  BadRowError,
  type BetSource,
  type OutgoingBatch,
  SourceChangedError,
} from '../../../../../apps/client/bets/bet_source';
import { createClientContainer } from '../../../../../apps/client/container';
import { CLIENT_SETTINGS } from '../../../../../apps/client/settings';
import { TOKENS } from '../../../../../apps/client/tokens';
import { loadSettings } from '../../../../../apps/runtime/settings';
import { createMemoryLog } from '../../../../support/memory_lottery';
import { type ScriptedConnection, ScriptedServer } from '../../../../support/scripted_server';
import { turns, until } from '../../../../support/turns';

/** Bets 1 to `total`, two in a batch, as text; fails behind them if told to. */
class FakeSource implements BetSource {
  readonly skips: number[] = [];
  isChanged = false;

  constructor(
    private readonly total: number,
    private readonly failure?: Error,
  ) {}

  async requireUsable(): Promise<void> {}

  async requireUnchanged(): Promise<void> {
    if (this.isChanged) throw new SourceChangedError('bets.csv has changed');
  }

  async *batches(skip: number): AsyncGenerator<OutgoingBatch> {
    this.skips.push(skip);
    for (let bet = skip; bet < this.total; bet += 2) {
      const count = Math.min(2, this.total - bet);
      const value = Array.from({ length: count }, (_, index) => bet + index + 1).join(' ');
      yield { value: Buffer.from(value), count };
    }
    if (this.failure !== undefined) throw this.failure;
  }
}

describe('an agency', () => {
  let server: ScriptedServer;
  let stop: AbortController;
  let lines: string[];

  beforeEach(() => {
    server = new ScriptedServer();
    stop = new AbortController();
  });

  afterEach(() => {
    stop.abort();
  });

  /** The client as it is composed for real, but for where it connects to. */
  function compose(environment: Record<string, string>): Container {
    const memory = createMemoryLog();
    lines = memory.lines;
    const settings = loadSettings(CLIENT_SETTINGS, { defaultFile: 'none.ini', environment });
    const container = createClientContainer(settings, memory.log);
    container.rebind(TOKENS.SocketFactory).toConstantValue(server.createSocket);
    return container;
  }

  const run = (container: Container): Promise<number> => container.get<Agency>(TOKENS.Agency).run(stop.signal);

  function start(source: BetSource, { window = 4, retryLimitMs = 60_000 } = {}): Promise<number> {
    const container = compose({ CLI_WINDOW: String(window), CLI_RETRY_LIMIT_MS: String(retryLimitMs) });
    container.rebind(TOKENS.BetSource).toConstantValue(source);
    return run(container);
  }

  const logged = (pattern: RegExp): string[] => lines.filter((line) => pattern.test(line));

  /** What a server does from the finish to the winners. */
  async function giveWinners(connection: ScriptedConnection, total: number, winners: readonly string[]): Promise<void> {
    expect(await connection.next()).to.equal(`F ${total}`);
    connection.respond('O', String(total));
    expect(await connection.next()).to.equal('A');
    connection.respond('W', '1/2');
    expect(await connection.next()).to.equal('A');
    connection.respond('R');
    expect(await connection.next()).to.equal('N 1');
    for (const value of winners) connection.respond('R', value);
    connection.respond('O', String(winners.join().split(',').filter(Boolean).length));
    expect(await connection.next()).to.equal('end');
    await connection.close();
  }

  it('uploads, finishes, asks until the draw is held, and has its winners', async () => {
    const running = start(new FakeSource(3));
    const connection = await server.accept();
    expect(await connection.next()).to.equal('N 1');
    connection.respond('O', '0');
    expect(await connection.next()).to.equal('B 1 2');
    connection.respond('O', '2');
    expect(await connection.next()).to.equal('B 3');
    connection.respond('O', '3');
    await giveWinners(connection, 3, ['7,8', '9']);
    expect(await running).to.equal(0);
    expect(logged(/INFO +action: consulta_ganadores \| result: success \| cant_ganadores: 3$/)).to.have.length(1);
    expect(logged(/DEBUG +action: ganador \| result: success \| dni: [789]$/)).to.have.length(3);
  });

  it('has no winners where the server names none', async () => {
    const running = start(new FakeSource(0));
    const connection = await server.accept();
    await connection.next();
    connection.respond('O', '0');
    await giveWinners(connection, 0, []);
    expect(await running).to.equal(0);
  });

  it('keeps no more batches in flight than its window', async () => {
    const running = start(new FakeSource(100), { window: 3 });
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

  it('goes on behind what the server has, after a lost connection', async () => {
    const source = new FakeSource(10);
    const running = start(source, { window: 8 });
    const first = await server.accept();
    await first.next();
    first.respond('O', '0');
    for (let batch = 1; batch <= 5; batch++) await first.next();
    first.respond('O', '2');
    await turns(3);
    first.reset();
    const second = await server.accept();
    expect(await second.next()).to.equal('N 1');
    second.respond('O', '6');
    expect(await second.next()).to.equal('B 7 8');
    expect(await second.next()).to.equal('B 9 10');
    second.respond('O', '8');
    await second.close();
    const third = await server.accept();
    await third.next();
    third.respond('O', '10');
    await giveWinners(third, 10, ['1']);
    expect(await running).to.equal(0);
    expect(source.skips).to.deep.equal([0, 6, 10]);
  });

  for (const code of ['timeout', 'busy', 'storage', 'shutting-down']) {
    it(`tries again after ${code}`, async () => {
      const running = start(new FakeSource(0));
      const first = await server.accept();
      first.respond('E', `${code}: in words`);
      await first.close();
      const second = await server.accept();
      expect(await second.next()).to.equal('N 1');
      second.respond('O', '0');
      await giveWinners(second, 0, []);
      expect(await running).to.equal(0);
      expect(logged(/WARNING +action: connect \| result: in_progress/)).to.have.length(1);
    });
  }

  const final = [
    ...['bad-type', 'too-long', 'bad-value', 'bad-bet', 'wrong-agency', 'unknown-agency', 'unidentified'],
    ...['out-of-order', 'count-mismatch', 'superseded'],
  ];
  for (const code of final) {
    it(`ends with 1 after ${code}`, async () => {
      const running = start(new FakeSource(0));
      const connection = await server.accept();
      await connection.next();
      connection.respond('E', `${code}: in words`);
      await connection.close();
      expect(await running).to.equal(1);
      expect(server.attempts).to.equal(1);
      expect(
        logged(new RegExp(`ERROR +action: consulta_ganadores \\| result: fail \\| error: ${code}: in words$`)),
      ).to.have.length(1);
    });
  }

  for (const [what, type, text] of [
    ['an error that the protocol does not have', 'E', 'teapot: short and stout'],
    ['winners instead of a count', 'R', '1,2'],
    ['a count that is none', 'O', 'many'],
    ['a count with a leading zero', 'O', '00'],
    ['W', 'W', '1/2'],
  ] as const) {
    it(`ends with 1 where the server answers its name with ${what}`, async () => {
      const running = start(new FakeSource(2));
      const connection = await server.accept();
      await connection.next();
      connection.respond(type, text);
      await connection.close();
      expect(await running).to.equal(1);
      expect(server.attempts).to.equal(1);
    });
  }

  it('ends with 1 where the counts do not fit together', async () => {
    const running = start(new FakeSource(2));
    const connection = await server.accept();
    await connection.next();
    connection.respond('O', '0');
    await connection.next();
    connection.respond('O', '3');
    await connection.close();
    expect(await running).to.equal(1);
    expect(logged(/the server has 3 bets of this agency, and 2 were sent/)).to.have.length(1);
  });

  it('ends with 1 where the server names fewer winners than it says', async () => {
    const running = start(new FakeSource(0));
    const connection = await server.accept();
    for (const answer of ['O', 'O', 'R'] as const) {
      await connection.next();
      connection.respond(answer, answer === 'O' ? '0' : '');
    }
    await connection.next();
    connection.respond('R', '1');
    connection.respond('O', '2');
    await connection.close();
    expect(await running).to.equal(1);
  });

  it('stores all before a bad row, and names the row', async () => {
    const running = start(new FakeSource(4, new BadRowError('bets.csv:5: wrong')));
    const connection = await server.accept();
    await connection.next();
    connection.respond('O', '0');
    expect(await connection.next()).to.equal('B 1 2');
    expect(await connection.next()).to.equal('B 3 4');
    let code: number | undefined;
    void running.then((end) => (code = end));
    connection.respond('O', '2');
    await turns(10);
    expect(code, 'its end, with a batch in flight').to.equal(undefined);
    connection.respond('O', '4');
    expect(await connection.next()).to.equal('end');
    await connection.close();
    expect(await running).to.equal(1);
    expect(logged(/result: fail \| error: bets\.csv:5: wrong$/)).to.have.length(1);
  });

  it('tries again to settle what is before a bad row, where the connection is lost', async () => {
    const running = start(new FakeSource(4, new BadRowError('bets.csv:5: wrong')));
    const first = await server.accept();
    await first.next();
    first.respond('O', '0');
    await first.next();
    first.reset();
    const second = await server.accept();
    await second.next();
    second.respond('O', '2');
    expect(await second.next()).to.equal('B 3 4');
    second.respond('O', '4');
    await second.next();
    await second.close();
    expect(await running).to.equal(1);
    expect(logged(/bets\.csv:5: wrong$/)).to.have.length(1);
  });

  it('sends no F if its source has changed by the last acknowledgement', async () => {
    const source = new FakeSource(4);
    const running = start(source);
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
    expect(logged(/result: fail \| error: bets\.csv has changed$/)).to.have.length(1);
  });

  it('does not use its source after the finish', async () => {
    const source = new FakeSource(2);
    const running = start(source);
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

  it('uploads again to a server that has lost the finished bets', async () => {
    const source = new FakeSource(2);
    const running = start(source);
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

  it('gives up once nothing has got further for the retry limit', async () => {
    server.refuse = Infinity;
    const begun = performance.now();
    expect(await start(new FakeSource(0), { retryLimitMs: 250 })).to.equal(1);
    expect(performance.now() - begun).to.be.within(240, 2_000);
    expect(server.attempts).to.be.within(3, 7);
    expect(logged(/result: fail \| error: connect: refused$/)).to.have.length(1);
  });

  it('does not try again at all with a limit of 0', async () => {
    server.refuse = Infinity;
    expect(await start(new FakeSource(0), { retryLimitMs: 0 })).to.equal(1);
    expect(server.attempts).to.equal(1);
  });

  describe('that is stopped', () => {
    async function expectStopped(running: Promise<number>): Promise<void> {
      expect(await running).to.equal(0);
      expect(
        logged(/consulta_ganadores \| result: fail \| error: stopped before the winners were known$/),
      ).to.have.length(1);
    }

    it('before it began, makes no connection', async () => {
      stop.abort();
      await expectStopped(start(new FakeSource(2)));
      expect(server.attempts).to.equal(0);
    });

    it('in its pause before another try, ends at once', async () => {
      server.refuse = Infinity;
      const running = start(new FakeSource(2));
      await until(() => logged(/in_progress/).length >= 2, 'it pauses');
      stop.abort();
      await expectStopped(running);
    });

    it('in its upload, takes the answers of what is in flight, and sends no more', async () => {
      const running = start(new FakeSource(100), { window: 3 });
      const connection = await server.accept();
      await connection.next();
      connection.respond('O', '0');
      for (let batch = 0; batch < 3; batch++) await connection.next();
      stop.abort();
      await turns(3);
      for (const stored of ['2', '4', '6']) connection.respond('O', stored);
      expect(await connection.next()).to.equal('end');
      await connection.close();
      await expectStopped(running);
      expect(logged(/batch_enviado \| result: success \| cantidad_total: 6$/)).to.have.length(1);
      expect(logged(/close_connection \| result: success/)).to.have.length(1);
    });

    it('in its upload, waits no more than a moment for a server that is silent', async () => {
      const running = start(new FakeSource(100), { window: 3 });
      const connection = await server.accept();
      await connection.next();
      connection.respond('O', '0');
      for (let batch = 0; batch < 3; batch++) await connection.next();
      const begun = performance.now();
      stop.abort();
      await expectStopped(running);
      expect(performance.now() - begun).to.be.below(2_500);
    });

    it('while it waits for the draw, ends', async () => {
      const running = start(new FakeSource(0));
      const connection = await server.accept();
      await connection.next();
      connection.respond('O', '0');
      await connection.next();
      connection.respond('O', '0');
      expect(await connection.next()).to.equal('A');
      stop.abort();
      expect(await connection.next()).to.equal('end');
      await connection.close();
      await expectStopped(running);
    });
  });

  describe('with one bet', () => {
    const row = 'B 1,Ana,"Gómez, h.",5,1999-03-17,42';

    function startSingle(environment: Record<string, string> = {}): Promise<number> {
      const bet = { NOMBRE: 'Ana', APELLIDO: 'Gómez, h.', DOCUMENTO: '5', NACIMIENTO: '1999-03-17', NUMERO: '42' };
      return run(compose({ ...bet, ...environment }));
    }

    it('places it, and neither finishes nor asks', async () => {
      const running = startSingle();
      const connection = await server.accept();
      expect(await connection.next()).to.equal('N 1');
      connection.respond('O', '7');
      expect(await connection.next()).to.equal(row);
      connection.respond('O', '8');
      expect(await connection.next()).to.equal('end');
      await connection.close();
      expect(await running).to.equal(0);
      expect(logged(/apuesta_enviada \| result: success \| dni: 5 \| numero: 42$/)).to.have.length(1);
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
      it(`fails with an unknown outcome if the answer was lost and the count ${what}`, async () => {
        const running = startSingle();
        (await takeBet()).reset();
        const second = await server.accept();
        expect(await second.next()).to.equal('N 1');
        second.respond('O', count);
        expect(await second.next()).to.equal('end');
        await second.close();
        expect(await running).to.equal(1);
        expect(logged(unknown)).to.have.length(1);
        expect(logged(new RegExp(`agency 1: 7 bets before, ${count} now`))).to.have.length(1);
      });
    }

    for (const code of ['bad-bet', 'out-of-order', 'wrong-agency']) {
      it(`fails with ${code} if the server refuses the bet`, async () => {
        const running = startSingle();
        const connection = await takeBet();
        connection.respond('E', `${code}: in words`);
        await connection.close();
        expect(await running).to.equal(1);
        expect(logged(new RegExp(`numero: 42 \\| error: ${code}: in words$`))).to.have.length(1);
      });
    }

    it('fails with an unknown outcome if a newer session supersedes it before the answer', async () => {
      const running = startSingle();
      const connection = await takeBet();
      connection.respond('E', 'superseded: in words');
      await connection.close();
      expect(await running).to.equal(1);
      expect(logged(unknown)).to.have.length(1);
    });

    it('fails with an unknown outcome if the next session is refused', async () => {
      const running = startSingle();
      (await takeBet()).reset();
      const second = await server.accept();
      await second.next();
      second.respond('E', 'unknown-agency: the agencies are 1 to 0');
      await second.close();
      expect(await running).to.equal(1);
      expect(logged(unknown)).to.have.length(1);
    });

    for (const [type, text] of [
      ['O', '9'],
      ['O', '7'],
      ['W', '1/2'],
      ['E', 'teapot: short and stout'],
    ] as const) {
      it(`fails with an unknown outcome after the answer ${type} ${text}`, async () => {
        const running = startSingle();
        const connection = await takeBet();
        connection.respond(type, text);
        await connection.close();
        expect(await running).to.equal(1);
        expect(logged(unknown)).to.have.length(1);
      });
    }

    it('fails without an unknown outcome before the bet was sent', async () => {
      const running = startSingle({ CLI_RETRY_LIMIT_MS: '0' });
      const connection = await server.accept();
      await connection.next();
      connection.reset();
      expect(await running).to.equal(1);
      expect(logged(/numero: 42 \| error: /)).to.have.length(1);
      expect(logged(/unknown whether/)).to.be.empty;
    });

    it('compares the count with that of the session in which the bet was sent', async () => {
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

    it('has an unknown outcome after a stop between the bet and its answer', async () => {
      const running = startSingle();
      await takeBet();
      const begun = performance.now();
      stop.abort();
      expect(await running).to.equal(0);
      expect(performance.now() - begun).to.be.below(2_000);
      expect(logged(unknown)).to.have.length(1);
    });

    it('takes an answer that follows the stop', async () => {
      const running = startSingle();
      const connection = await takeBet();
      stop.abort();
      await turns(3);
      connection.respond('O', '8');
      expect(await connection.next()).to.equal('end');
      await connection.close();
      expect(await running).to.equal(0);
      expect(logged(/apuesta_enviada \| result: success/)).to.have.length(1);
    });

    it('sends no bet after a stop', async () => {
      const running = startSingle();
      const connection = await server.accept();
      await connection.next();
      stop.abort();
      expect(await connection.next()).to.equal('end');
      await connection.close();
      expect(await running).to.equal(0);
      expect(logged(/error: stopped before the bet was acknowledged: it is not stored$/)).to.have.length(1);
    });

    it('sends it again where the bet was lost too', async () => {
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

    it('ends with 1 where the server refuses it', async () => {
      const running = startSingle();
      const connection = await server.accept();
      await connection.next();
      connection.respond('E', 'unknown-agency: the agencies are 1 to 0');
      await connection.close();
      expect(await running).to.equal(1);
      expect(logged(/apuesta_enviada \| result: fail \| dni: 5 \| numero: 42 \| error: unknown-agency/)).to.have.length(
        1,
      );
    });
  });
});
