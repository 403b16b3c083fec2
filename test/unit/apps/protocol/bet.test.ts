import { expect } from 'chai';
import { type Bet, findFaultInBet, isExistingDay } from '../../../../apps/protocol/bet';

const bet: Bet = {
  firstName: 'Santiago Lionel',
  lastName: 'Lorca',
  document: '30904465',
  birthdate: '1999-03-17',
  number: '7574',
};

describe('a bet', () => {
  const fine: Partial<Bet>[] = [
    {},
    { firstName: ' a ' },
    { firstName: '\u200b' },
    { lastName: '😀'.repeat(100) },
    { document: '0' },
    { document: '999999999999' },
    { birthdate: '0001-01-01' },
    { birthdate: '9999-12-31' },
    { birthdate: '2000-02-29' },
    { number: '0' },
    { number: '0042' },
  ];
  for (const change of fine) {
    it(`may have ${JSON.stringify(change)}`, () => {
      expect(findFaultInBet({ ...bet, ...change })).to.equal(undefined);
    });
  }

  const wrong: [Partial<Bet>, string][] = [
    [{ firstName: '' }, 'first_name is empty or white space'],
    [{ firstName: ' \u2003\u3000' }, 'first_name is empty or white space'],
    [{ lastName: 'a\tb' }, 'last_name holds a control character'],
    [{ lastName: 'a\ud83d' }, 'last_name holds a lone surrogate'],
    [{ lastName: 'a'.repeat(101) }, 'last_name has 101 characters, more than 100'],
    [{ document: '' }, 'document is not 1 to 12 digits'],
    [{ document: '1234567890123' }, 'document is not 1 to 12 digits'],
    [{ document: '１２' }, 'document is not 1 to 12 digits'],
    [{ document: '12\n' }, 'document is not 1 to 12 digits'],
    [{ birthdate: '1999-3-17' }, 'birthdate is not YYYY-MM-DD'],
    [{ birthdate: '1999-03-17\n' }, 'birthdate is not YYYY-MM-DD'],
    [{ birthdate: '1999-02-29' }, 'birthdate is no day that exists'],
    [{ number: '' }, 'number is not 1 to 4 digits'],
    [{ number: '75740' }, 'number is not 1 to 4 digits'],
    [{ number: '-1' }, 'number is not 1 to 4 digits'],
  ];
  for (const [change, fault] of wrong) {
    it(`cannot have ${JSON.stringify(change).slice(0, 60)}`, () => {
      expect(findFaultInBet({ ...bet, ...change })).to.equal(fault);
    });
  }
});

describe('the check of a day', () => {
  it('accepts exactly the days of the ISO 8601 calendar', () => {
    for (let year = 1; year <= 2400; year++) {
      for (let month = 0; month <= 13; month++) {
        const date = new Date(0);
        date.setUTCFullYear(year, month, 0);
        const longest = month >= 1 && month <= 12 ? date.getUTCDate() : 0;
        for (const day of [0, 1, 28, 29, 30, 31, 32]) {
          const exists = day >= 1 && day <= longest;
          if (isExistingDay(year, month, day) !== exists) expect.fail(`${year}-${month}-${day}`);
        }
      }
    }
  });

  it('rejects the year 0', () => {
    expect(isExistingDay(0, 1, 1)).to.equal(false);
  });
});
