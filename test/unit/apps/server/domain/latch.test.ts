import { expect } from 'chai';
import { getEventListeners } from 'node:events';
import { Latch } from '../../../../../apps/server/domain/latch';

describe('a latch', () => {
  const never = new AbortController().signal;

  it('resolves all pending waits at its opening, and all later ones', async () => {
    const latch = new Latch();
    const waiting = [1, 2, 3].map(() => latch.wait({ timeoutMs: 60_000, signal: never }));
    expect(latch.isOpen).to.equal(false);
    latch.open();
    expect(await Promise.all(waiting)).to.deep.equal([true, true, true]);
    expect(await latch.wait({ timeoutMs: 0, signal: AbortSignal.abort() })).to.equal(true);
  });

  it('rejects all pending waits at a failure, but no later ones', async () => {
    const latch = new Latch();
    const reason = new Error('there is no key');
    const waiting = [60_000, undefined].map((timeoutMs) =>
      latch.wait({ ...(timeoutMs !== undefined && { timeoutMs }), signal: never }),
    );
    const outcomes = Promise.allSettled(waiting);
    latch.fail(reason);
    expect(await outcomes).to.deep.equal(waiting.map(() => ({ status: 'rejected', reason })));
    const later = latch.wait({ signal: never });
    latch.open();
    expect(await later).to.equal(true);
    latch.fail(reason);
    expect(await latch.wait({ signal: never })).to.equal(true);
  });

  it('has waits without a time limit', async () => {
    const stop = new AbortController();
    const waiting = new Latch().wait({ signal: stop.signal });
    expect(await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 20, 'it waits'))])).to.equal(
      'it waits',
    );
    stop.abort();
    expect(await waiting).to.equal(false);
    expect(getEventListeners(stop.signal, 'abort')).to.deep.equal([]);
  });

  it('ends a wait at its timeout and at its signal', async () => {
    expect(await new Latch().wait({ timeoutMs: 1, signal: never })).to.equal(false);
    const stop = new AbortController();
    const waiting = new Latch().wait({ timeoutMs: 60_000, signal: stop.signal });
    stop.abort();
    expect(await waiting).to.equal(false);
    expect(await new Latch().wait({ timeoutMs: 60_000, signal: stop.signal })).to.equal(false);
  });

  it('leaves no listener behind after a timeout', async () => {
    const latch = new Latch();
    const stop = new AbortController();
    for (let time = 0; time < 20; time++) await latch.wait({ timeoutMs: 0, signal: stop.signal });
    expect(getEventListeners(stop.signal, 'abort')).to.deep.equal([]);
  });
});
