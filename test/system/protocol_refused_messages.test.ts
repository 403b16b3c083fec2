import { expect } from 'chai';
import { bet, bets, describeProtocol, expectRefusal } from '../support/protocol_server';
import { header, message, type WireClient } from '../support/wire_client';

describeProtocol(({ start, connect, finishAllBut, storedRows }) => {
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
      ['bad-value', 'D that is not empty', (agency) => agency.write(message('N', '1'), message('D', '1'))],
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
      ['out-of-order', 'D without a name', (agency) => agency.send('D')],
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

    it('stores all batches before it, and nothing of itself or of the messages behind it', async () => {
      const agency = await connect();
      const bad = '1,Ana,Gómez,x,1999-03-17,1';
      agency.write(message('N', '1'), message('B', bets(1, 1, 2)), message('B', `${bet(1, 3)}\n${bad}`));
      agency.write(message('B', bet(1, 4)), message('F', '3'));
      expect(await agency.next()).to.equal('O 0');
      expect(await agency.next()).to.equal('O 2');
      await expectRefusal(agency, 'bad-bet');
      expect(await storedRows()).to.deep.equal([bet(1, 1), bet(1, 2)]);
      const again = await connect();
      expect(await again.ask('N', '1')).to.equal('O 2');
    });

    it('is answered with the number of the wrong row of a batch', async () => {
      const agency = await connect();
      agency.write(message('B', `${bet(1)}\n${bet(1)}\n1,Ana,Gómez,1,1999-02-30,1`));
      expect((await agency.rest())[0]).to.match(/^E bad-bet: row 3: birthdate/);
    });

    it('is answered even while the agency goes on sending', async () => {
      const agency = await connect();
      const flood = Buffer.concat(Array.from({ length: 100 }, () => message('B', bets(1, 1, 2, 3))));
      agency.write(message('N', '1'), message('X'));
      for (let time = 0; time < 50; time++) agency.write(flood);
      expect(await agency.next()).to.equal('O 0');
      await expectRefusal(agency, 'bad-type');
      expect(await storedRows()).to.deep.equal([]);
    });

    it('does not affect other sessions', async () => {
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
      expect(await storedRows()).to.deep.equal([bet(1)]);
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
      expect(await storedRows()).to.deep.equal([]);
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

    it('is any message behind the winners', async () => {
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
});
