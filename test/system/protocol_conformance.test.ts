import { expect } from 'chai';
import { type App } from '../support/app';
import { LotterySandbox } from '../support/lottery_sandbox';
import { header, message, type WireClient } from '../support/wire_client';

const bet = (agency: number, number = 1): string => `${agency},Ana,Gómez,${number},1999-03-17,${number}`;
const bets = (agency: number, ...numbers: number[]): string => numbers.map((n) => bet(agency, n)).join('\n');

describe('the server, spoken to in bytes', function () {
  this.timeout(20_000);
  let sandbox: LotterySandbox;
  let server: App;
  let port: number;

  async function start(env: Record<string, string> = {}): Promise<void> {
    const defaults = { SERVER_AGENCIES: '3', SERVER_WINNING_NUMBER: '42', SERVER_WAIT_HOLD_MS: '20' };
    ({ app: server, port } = await sandbox.startServer({ ...defaults, ...env }));
  }

  const connect = (): Promise<WireClient> => sandbox.connect(port);

  /** Finishes the other agencies, so that the draw is held as soon as `agency` has finished. */
  async function finishAllBut(agency: number): Promise<void> {
    for (const other of [1, 2, 3].filter((id) => id !== agency)) {
      const connection = await connect();
      connection.write(message('N', String(other)), message('F'));
      expect([await connection.next(), await connection.next()]).to.deep.equal(['O 0', 'O 0']);
      connection.destroy();
    }
  }

  /** An answer that ends the session: an `E` of this code, then the server's end and nothing else. */
  async function expectRefusal(connection: WireClient, code: string): Promise<void> {
    const [answer, ...more] = await connection.rest();
    expect(answer).to.match(new RegExp(`^E ${code}: .`));
    expect(more).to.deep.equal([]);
  }

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  describe('a session in good order', () => {
    beforeEach(() => start());

    it('goes from the name over bets, finish and waiting to the winners', async () => {
      const agency = await connect();
      expect(await agency.ask('N', '1')).to.equal('O 0');
      expect(await agency.ask('B', bets(1, 7, 42))).to.equal('O 2');
      expect(await agency.ask('B', `${bet(1, 9)}\r\n1,Li,Wu,5,2000-02-29,0042\r\n`)).to.equal('O 4');
      expect(await agency.ask('F', '4')).to.equal('O 4');
      expect(await agency.ask('A')).to.equal('W 1/3');
      expect(await agency.ask('F')).to.equal('O 4');
      await finishAllBut(1);
      expect(await agency.ask('A')).to.equal('R');
      expect(await agency.ask('N', '1')).to.equal('R 42,5');
      expect(await agency.next()).to.equal('O 2');
      agency.end();
      expect(await agency.next()).to.equal('end');
    });

    it('may be pipelined in one write: each message is answered, in order', async () => {
      const agency = await connect();
      const parts = [message('N', '2'), message('B', bets(2, 1, 2)), message('B', bet(2, 3)), message('F', '3')];
      agency.write(...parts, message('A'), message('A'));
      const answers = [];
      for (let count = 0; count < 6; count++) answers.push(await agency.next());
      expect(answers).to.deep.equal(['O 0', 'O 2', 'O 3', 'O 3', 'W 1/3', 'W 1/3']);
    });

    it('may come one byte at a time', async () => {
      const agency = await connect();
      const bytes = Buffer.concat([message('N', '1'), message('B', bet(1)), message('F', '1'), message('A')]);
      for (const byte of bytes) {
        agency.write(Buffer.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      const answers = [await agency.next(), await agency.next(), await agency.next(), await agency.next()];
      expect(answers).to.deep.equal(['O 0', 'O 1', 'O 1', 'W 1/3']);
    });

    it('may begin with a batch, for an agency without bets', async () => {
      const agency = await connect();
      expect(await agency.ask('B', bets(2, 5, 6))).to.equal('O 2');
      expect(await agency.ask('B', bet(2, 7))).to.equal('O 3');
      expect(await agency.ask('F', '3')).to.equal('O 3');
    });

    it('may be half closed by the agency: what it has sent is answered', async () => {
      const agency = await connect();
      agency.write(message('N', '1'), message('B', bet(1)), message('F', '1'), message('A'));
      agency.end();
      expect(await agency.rest()).to.deep.equal(['O 0', 'O 1', 'O 1', 'W 1/3']);
    });

    it('goes on in another session after those bets that are stored', async () => {
      const first = await connect();
      await first.ask('N', '1');
      await first.ask('B', bets(1, 1, 2, 3));
      first.destroy();
      const second = await connect();
      expect(await second.ask('N', '1')).to.equal('O 3');
      expect(await second.ask('B', bet(1, 4))).to.equal('O 4');
      expect(await sandbox.storedRows()).to.deep.equal([bet(1, 1), bet(1, 2), bet(1, 3), bet(1, 4)]);
    });

    it('takes a value of 8192 bytes', async () => {
      const row = (length: number): string => {
        const begin = '1,a,b,1,1999-03-17,';
        return `${begin.replace('a', 'a'.repeat(length - begin.length))}1`;
      };
      const rows: string[] = [];
      for (let left = 8192; left > 0;) {
        const length = left <= 110 ? left : Math.min(100, left - 40);
        rows.push(row(length));
        left -= length + 1;
      }
      const value = rows.join('\n').padEnd(8192, '\n');
      expect(Buffer.byteLength(value)).to.equal(8192);
      const agency = await connect();
      expect(await agency.ask('B', value)).to.equal(`O ${rows.length}`);
    });

    it('tells nobody but the agency its winners: none is an O 0 alone', async () => {
      await finishAllBut(1);
      const agency = await connect();
      agency.write(message('N', '1'), message('B', bet(1, 42)), message('F'), message('A'), message('N', '1'));
      const answers = [];
      for (let count = 0; count < 6; count++) answers.push(await agency.next());
      expect(answers).to.deep.equal(['O 0', 'O 1', 'O 1', 'R', 'R 42', 'O 1']);
      const other = await connect();
      other.write(message('N', '2'), message('A'), message('N', '2'));
      expect([await other.next(), await other.next(), await other.next()]).to.deep.equal(['O 0', 'R', 'O 0']);
    });

    it('may ask again in a later session, and finish again', async () => {
      await finishAllBut(1);
      const winners = ['O 1', 'R', 'R 42', 'O 1'];
      const first = await connect();
      first.write(message('N', '1'), message('B', bet(1, 42)), message('F', '1'));
      expect([await first.next(), await first.next(), await first.next()]).to.deep.equal(['O 0', 'O 1', 'O 1']);
      first.destroy();
      for (let time = 0; time < 2; time++) {
        const later = await connect();
        later.write(message('N', '1'), message('F', '1'), message('A'), message('N', '1'));
        expect(await later.next()).to.equal('O 1');
        const answers = [];
        for (let count = 0; count < 4; count++) answers.push(await later.next());
        expect(answers).to.deep.equal(winners);
        later.destroy();
      }
    });

    it('keeps bytes in names as they came, quoted where they must be', async () => {
      const agency = await connect();
      const row = '1,"Ñandú, ""el""",\u{1F600} Ô’,1,1999-03-17,42';
      expect(await agency.ask('B', `${row}\r\n1,"Li",Wu,2,1999-03-17,0`)).to.equal('O 2');
      expect(await sandbox.storedRows()).to.deep.equal(['1,Li,Wu,2,1999-03-17,0', row].sort());
    });
  });

  describe('winners beyond 8 kB', () => {
    it('come in several messages, none split, in the order stored', async () => {
      await start();
      await finishAllBut(1);
      const agency = await connect();
      agency.send('N', '1');
      expect(await agency.next()).to.equal('O 0');
      const documents: string[] = [];
      for (let batch = 0; batch < 15; batch++) {
        const numbers = Array.from({ length: 100 }, (_, index) => 100_000_000_000 + batch * 100 + index);
        documents.push(...numbers.map(String));
        agency.send('B', numbers.map((document) => `1,Ana,Gómez,${document},1999-03-17,0042`).join('\n'));
      }
      for (let batch = 1; batch <= 15; batch++) expect(await agency.next()).to.equal(`O ${batch * 100}`);
      agency.write(message('F', '1500'), message('A'), message('N', '1'));
      expect([await agency.next(), await agency.next()]).to.deep.equal(['O 1500', 'R']);
      const got: string[] = [];
      let messages = 0;
      for (let answer = await agency.next(); answer.startsWith('R'); answer = await agency.next()) {
        got.push(...answer.slice(2).split(','));
        messages++;
        if (got.length === 1500) expect(await agency.next()).to.equal('O 1500');
        if (got.length === 1500) break;
      }
      expect(got).to.deep.equal(documents);
      expect(messages).to.equal(3);
    });
  });

  describe('a refused message', () => {
    beforeEach(() => start());

    const cases: [string, string, (connection: WireClient) => void][] = [
      ['bad-type', 'a type that does not exist', (agency) => agency.send('X', 'y')],
      ['bad-type', 'a small letter', (agency) => agency.send('n', '1')],
      ['bad-type', "the server's own type", (agency) => agency.send('O', '1')],
      ['bad-type', 'a byte that is no letter', (agency) => agency.write(Buffer.alloc(7, 0xff))],
      ['bad-type', 'HTTP', (agency) => agency.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'))],
      ['too-long', 'a length of 8193, before its value comes', (agency) => agency.write(header('B', 8193))],
      ['too-long', 'a length of 2^48-1', (agency) => agency.write(header('B', 2 ** 48 - 1))],
      ['too-long', 'a long name', (agency) => agency.write(header('N', 8193))],
      ['bad-value', 'N with a leading zero', (agency) => agency.send('N', '01')],
      ['bad-value', 'N without a value', (agency) => agency.send('N')],
      ['bad-value', 'N with a space', (agency) => agency.send('N', '1 ')],
      ['bad-value', 'N with a sign', (agency) => agency.send('N', '+1')],
      ['bad-value', 'N with other digits', (agency) => agency.send('N', '１')],
      ['bad-value', 'N that is not UTF-8', (agency) => agency.send('N', Buffer.of(0xff))],
      ['bad-value', 'F that is no number', (agency) => agency.write(message('N', '1'), message('F', 'all'))],
      ['bad-value', 'F with a leading zero', (agency) => agency.write(message('N', '1'), message('F', '00'))],
      ['bad-value', 'A that is not empty', (agency) => agency.write(message('N', '1'), message('A', 'please'))],
      ['bad-bet', 'an empty batch', (agency) => agency.send('B')],
      ['bad-bet', 'a batch that is a line feed', (agency) => agency.send('B', '\n')],
      ['bad-bet', 'a row that is wrong', (agency) => agency.send('B', '1,Ana,,1,1999-03-17,1')],
      [
        'bad-bet',
        'text that is not UTF-8',
        (agency) => agency.send('B', Buffer.from('1,A\xff,b,1,1999-03-17,1', 'latin1')),
      ],
      ['wrong-agency', 'a bet of another', (agency) => agency.write(message('N', '1'), message('B', bet(2)))],
      ['unknown-agency', 'agency 0', (agency) => agency.send('N', '0')],
      ['unknown-agency', 'an agency beyond the expected', (agency) => agency.send('N', '4')],
      ['unknown-agency', 'an agency beyond every number', (agency) => agency.send('N', '9'.repeat(400))],
      ['unknown-agency', 'a first batch of one', (agency) => agency.send('B', bet(4))],
      ['unidentified', 'F without a name', (agency) => agency.send('F', '0')],
      ['unidentified', 'A without a name', (agency) => agency.send('A')],
      ['out-of-order', 'N twice', (agency) => agency.write(message('N', '1'), message('N', '1'))],
      ['out-of-order', 'N after a first batch', (agency) => agency.write(message('B', bet(1)), message('N', '1'))],
      ['out-of-order', 'B after F', (agency) => agency.write(message('N', '1'), message('F'), message('B', bet(1)))],
      ['out-of-order', 'B after A', (agency) => agency.write(message('N', '1'), message('A'), message('B', bet(1)))],
      ['out-of-order', 'a first F after A', (agency) => agency.write(message('N', '1'), message('A'), message('F'))],
      ['count-mismatch', 'F with another total', (agency) => agency.write(message('N', '1'), message('F', '5'))],
    ];
    for (const [code, what, act] of cases) {
      it(`${what} is ${code}`, async () => {
        const agency = await connect();
        act(agency);
        const answers = await agency.rest();
        const last = answers.pop();
        expect(last).to.match(new RegExp(`^E ${code}: .`));
        expect(answers.every((answer) => /^[OW] /.test(answer))).to.equal(true);
      });
    }

    it('stores nothing of itself and of what is pipelined behind it, and all that is before it', async () => {
      const agency = await connect();
      const bad = '1,Ana,Gómez,x,1999-03-17,1';
      agency.write(message('N', '1'), message('B', bets(1, 1, 2)), message('B', `${bet(1, 3)}\n${bad}`));
      agency.write(message('B', bet(1, 4)), message('F', '3'));
      expect(await agency.next()).to.equal('O 0');
      expect(await agency.next()).to.equal('O 2');
      await expectRefusal(agency, 'bad-bet');
      expect(await sandbox.storedRows()).to.deep.equal([bet(1, 1), bet(1, 2)]);
      const again = await connect();
      expect(await again.ask('N', '1')).to.equal('O 2');
    });

    it('says which row of a batch is wrong', async () => {
      const agency = await connect();
      agency.write(message('B', `${bet(1)}\n${bet(1)}\n1,Ana,Gómez,1,1999-02-30,1`));
      expect((await agency.rest())[0]).to.match(/^E bad-bet: row 3: birthdate/);
    });

    it('is told even while the agency goes on sending', async () => {
      const agency = await connect();
      const flood = Buffer.concat(Array.from({ length: 100 }, () => message('B', bets(1, 1, 2, 3))));
      agency.write(message('N', '1'), message('X'));
      for (let time = 0; time < 50; time++) agency.write(flood);
      expect(await agency.next()).to.equal('O 0');
      await expectRefusal(agency, 'bad-type');
      expect(await sandbox.storedRows()).to.deep.equal([]);
    });

    it('leaves other sessions alone', async () => {
      const good = await connect();
      await good.ask('N', '1');
      const bad = await connect();
      bad.send('X');
      await expectRefusal(bad, 'bad-type');
      expect(await good.ask('B', bet(1))).to.equal('O 1');
    });

    it('a first batch of an agency that has bets is unidentified', async () => {
      const first = await connect();
      await first.ask('B', bet(1));
      first.end();
      await first.next();
      const second = await connect();
      second.send('B', bet(1, 2));
      await expectRefusal(second, 'unidentified');
      expect(await sandbox.storedRows()).to.deep.equal([bet(1)]);
    });

    it('a first batch of an agency that has bets and has finished is unidentified too', async () => {
      const first = await connect();
      first.write(message('N', '1'), message('B', bet(1)), message('F'));
      for (const answer of ['O 0', 'O 1', 'O 1']) expect(await first.next()).to.equal(answer);
      const second = await connect();
      second.send('B', bet(1, 2));
      await expectRefusal(second, 'unidentified');
    });

    it('a first batch of an agency that has finished without bets is out-of-order', async () => {
      const first = await connect();
      first.write(message('N', '1'), message('F'));
      for (const answer of ['O 0', 'O 0']) expect(await first.next()).to.equal(answer);
      const second = await connect();
      second.send('B', bet(1, 2));
      await expectRefusal(second, 'out-of-order');
    });

    it('a finish with another total changes nothing', async () => {
      const first = await connect();
      first.write(message('N', '1'), message('B', bet(1)), message('F', '2'));
      expect((await first.rest()).slice(0, 2)).to.deep.equal(['O 0', 'O 1']);
      const second = await connect();
      second.write(message('N', '1'), message('B', bet(1, 2)), message('F', '2'), message('A'));
      expect([await second.next(), await second.next(), await second.next(), await second.next()]).to.deep.equal([
        'O 1',
        'O 2',
        'O 2',
        'W 1/3',
      ]);
      const third = await connect();
      third.write(message('N', '1'), message('F', '1'));
      expect(await third.next()).to.equal('O 2');
      await expectRefusal(third, 'count-mismatch');
      const fourth = await connect();
      fourth.write(message('N', '1'), message('F', '2'));
      expect([await fourth.next(), await fourth.next()]).to.deep.equal(['O 2', 'O 2']);
    });

    it('B in a later session than F is out-of-order', async () => {
      const first = await connect();
      first.write(message('N', '1'), message('F'));
      await first.next();
      await first.next();
      first.destroy();
      const second = await connect();
      expect(await second.ask('N', '1')).to.equal('O 0');
      second.send('B', bet(1));
      await expectRefusal(second, 'out-of-order');
      expect(await sandbox.storedRows()).to.deep.equal([]);
    });

    for (const [what, type, value, code] of [
      ['another name', 'N', '2', 'wrong-agency'],
      ['no name at all', 'N', 'x', 'bad-value'],
      ['another A', 'A', '', 'out-of-order'],
      ['a batch', 'B', bet(1), 'out-of-order'],
      ['a finish', 'F', '', 'out-of-order'],
    ] as const) {
      it(`${what} after R is ${code}`, async () => {
        await finishAllBut(1);
        const agency = await connect();
        agency.write(message('N', '1'), message('F'), message('A'), message(type, value));
        expect([await agency.next(), await agency.next(), await agency.next()]).to.deep.equal(['O 0', 'O 0', 'R']);
        await expectRefusal(agency, code);
      });
    }

    it('is anything that comes behind the winners', async () => {
      await finishAllBut(1);
      for (const type of ['A', 'F', 'N']) {
        const agency = await connect();
        agency.write(
          message('N', '1'),
          message('F'),
          message('A'),
          message('N', '1'),
          message(type, type === 'N' ? '1' : ''),
        );
        const answers = await agency.rest();
        expect(answers.slice(0, 4)).to.deep.equal(['O 0', 'O 0', 'R', 'O 0']);
        expect(answers[4]).to.match(/^E out-of-order: /);
      }
    });
  });

  describe('a second session of an agency', () => {
    beforeEach(() => start({ SERVER_WAIT_HOLD_MS: '10000' }));

    it('supersedes the first, which is told so', async () => {
      const first = await connect();
      await first.ask('N', '1');
      await first.ask('B', bet(1));
      const second = await connect();
      expect(await second.ask('N', '1')).to.equal('O 1');
      await expectRefusal(first, 'superseded');
      expect(await second.ask('B', bet(1, 2))).to.equal('O 2');
    });

    it('supersedes one whose A is held, and one that is in the middle of a batch', async () => {
      const first = await connect();
      first.write(message('N', '1'), message('A'));
      expect(await first.next()).to.equal('O 0');
      const second = await connect();
      second.write(message('N', '1'), message('B', bet(1)), message('B', bet(1, 2)).subarray(0, 12));
      expect([await second.next(), await second.next()]).to.deep.equal(['O 0', 'O 1']);
      await expectRefusal(first, 'superseded');
      const third = await connect();
      expect(await third.ask('N', '1')).to.equal('O 1');
      await expectRefusal(second, 'superseded');
      expect(await sandbox.storedRows()).to.deep.equal([bet(1)]);
    });

    it('knows of every bet that the first had in flight', async () => {
      const first = await connect();
      first.send('N', '1');
      await first.next();
      const batches = Array.from({ length: 200 }, (_, index) => message('B', bet(1, index)));
      first.write(...batches);
      const second = await connect();
      const stored = Number((await second.ask('N', '1')).slice(2));
      const answers = await first.rest();
      const acknowledged = answers.filter((answer) => answer.startsWith('O ')).length;
      expect(answers.at(-1)).to.match(/^E superseded/);
      expect(stored).to.equal(acknowledged);
      expect(await second.ask('B', bet(1, 7000))).to.equal(`O ${stored + 1}`);
      expect(await sandbox.storedRows()).to.have.length(stored + 1);
    });

    it('by a first batch supersedes as well', async () => {
      const first = await connect();
      await first.ask('N', '1');
      const second = await connect();
      expect(await second.ask('B', bet(1))).to.equal('O 1');
      await expectRefusal(first, 'superseded');
    });
  });

  describe('waiting for the draw', () => {
    it('is answered the moment that the draw is held', async () => {
      await start({ SERVER_WAIT_HOLD_MS: '60000' });
      const waiting = await connect();
      waiting.write(message('N', '1'), message('F'), message('A'));
      expect([await waiting.next(), await waiting.next()]).to.deep.equal(['O 0', 'O 0']);
      await finishAllBut(1);
      expect(await waiting.next(1_000)).to.equal('R');
    });

    it('is answered with how many have finished', async () => {
      await start({ SERVER_WAIT_HOLD_MS: '0' });
      const agency = await connect();
      agency.write(message('N', '1'), message('A'));
      expect([await agency.next(), await agency.next()]).to.deep.equal(['O 0', 'W 0/3']);
      const other = await connect();
      other.write(message('N', '2'), message('F'), message('F'), message('A'));
      expect([await other.next(), await other.next(), await other.next()]).to.deep.equal(['O 0', 'O 0', 'O 0']);
      expect(await other.next()).to.equal('W 1/3');
      expect(await agency.ask('A')).to.equal('W 1/3');
    });
  });

  describe('the clocks', () => {
    it('a message that is begun and not finished is a timeout', async () => {
      await start({ SERVER_MESSAGE_TIMEOUT_MS: '100', SERVER_IDLE_TIMEOUT_MS: '60000' });
      const agency = await connect();
      await agency.ask('N', '1');
      agency.write(message('B', bet(1)).subarray(0, 20));
      await expectRefusal(agency, 'timeout');
      expect(await sandbox.storedRows()).to.deep.equal([]);
    });

    it('a silent session is a timeout, with a name or without', async () => {
      await start({ SERVER_IDLE_TIMEOUT_MS: '100' });
      const nameless = await connect();
      await expectRefusal(nameless, 'timeout');
      const named = await connect();
      expect(await named.ask('N', '1')).to.equal('O 0');
      await expectRefusal(named, 'timeout');
    });

    it('the idle clock stands still while an answer is owed', async () => {
      await start({ SERVER_IDLE_TIMEOUT_MS: '100', SERVER_WAIT_HOLD_MS: '400' });
      const agency = await connect();
      agency.write(message('N', '1'), message('A'));
      expect([await agency.next(), await agency.next()]).to.deep.equal(['O 0', 'W 0/3']);
      await expectRefusal(agency, 'timeout');
    });
  });

  describe('its limits', () => {
    it('more sessions than it may hold are busy, until one has ended', async () => {
      await start({ SERVER_MAX_SESSIONS: '1' });
      const first = await connect();
      await first.ask('N', '1');
      const second = await connect();
      await expectRefusal(second, 'busy');
      first.end();
      expect(await first.next()).to.equal('end');
      await server.line(/action: accept_connections \| result: fail/);
      // The place is free once the server has let go of the first session, which may be a moment later.
      for (;;) {
        const third = await connect();
        third.send('N', '2');
        const answer = await third.next();
        if (answer === 'O 0') break;
        expect(answer).to.match(/^E busy/);
        third.destroy();
      }
    });
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    describe(`at ${signal}`, () => {
      it('says shutting-down to every session, settles what is in flight, and ends with 0', async () => {
        await start({ SERVER_WAIT_HOLD_MS: '60000' });
        const silent = await connect();
        const waiting = await connect();
        waiting.write(message('N', '1'), message('B', bet(1)), message('F'), message('A'));
        for (const answer of ['O 0', 'O 1', 'O 1']) expect(await waiting.next()).to.equal(answer);
        const halfway = await connect();
        await halfway.ask('N', '2');
        halfway.write(message('B', bet(2)), message('B', bet(2, 2)).subarray(0, 9));
        expect(await halfway.next()).to.equal('O 1');
        const stopped = server.stop(signal);
        for (const connection of [silent, waiting, halfway]) await expectRefusal(connection, 'shutting-down');
        const { code, ms } = await stopped;
        expect(code, server.stderr).to.equal(0);
        expect(ms).to.be.below(3_000);
        expect(server.stderr).to.equal('');
        expect(server.lines.at(-1)).to.match(/action: exit \| result: success$/);
        expect(server.grep(/action: close_listener \| result: success/)).to.have.length(1);
        expect(server.grep(/action: close_session \| result: success/)).to.have.length(3);
        expect(server.grep(/action: close_store \| result: success/)).to.have.length(3);
        expect(await sandbox.storedRows()).to.deep.equal([bet(1), bet(2)]);
      });

      it('waits for nobody who neither reads nor goes', async () => {
        await start({ SERVER_WAIT_HOLD_MS: '60000' });
        const deaf = await connect();
        await deaf.ask('N', '1');
        deaf.socket.pause();
        const { code, ms } = await server.stop(signal);
        expect(code, server.stderr).to.equal(0);
        expect(ms).to.be.below(3_000);
        expect(server.lines.at(-1)).to.match(/action: exit \| result: success$/);
      });
    });
  }
});
