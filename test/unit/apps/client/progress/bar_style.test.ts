import { expect } from 'chai';
import { type BarPayload, describeBar } from '../../../../../apps/client/progress/bar_style';

describe('a bar in the terminal', () => {
  const uploading: BarPayload = { name: 'agency 1', rate: 17_617, state: 'uploading' };
  const half = { value: 73_598, total: 150_000, eta: 4.4 };

  it('shows bets, rate, time left and state in 80 columns', () => {
    expect(describeBar(half, uploading, 80)).to.equal(
      'agency 1 █████░░░░░░░  49%  73,598/150,000 bets, 17,617/s, 0:04 left, uploading',
    );
  });

  it('has a bar of limited length in a wide terminal', () => {
    expect(describeBar(half, uploading, 300)).to.equal(
      `agency 1 ${'█'.repeat(14)}${'░'.repeat(16)}  49%  73,598/150,000 bets, 17,617/s, 0:04 left, uploading`,
    );
  });

  it('leaves out the least important texts in 40 columns', () => {
    expect(describeBar(half, uploading, 40)).to.equal('agency 1 █░░░  49% 0:04 left, uploading');
    const waiting = { ...uploading, state: 'waiting for the draw' };
    expect(describeBar({ value: 9, total: 9, eta: 0 }, waiting, 40)).to.equal(
      'agency 1 ████ 100% waiting for the draw',
    );
  });

  it('fits into any width, and shows the state as long as it fits', () => {
    for (let columns = 1; columns <= 120; columns++) {
      const line = describeBar(half, uploading, columns);
      expect(line.length, line).to.be.at.most(columns);
      if (columns >= 25) expect(line).to.match(/uploading$/);
    }
  });

  it('is aligned with other bars', () => {
    const other = describeBar({ value: 8, total: 150_000, eta: 70 }, { ...uploading, rate: 9_100 }, 80);
    expect(other).to.equal('agency 1 ░░░░░░░░░░░░   0%       8/150,000 bets,  9,100/s, 1:10 left, uploading');
  });

  it('shows no rate and no time before and after the upload', () => {
    const line = describeBar({ value: 150_000, total: 150_000, eta: 0 }, { ...uploading, state: '17 winners' }, 80);
    expect(line).to.match(/ 100% 150,000 bets, 17 winners$/);
    expect(describeBar({ value: 0, total: 9, eta: 'NULL' }, { ...uploading, rate: 0, state: 'starting' }, 80)).to.match(
      / {2}0% 0\/9 bets, starting$/,
    );
  });

  it('is full for a total of zero bets', () => {
    expect(describeBar({ value: 0, total: 0, eta: 0 }, { ...uploading, state: 'uploading' }, 60)).to.match(
      /█ 100% 0 bets,/,
    );
  });

  for (const [eta, words] of [
    [0.4, '0:00'],
    [59.6, '1:00'],
    [65, '1:05'],
    [600, '10:00'],
    [7_325, '2:02:05'],
    ['INF', '?'],
    [Number.NaN, '?'],
  ] as const) {
    it(`formats ${eta} seconds as ${words}`, () => {
      expect(describeBar({ ...half, eta }, uploading, 100)).to.contain(`, ${words} left, `);
    });
  }
});
