import { expect } from 'chai';
import { StoreWriteError } from '../../../../../apps/server/domain/store_errors';
import { bet, MemorySessions } from '../../../../support/memory_sessions';
import { turns, until } from '../../../../support/turns';
import { message } from '../../../../support/wire_client';
import { claimOf } from '../../../../support/claims';

describe('a session', () => {
  let sessions: MemorySessions;

  beforeEach(() => {
    sessions = new MemorySessions();
  });

  afterEach(() => sessions.close());

  describe('that is superseded', () => {
    it('answers the newer N only once its own bets in flight are stored', async () => {
      const store = sessions.holdStore();
      const older = sessions.connect();
      older.write(message('N', '1'), message('B', bet(1)), message('B', bet(2)));
      expect(await older.next()).to.equal('O 0');
      await until(() => sessions.lottery.bets.appended === 2, 'both batches are on their way');
      const newer = sessions.connect();
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

    it('answers the newer N only once its own bets in flight are dropped', async () => {
      const store = sessions.holdStore();
      const older = sessions.connect();
      older.write(message('N', '1'), message('B', bet(1)));
      expect(await older.next()).to.equal('O 0');
      await until(() => sessions.lottery.bets.appended === 1, 'the batch is on its way');
      const newer = sessions.connect();
      newer.write(message('N', '1'));
      await turns(5);
      store.release(new StoreWriteError('the disk is full'));
      expect(await newer.next()).to.equal('O 0');
      expect(await older.rest()).to.match(/^E superseded: /);
    });

    it('while it supersedes another itself, leaves the place to the newest', async () => {
      const store = sessions.holdStore();
      const first = sessions.connect();
      first.write(message('N', '1'), message('B', bet(1)));
      expect(await first.next()).to.equal('O 0');
      await until(() => sessions.lottery.bets.appended === 1, 'the batch is on its way');
      const second = sessions.connect();
      second.write(message('N', '1'));
      await turns(5);
      const third = sessions.connect();
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
      const older = sessions.connect();
      older.write(message('N', '1'), message('A'));
      await turns(5);
      const newer = sessions.connect();
      newer.write(message('N', '1'));
      expect(await newer.next()).to.equal('O 0');
    });
  });

  it('that is shut down settles its batches in flight, and sends shutting-down', async () => {
    const store = sessions.holdStore();
    const agency = sessions.connect();
    agency.write(message('N', '1'), message('B', bet(1)), message('B', bet(2)).subarray(0, 30));
    expect(await agency.next()).to.equal('O 0');
    await until(() => sessions.lottery.bets.appended === 1, 'the batch is on its way');
    agency.session.shutDown();
    await turns(5);
    store.release();
    const answers = await agency.rest();
    expect(answers).to.match(/^O 1,E shutting-down: /);
    expect(sessions.lottery.bets.rows).to.deep.equal([bet(1)]);
  });

  it('that is shut down while its A is held sends shutting-down', async () => {
    const agency = sessions.connect({ longPollMs: 3_600_000 });
    agency.write(message('N', '1'), message('A'));
    expect(await agency.next()).to.equal('O 0');
    await turns(5);
    agency.session.shutDown();
    expect(await agency.rest()).to.match(/^E shutting-down: /);
  });

  it('that waits to send winners ends with the server', async () => {
    sessions.lottery.winners.winnersOf = async () => Array.from({ length: 400_000 }, () => '30904465');
    for (const agency of [2, 3]) await sessions.lottery.tracker.finish(claimOf(agency));
    const agency = sessions.connect();
    agency.write(message('N', '1'), message('F'), message('A'), message('N', '1'));
    expect([await agency.next(), await agency.next(), await agency.next()]).to.deep.equal(['O 0', 'O 0', 'R']);
    await turns(50);
    agency.session.shutDown();
    const rest = await agency.rest();
    expect(rest.at(-1)).to.equal('E shutting-down: the server is stopping');
    expect(rest.slice(0, -1).every((answer) => /^R 30904465(,30904465)*$/.test(answer))).to.equal(true);
  });

  it('ends without an error in the log where the agency is gone', async () => {
    const agency = sessions.connect();
    agency.write(message('N', '1'), message('B', bet(1)).subarray(0, 10));
    expect(await agency.next()).to.equal('O 0');
    agency.channel.socket.reset();
    await agency.ended;
    expect(sessions.lottery.lines.filter((line) => /ERROR/.test(line))).to.deep.equal([]);
  });

  it('frees its place when it has ended', async () => {
    const agency = sessions.connect();
    agency.write(message('N', '1'));
    await agency.next();
    await agency.channel.close();
    await agency.ended;
    let superseded = false;
    const probe = { claim: undefined, supersede: async () => void (superseded = true) };
    await sessions.lottery.registry.register(1, probe);
    expect(superseded).to.equal(false);
  });
});
