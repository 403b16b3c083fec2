import { expect } from 'chai';
import { StoreBrokenError, StoreWriteError } from '../../../../../apps/server/domain/store_errors';
import { bet, MemorySessions } from '../../../../support/memory_sessions';
import { turns, until } from '../../../../support/turns';
import { header, message } from '../../../../support/wire_client';
import { claimOf } from '../../../../support/claims';

describe('a session', () => {
  let sessions: MemorySessions;

  beforeEach(() => {
    sessions = new MemorySessions();
  });

  afterEach(() => sessions.close());

  it('answers in order, however much is pipelined', async () => {
    const agency = sessions.connect();
    const batches = Array.from({ length: 300 }, (_, index) => message('B', bet(index)));
    agency.write(message('N', '1'), ...batches, message('F', '300'), message('A'));
    const expected = ['O 0', ...batches.map((_, index) => `O ${index + 1}`), 'O 300', 'W 1/3'];
    for (const answer of expected) expect(await agency.next()).to.equal(answer);
    expect(sessions.lottery.bets.rows).to.deep.equal(batches.map((_, index) => bet(index)));
  });

  it('reads on while bets are stored, but not without bound', async () => {
    const store = sessions.holdStore();
    const agency = sessions.connect();
    agency.write(message('N', '1'), ...Array.from({ length: 200 }, (_, index) => message('B', bet(index))));
    expect(await agency.next()).to.equal('O 0');
    await until(() => sessions.lottery.bets.appended >= 60, 'batches are read while the first is stored');
    await turns(20);
    expect(sessions.lottery.bets.appended).to.be.within(60, 64);
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
    sessions.lottery.winners.winnersOf = async () => winners;
    for (const agency of [2, 3]) await sessions.lottery.tracker.finish(claimOf(agency));
    const agency = sessions.connect();
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

  it('answers a held A at once when the draw is held', async () => {
    const agency = sessions.connect({ longPollMs: 3_600_000 });
    agency.write(message('N', '1'), message('F'), message('A'));
    expect([await agency.next(), await agency.next()]).to.deep.equal(['O 0', 'O 0']);
    await turns(5);
    for (const other of [2, 3]) await sessions.lottery.tracker.finish(claimOf(other));
    expect(await agency.next()).to.equal('R');
  });

  it('sends winners beyond 8 kB in several R, none split', async () => {
    for (const other of [2, 3]) await sessions.lottery.tracker.finish(claimOf(other));
    const agency = sessions.connect();
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

  describe('that cannot store', () => {
    it('acknowledges the stored bets, sends storage last, and stores nothing behind the failure', async () => {
      sessions.lottery.bets.beforeStoring = async ({ rows }) => {
        if (Buffer.from(rows).toString().includes(',3,')) throw new StoreWriteError('the disk is full');
      };
      const agency = sessions.connect();
      const batches = [1, 2, 3, 4, 5].map((document) => message('B', bet(document)));
      agency.write(message('N', '1'), ...batches, message('F'));
      expect(await agency.rest()).to.deep.equal(['O 0', 'O 1', 'O 2', 'E storage: the disk is full']);
      expect(sessions.lottery.bets.rows).to.deep.equal([bet(1), bet(2)]);
      expect(await sessions.lottery.tracker.hasFinished(1)).to.equal(false);
      const again = sessions.connect();
      again.write(message('N', '1'));
      expect(await again.next()).to.equal('O 2');
    });

    it('sends storage even where a message behind the batch was refused already', async () => {
      const store = sessions.holdStore();
      const agency = sessions.connect();
      agency.write(message('N', '1'), message('B', bet(1)), message('X'));
      expect(await agency.next()).to.equal('O 0');
      await until(() => sessions.lottery.bets.appended === 1, 'the batch is on its way');
      await turns(5);
      store.release(new StoreWriteError('the disk is full'));
      expect(await agency.rest()).to.deep.equal(['E storage: the disk is full']);
    });

    it('sends storage where the store is broken too', async () => {
      const error = new StoreBrokenError('the disk is gone');
      sessions.lottery.bets.beforeStoring = () => Promise.reject(error);
      const agency = sessions.connect();
      agency.write(message('N', '1'), message('B', bet(1)));
      expect(await agency.rest()).to.deep.equal(['O 0', 'E storage: the disk is gone']);
    });
  });

  it('waits for its batches in flight before it sends the error that ends it', async () => {
    const store = sessions.holdStore();
    const agency = sessions.connect();
    agency.write(message('N', '1'), message('B', bet(1)), message('B', 'nonsense'), message('B', bet(2)));
    expect(await agency.next()).to.equal('O 0');
    await until(() => sessions.lottery.bets.appended === 1, 'the batch is on its way');
    store.release();
    const [stored, refusal, ...more] = await agency.rest();
    expect([stored, refusal]).to.match(/^O 1,E bad-bet: row 1/);
    expect(more).to.deep.equal([]);
    expect(sessions.lottery.bets.rows).to.deep.equal([bet(1)]);
  });

  it('refuses a message from its header alone', async () => {
    const agency = sessions.connect();
    agency.write(header('B', 8193));
    expect(await agency.rest()).to.match(/^E too-long: /);
  });
});
