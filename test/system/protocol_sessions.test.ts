import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { bet, bets, describeProtocol } from '../support/protocol_server';
import { message } from '../support/wire_client';

describeProtocol(({ start, connect, finishAllBut, storedRows }) => {
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

    it('may be half closed by the agency: its messages are answered', async () => {
      const agency = await connect();
      agency.write(message('N', '1'), message('B', bet(1)), message('F', '1'), message('A'));
      agency.end();
      expect(await agency.rest()).to.deep.equal(['O 0', 'O 1', 'O 1', 'W 1/3']);
    });

    it('goes on in another session after the stored bets', async () => {
      const first = await connect();
      await first.ask('N', '1');
      await first.ask('B', bets(1, 1, 2, 3));
      first.destroy();
      const second = await connect();
      expect(await second.ask('N', '1')).to.equal('O 3');
      expect(await second.ask('B', bet(1, 4))).to.equal('O 4');
      expect(await storedRows()).to.deep.equal([bet(1, 1), bet(1, 2), bet(1, 3), bet(1, 4)]);
    });

    it('gives the digest of the stored rows, in pipelines and later sessions too, until the R', async () => {
      const digest = (...rows: string[]): string => {
        const text = rows.map((row) => `${row}\n`).join('');
        return `D ${rows.length}:${createHash('sha256').update(text).digest('hex')}`;
      };
      const first = await connect();
      first.write(message('N', '1'), message('D'), message('B', `${bet(1, 7)}\r\n${bet(1, 8)}\r\n`), message('D'));
      first.write(message('B', bet(1, 9)), message('A'), message('D'));
      const answers = [];
      for (let count = 0; count < 7; count++) answers.push(await first.next());
      expect(answers).to.deep.equal([
        'O 0',
        digest(),
        'O 2',
        digest(bet(1, 7), bet(1, 8)),
        'O 3',
        'W 0/3',
        digest(bet(1, 7), bet(1, 8), bet(1, 9)),
      ]);
      first.destroy();
      await finishAllBut(1);
      const second = await connect();
      expect(await second.ask('N', '1')).to.equal('O 3');
      expect(await second.ask('D')).to.equal(digest(bet(1, 7), bet(1, 8), bet(1, 9)));
      expect(await second.ask('F', '3')).to.equal('O 3');
      expect(await second.ask('D')).to.equal(digest(bet(1, 7), bet(1, 8), bet(1, 9)));
      expect(await second.ask('A')).to.equal('R');
      expect(await second.ask('D')).to.match(/^E out-of-order: /);
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

    it('sends an agency its own winners only: without any, an O 0 alone', async () => {
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

    it('may finish again and get the winners again in a later session', async () => {
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

    it('keeps the bytes of names, quoted where necessary', async () => {
      const agency = await connect();
      const row = '1,"Ñandú, ""el""",\u{1F600} Ô’,1,1999-03-17,42';
      expect(await agency.ask('B', `${row}\r\n1,"Li",Wu,2,1999-03-17,0`)).to.equal('O 2');
      expect(await storedRows()).to.deep.equal(['1,Li,Wu,2,1999-03-17,0', row].sort());
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

  describe('waiting for the draw', () => {
    it('is answered as soon as the draw is held', async () => {
      await start({ SERVER_WAIT_HOLD_MS: '60000' });
      const waiting = await connect();
      waiting.write(message('N', '1'), message('F'), message('A'));
      expect([await waiting.next(), await waiting.next()]).to.deep.equal(['O 0', 'O 0']);
      await finishAllBut(1);
      expect(await waiting.next(1_000)).to.equal('R');
    });

    it('is answered with the number of finished agencies', async () => {
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
});
