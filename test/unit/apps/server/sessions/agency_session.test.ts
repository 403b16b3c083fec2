import { expect } from 'chai';
import { type SinonFakeTimers, useFakeTimers } from 'sinon';
import { FramedSocket } from '../../../../../lib/index';
import { connectedPair } from '../../../../../lib/testing/index';
import { createAgencyCodec, createServerCodec, type LotteryMessage } from '../../../../../apps/protocol/messages';
import { AgencySession, type SessionLimits } from '../../../../../apps/server/sessions/agency_session';
import { StoreBrokenError, StoreWriteError } from '../../../../../apps/server/domain/store_errors';
import { createMemoryLottery, type MemoryLottery } from '../../../../support/memory_lottery';
import { turns, until } from '../../../../support/turns';
import { header, message } from '../../../../support/wire_client';
import { claimOf } from '../../../../support/claims';

const LIMITS: SessionLimits = { messageTimeoutMs: 10_000, idleTimeoutMs: 60_000, longPollMs: 1_000 };

const bet = (document: number, agency = 1): string => `${agency},Ana,Gómez,${document},1999-03-17,42`;

/** The agency's end of a session in memory. */
interface Agency {
  readonly session: AgencySession;
  readonly ended: Promise<unknown>;
  readonly channel: FramedSocket<LotteryMessage>;
  write(...parts: Uint8Array[]): void;
  next(): Promise<string>;
  rest(): Promise<string[]>;
}

describe('a session', () => {
  let lottery: MemoryLottery;
  let agencies: Agency[];

  beforeEach(() => {
    lottery = createMemoryLottery();
    agencies = [];
  });

  afterEach(async () => {
    for (const { session, channel } of agencies) await Promise.all([session.cut(), channel.close()]);
    await Promise.all(agencies.map(({ ended }) => ended));
  });

  function connect(limits: Partial<SessionLimits> = {}): Agency {
    const [near, far] = connectedPair();
    const channelHere = new FramedSocket(near, createServerCodec());
    const session = new AgencySession(channelHere, lottery, { ...LIMITS, ...limits });
    const channel = new FramedSocket(far, createAgencyCodec());
    const next = async (): Promise<string> => {
      const received = await channel.receive();
      if (received === null) return 'end';
      return `${received.type} ${Buffer.from(received.value).toString('utf8')}`.trimEnd();
    };
    const agency: Agency = {
      session,
      ended: session.run(),
      channel,
      write: (...parts) => void far.sendAll(Buffer.concat(parts)).catch(() => {}),
      next,
      async rest() {
        const answers: string[] = [];
        for (let answer = await next(); answer !== 'end'; answer = await next()) answers.push(answer);
        void channel.close();
        await agency.ended;
        return answers;
      },
    };
    agencies.push(agency);
    return agency;
  }

  /** Makes the repository wait with each batch until it is told to go on; returns how to tell it. */
  function holdStore(): { release: (error?: Error) => void } {
    const held: ((error?: Error) => void)[] = [];
    let isOpen = false;
    lottery.bets.beforeStoring = () =>
      isOpen
        ? Promise.resolve()
        : new Promise((resolve, reject) => held.push((error) => (error === undefined ? resolve() : reject(error))));
    return {
      release: (error) => {
        isOpen = true;
        for (const settle of held.splice(0)) settle(error);
      },
    };
  }

  it('answers in order, however much is pipelined', async () => {
    const agency = connect();
    const batches = Array.from({ length: 300 }, (_, index) => message('B', bet(index)));
    agency.write(message('N', '1'), ...batches, message('F', '300'), message('A'));
    const expected = ['O 0', ...batches.map((_, index) => `O ${index + 1}`), 'O 300', 'W 1/3'];
    for (const answer of expected) expect(await agency.next()).to.equal(answer);
    expect(lottery.bets.rows).to.deep.equal(batches.map((_, index) => bet(index)));
  });

  it('reads on while bets are stored, but not without bound', async () => {
    const store = holdStore();
    const agency = connect();
    agency.write(message('N', '1'), ...Array.from({ length: 200 }, (_, index) => message('B', bet(index))));
    expect(await agency.next()).to.equal('O 0');
    await until(() => lottery.bets.appended >= 60, 'batches are read while the first is stored');
    await turns(20);
    expect(lottery.bets.appended).to.be.within(60, 64);
    store.release();
    for (let count = 1; count <= 200; count++) expect(await agency.next()).to.equal(`O ${count}`);
  });

  it('makes a list of winners no faster than the agency reads it', async () => {
    const documents = Array.from({ length: 100_000 }, (_, index) => String(10_000_000 + index));
    let taken = 0;
    const winners = {
      [Symbol.iterator]: function* () {
        for (const document of documents) {
          taken++;
          yield document;
        }
      },
      length: documents.length,
    } as unknown as readonly string[];
    lottery.winners.winnersOf = async () => winners;
    for (const agency of [2, 3]) await lottery.tracker.finish(claimOf(agency));
    const agency = connect();
    agency.write(message('N', '1'), message('F'), message('A'), message('N', '1'));
    expect([await agency.next(), await agency.next(), await agency.next()]).to.deep.equal(['O 0', 'O 0', 'R']);
    await until(() => taken > 0, 'the list is begun');
    await turns(50);
    const heldBack = documents.length - taken;
    expect(heldBack, 'winners that are not made into responses yet').to.be.greaterThan(documents.length / 2);
    const received: string[] = [];
    for (let answer = await agency.next(); answer.startsWith('R '); answer = await agency.next()) {
      received.push(...answer.slice(2).split(','));
    }
    expect(received).to.deep.equal(documents);
  });

  it('that waits to send winners ends with the server', async () => {
    lottery.winners.winnersOf = async () => Array.from({ length: 400_000 }, () => '30904465');
    for (const agency of [2, 3]) await lottery.tracker.finish(claimOf(agency));
    const agency = connect();
    agency.write(message('N', '1'), message('F'), message('A'), message('N', '1'));
    expect([await agency.next(), await agency.next(), await agency.next()]).to.deep.equal(['O 0', 'O 0', 'R']);
    await turns(50);
    agency.session.shutDown();
    const rest = await agency.rest();
    expect(rest.at(-1)).to.equal('E shutting-down: the server is stopping');
    expect(rest.slice(0, -1).every((answer) => /^R 30904465(,30904465)*$/.test(answer))).to.equal(true);
  });

  describe('that cannot store', () => {
    it('acknowledges what is stored, says storage last, and stores nothing behind the failure', async () => {
      lottery.bets.beforeStoring = async ({ rows }) => {
        if (Buffer.from(rows).toString().includes(',3,')) throw new StoreWriteError('the disk is full');
      };
      const agency = connect();
      const batches = [1, 2, 3, 4, 5].map((document) => message('B', bet(document)));
      agency.write(message('N', '1'), ...batches, message('F'));
      expect(await agency.rest()).to.deep.equal(['O 0', 'O 1', 'O 2', 'E storage: the disk is full']);
      expect(lottery.bets.rows).to.deep.equal([bet(1), bet(2)]);
      expect(await lottery.tracker.hasFinished(1)).to.equal(false);
      const again = connect();
      again.write(message('N', '1'));
      expect(await again.next()).to.equal('O 2');
    });

    it('says so even where what stands behind was refused already', async () => {
      const store = holdStore();
      const agency = connect();
      agency.write(message('N', '1'), message('B', bet(1)), message('X'));
      expect(await agency.next()).to.equal('O 0');
      await until(() => lottery.bets.appended === 1, 'the batch is on its way');
      await turns(5);
      store.release(new StoreWriteError('the disk is full'));
      expect(await agency.rest()).to.deep.equal(['E storage: the disk is full']);
    });

    it('says storage where the store is broken too', async () => {
      const error = new StoreBrokenError('the disk is gone');
      lottery.bets.beforeStoring = () => Promise.reject(error);
      const agency = connect();
      agency.write(message('N', '1'), message('B', bet(1)));
      expect(await agency.rest()).to.deep.equal(['O 0', 'E storage: the disk is gone']);
    });
  });

  it('waits for what it has in flight before it says why it ends', async () => {
    const store = holdStore();
    const agency = connect();
    agency.write(message('N', '1'), message('B', bet(1)), message('B', 'nonsense'), message('B', bet(2)));
    expect(await agency.next()).to.equal('O 0');
    await until(() => lottery.bets.appended === 1, 'the batch is on its way');
    store.release();
    const [stored, refusal, ...more] = await agency.rest();
    expect([stored, refusal]).to.match(/^O 1,E bad-bet: row 1/);
    expect(more).to.deep.equal([]);
    expect(lottery.bets.rows).to.deep.equal([bet(1)]);
  });

  describe('that is superseded', () => {
    it('answers the newer N only once its own bets in flight are stored', async () => {
      const store = holdStore();
      const older = connect();
      older.write(message('N', '1'), message('B', bet(1)), message('B', bet(2)));
      expect(await older.next()).to.equal('O 0');
      await until(() => lottery.bets.appended === 2, 'both batches are on their way');
      const newer = connect();
      newer.write(message('N', '1'));
      let answer: string | undefined;
      const answered = newer.next().then((text) => (answer = text));
      await turns(20);
      expect(answer, 'the answer while bets are in flight').to.equal(undefined);
      store.release();
      await answered;
      expect(answer).to.equal('O 2');
      const answers = await older.rest();
      expect(answers.slice(0, 2)).to.deep.equal(['O 1', 'O 2']);
      expect(answers.slice(2)).to.match(/^E superseded: /);
    });

    it('or dropped', async () => {
      const store = holdStore();
      const older = connect();
      older.write(message('N', '1'), message('B', bet(1)));
      expect(await older.next()).to.equal('O 0');
      await until(() => lottery.bets.appended === 1, 'the batch is on its way');
      const newer = connect();
      newer.write(message('N', '1'));
      await turns(5);
      store.release(new StoreWriteError('the disk is full'));
      expect(await newer.next()).to.equal('O 0');
      expect(await older.rest()).to.match(/^E superseded: /);
    });

    it('while it supersedes another itself, leaves the place to the newest', async () => {
      const store = holdStore();
      const first = connect();
      first.write(message('N', '1'), message('B', bet(1)));
      expect(await first.next()).to.equal('O 0');
      await until(() => lottery.bets.appended === 1, 'the batch is on its way');
      const second = connect();
      second.write(message('N', '1'));
      await turns(5);
      const third = connect();
      third.write(message('N', '1'));
      await turns(5);
      store.release();
      expect(await third.next()).to.equal('O 1');
      expect(await second.rest()).to.match(/^E superseded: /);
      expect((await first.rest()).slice(1)).to.match(/^E superseded: /);
      third.write(message('B', bet(2)));
      expect(await third.next()).to.equal('O 2');
    });

    it('does not wait for an agency that does not read', async () => {
      const older = connect();
      older.write(message('N', '1'), message('A'));
      await turns(5);
      const newer = connect();
      newer.write(message('N', '1'));
      expect(await newer.next()).to.equal('O 0');
    });
  });

  it('answers a held A at once when the draw is held', async () => {
    const agency = connect({ longPollMs: 3_600_000 });
    agency.write(message('N', '1'), message('F'), message('A'));
    expect([await agency.next(), await agency.next()]).to.deep.equal(['O 0', 'O 0']);
    await turns(5);
    for (const other of [2, 3]) await lottery.tracker.finish(claimOf(other));
    expect(await agency.next()).to.equal('R');
  });

  it('names winners beyond 8 kB in several R, none split', async () => {
    for (const other of [2, 3]) await lottery.tracker.finish(claimOf(other));
    const agency = connect();
    const documents = Array.from({ length: 2000 }, (_, index) => String(100_000 + index));
    const batches = Array.from({ length: 20 }, (_, batch) =>
      message(
        'B',
        documents
          .slice(batch * 100, batch * 100 + 100)
          .map((text) => bet(Number(text)))
          .join('\n'),
      ),
    );
    agency.write(message('N', '1'), ...batches, message('F', '2000'), message('A'), message('N', '1'));
    for (let count = 0; count <= 21; count++) expect(await agency.next()).to.match(/^O /);
    expect(await agency.next()).to.equal('R');
    const parts = [await agency.next(), await agency.next()];
    expect(parts.flatMap((part) => part.slice(2).split(','))).to.deep.equal(documents);
    expect(await agency.next()).to.equal('O 2000');
  });

  it('ends without a word where the agency is gone', async () => {
    const agency = connect();
    agency.write(message('N', '1'), message('B', bet(1)).subarray(0, 10));
    expect(await agency.next()).to.equal('O 0');
    agency.channel.socket.reset();
    await agency.ended;
    expect(lottery.lines.filter((line) => /ERROR/.test(line))).to.deep.equal([]);
  });

  it('gives its place back when it has ended', async () => {
    const agency = connect();
    agency.write(message('N', '1'));
    await agency.next();
    await agency.channel.close();
    await agency.ended;
    let superseded = false;
    const probe = { claim: undefined, supersede: async () => void (superseded = true) };
    await lottery.registry.register(1, probe);
    expect(superseded).to.equal(false);
  });

  it('that is shut down settles what it has in flight, and says why', async () => {
    const store = holdStore();
    const agency = connect();
    agency.write(message('N', '1'), message('B', bet(1)), message('B', bet(2)).subarray(0, 30));
    expect(await agency.next()).to.equal('O 0');
    await until(() => lottery.bets.appended === 1, 'the batch is on its way');
    agency.session.shutDown();
    await turns(5);
    store.release();
    const answers = await agency.rest();
    expect(answers).to.match(/^O 1,E shutting-down: /);
    expect(lottery.bets.rows).to.deep.equal([bet(1)]);
  });

  it('that is shut down while its A is held says why', async () => {
    const agency = connect({ longPollMs: 3_600_000 });
    agency.write(message('N', '1'), message('A'));
    expect(await agency.next()).to.equal('O 0');
    await turns(5);
    agency.session.shutDown();
    expect(await agency.rest()).to.match(/^E shutting-down: /);
  });

  it('refuses a message from its header alone', async () => {
    const agency = connect();
    agency.write(header('B', 8193));
    expect(await agency.rest()).to.match(/^E too-long: /);
  });

  describe('keeps its clocks', () => {
    let clock: SinonFakeTimers;

    beforeEach(() => {
      clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    });

    afterEach(() => {
      clock.restore();
    });

    /** Lets time pass, and then the event loop. */
    async function pass(ms: number): Promise<void> {
      await turns(10);
      await clock.tickAsync(ms);
      await turns(10);
    }

    it('the idle clock, from the last answer on', async () => {
      const agency = connect();
      await pass(59_000);
      agency.write(message('N', '1'));
      expect(await agency.next()).to.equal('O 0');
      await pass(59_900);
      expect(agency.session.ending.aborted).to.equal(false);
      await pass(200);
      expect(agency.session.ending.aborted).to.equal(true);
      expect(await agency.rest()).to.match(/^E timeout: /);
    });

    it('the idle clock stands still while an answer is owed', async () => {
      const store = holdStore();
      const agency = connect();
      agency.write(message('N', '1'), message('B', bet(1)));
      expect(await agency.next()).to.equal('O 0');
      await pass(600_000);
      expect(agency.session.ending.aborted).to.equal(false);
      store.release();
      expect(await agency.next()).to.equal('O 1');
      await pass(59_000);
      expect(agency.session.ending.aborted).to.equal(false);
      await pass(1_100);
      expect(await agency.rest()).to.match(/^E timeout: /);
    });

    it('the idle clock stands still while an A is held', async () => {
      const agency = connect({ longPollMs: 300_000 });
      agency.write(message('N', '1'), message('A'));
      expect(await agency.next()).to.equal('O 0');
      await pass(299_000);
      expect(agency.session.ending.aborted).to.equal(false);
      await pass(1_000);
      expect(await agency.next()).to.equal('W 0/3');
      await pass(59_000);
      expect(agency.session.ending.aborted).to.equal(false);
      await pass(1_100);
      expect(await agency.rest()).to.match(/^E timeout: /);
    });

    it("a message's clock, which a trickle of bytes does not set back", async () => {
      const agency = connect();
      const bytes = message('N', '1');
      for (let index = 0; index < 4; index++) {
        agency.write(bytes.subarray(index, index + 1));
        await pass(2_400);
        expect(agency.session.ending.aborted, `after byte ${index + 1}`).to.equal(false);
      }
      agency.write(bytes.subarray(4, 5));
      await pass(500);
      expect(await agency.rest()).to.match(/^E timeout: /);
    });

    it('how long it lingers where the agency does not end', async () => {
      const agency = connect();
      agency.write(message('X'));
      expect(await agency.next()).to.match(/^E bad-type/);
      let hasEnded = false;
      void agency.ended.then(() => (hasEnded = true));
      await pass(4_900);
      expect(hasEnded).to.equal(false);
      await pass(200);
      expect(hasEnded).to.equal(true);
    });
  });
});
