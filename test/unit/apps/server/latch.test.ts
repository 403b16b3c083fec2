import { expect } from 'chai';
import { getEventListeners } from 'node:events';
import { Latch } from '../../../../apps/server/latch';

describe('a latch', () => {
  const never = new AbortController().signal;

  it('lets all pass that wait, and all that come later', async () => {
    const latch = new Latch();
    const waiting = [1, 2, 3].map(() => latch.wait({ timeoutMs: 60_000, signal: never }));
    expect(latch.isOpen).to.equal(false);
    latch.open();
    expect(await Promise.all(waiting)).to.deep.equal([true, true, true]);
    expect(await latch.wait({ timeoutMs: 0, signal: AbortSignal.abort() })).to.equal(true);
  });

  it('lets nobody wait longer than they want to', async () => {
    expect(await new Latch().wait({ timeoutMs: 1, signal: never })).to.equal(false);
    const stop = new AbortController();
    const waiting = new Latch().wait({ timeoutMs: 60_000, signal: stop.signal });
    stop.abort();
    expect(await waiting).to.equal(false);
    expect(await new Latch().wait({ timeoutMs: 60_000, signal: stop.signal })).to.equal(false);
  });

  it('keeps nothing of those who have gone', async () => {
    const latch = new Latch();
    const stop = new AbortController();
    for (let time = 0; time < 20; time++) await latch.wait({ timeoutMs: 0, signal: stop.signal });
    expect(getEventListeners(stop.signal, 'abort')).to.deep.equal([]);
  });
});
