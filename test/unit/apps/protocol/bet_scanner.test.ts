import { expect } from 'chai';
import { NOT_PLAIN, scanPlainBet } from '../../../../apps/protocol/bet_scanner';

/** The tests of bet_batch.ts check the results of the fast path. These tests check its choice of rows. */
describe('the fast path for bets', () => {
  const scan = (row: string): number => scanPlainBet(Buffer.from(row, 'utf8'), 0);

  for (const row of [
    'Ana,Gómez,12345678,1999-03-17,42',
    'Santiago Lionel,Di Tella,1,0001-01-01,0',
    'Mª José,Ñandú Ibáñez,999999999999,2024-02-29,9999',
    "D'Angelo,Núñez-O’Connor,30904465,1960-12-31,0042",
    `${'a'.repeat(100)},${'é'.repeat(50)},7,1900-12-31,7574`,
    'Ωμέγα,Ли,7,1900-12-28,1',
  ]) {
    it(`reads ${row.slice(0, 40)}`, () => {
      expect(scan(row)).to.equal(Buffer.byteLength(row));
      expect(scan(`${row}\n${row}`)).to.equal(Buffer.byteLength(row));
    });
  }

  for (const [row, why] of [
    ['"Ana",Gómez,1,1999-03-17,42', 'a quote'],
    [' Ana,Gómez,1,1999-03-17,42', 'a name that begins with a space'],
    ['Ana\u0085,Gómez,1,1999-03-17,42', 'a control character of two bytes'],
    ['Ana,Gómez,1,1900-02-29,42', 'no day that exists'],
    ['Ana,Gómez,1,1999-03-1', 'an end in the middle of the day'],
    ['Ana,Gómez', 'an end in the middle of a name'],
    ['Anaª', 'an end behind a character of two bytes'],
    ['', 'nothing'],
  ] as const) {
    it(`leaves ${why} to the slow path`, () => {
      expect(scan(row)).to.equal(NOT_PLAIN);
    });
  }
});
