import { setMaxListeners } from 'node:events';
import { expect } from 'chai';
import sinon, { type SinonFakeTimers, useFakeTimers } from 'sinon';
import { checkWaitOptions, Deadlines, type WaitOptions } from '../../../../lib/async/deadlines';
import { type SocketError, TimedOutError } from '../../../../lib/errors';

describe('Deadlines', () => {
  let clock: SinonFakeTimers;

  beforeEach(() => {
    clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => clock.restore());

  /** The deadlines of a wait, and the errors that have cancelled it. */
  function watch(options: WaitOptions): { deadlines: Deadlines; errors: SocketError[] } {
    const errors: SocketError[] = [];
    const wait = { cancel: (error: SocketError) => void errors.push(error) };
    return { deadlines: new Deadlines('receive', { remote: { path: '/run/app.sock' } }, options, wait), errors };
  }

  it('the first one that fires cancels the wait, once, and stops the others', async () => {
    const controller = new AbortController();
    const { deadlines, errors } = watch({ timeoutMs: 1000, signal: controller.signal });
    deadlines.startReadClock('idle', 500);
    await clock.tickAsync(500);
    expect(clock.countTimers()).to.equal(0);
    controller.abort();
    await clock.tickAsync(1000);
    expect(errors).to.have.length(1);
    expect(errors[0]).to.be.instanceOf(TimedOutError).and.include({ clock: 'idle', timeoutMs: 500 });
    expect(errors[0]!.message).to.equal('receive from /run/app.sock: timed out after 500 ms without a byte');
  });

  it('a read clock takes the place of the one before, less the time that has passed', async () => {
    const { deadlines, errors } = watch({});
    deadlines.startReadClock('idle', 500);
    deadlines.startReadClock('message', 1000, 300);
    await clock.tickAsync(699);
    expect(errors).to.deep.equal([]);
    await clock.tickAsync(1);
    expect(errors.map((error) => (error as TimedOutError).clock)).to.deep.equal(['message']);
  });

  it('a read clock without a limit ends the one before', () => {
    const { deadlines } = watch({});
    deadlines.startReadClock('idle', 500);
    deadlines.startReadClock('message', undefined);
    expect(clock.countTimers()).to.equal(0);
  });

  it('stop ends the watch of clocks and signal', async () => {
    const controller = new AbortController();
    const removed = sinon.spy(controller.signal, 'removeEventListener');
    const { deadlines, errors } = watch({ timeoutMs: 1000, signal: controller.signal });
    deadlines.startReadClock('idle', 500);
    deadlines.stop();
    deadlines.stop();
    expect(removed.calledOnceWith('abort')).to.equal(true);
    controller.abort();
    await clock.tickAsync(2000);
    expect(errors).to.deep.equal([]);
  });

  it('one listener serves all waits with a signal, as long as there are any', () => {
    const { signal } = new AbortController();
    const [added, removed] = [sinon.spy(signal, 'addEventListener'), sinon.spy(signal, 'removeEventListener')];
    for (let round = 1; round <= 2; round++) {
      const waits = Array.from({ length: 1000 }, () => watch({ signal }));
      expect([added.callCount, removed.callCount]).to.deep.equal([round, round - 1]);
      for (const { deadlines } of waits) deadlines.stop();
      expect([added.callCount, removed.callCount]).to.deep.equal([round, round]);
      expect(removed.lastCall.args).to.deep.equal(added.lastCall.args);
    }
  });

  it('an abort cancels all waits with the signal that have not ended, in their order, once each', () => {
    const [shared, other] = [new AbortController(), new AbortController()];
    const cancelled: number[] = [];
    const deadlines = Array.from({ length: 6 }, (_, index) => {
      const { signal } = index === 4 ? other : shared;
      return new Deadlines('receive', {}, { signal }, { cancel: () => void cancelled.push(index) });
    });
    deadlines[1]!.stop();
    shared.abort();
    expect(cancelled).to.deep.equal([0, 2, 3, 5]);
    other.abort();
    expect(cancelled).to.deep.equal([0, 2, 3, 5, 4]);
  });

  it('a wait that ends another one at its abort leaves it uncancelled', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const second: Deadlines[] = [];
    const cancelled: string[] = [];
    new Deadlines(
      'receive',
      {},
      { signal },
      {
        cancel: () => {
          cancelled.push('first');
          second[0]!.stop();
        },
      },
    );
    second.push(new Deadlines('receive', {}, { signal }, { cancel: () => void cancelled.push('second') }));
    controller.abort();
    expect(cancelled).to.deep.equal(['first']);
  });

  it('the limit of listeners that the program has set on the signal stays', () => {
    const { signal } = new AbortController();
    const warned = sinon.stub(process, 'emitWarning');
    try {
      setMaxListeners(2, signal);
      watch({ signal });
      watch({ signal });
      signal.addEventListener('abort', () => undefined);
      expect(warned.callCount).to.equal(0);
      signal.addEventListener('abort', () => undefined);
      expect(warned.callCount).to.equal(1);
    } finally {
      warned.restore();
    }
  });

  it('a delay that no timer can hold is no limit', () => {
    watch({ timeoutMs: 2 ** 31 }).deadlines.startReadClock('idle', Infinity);
    expect(clock.countTimers()).to.equal(0);
  });
});

describe('the check of wait options', () => {
  it('refuses limits that are no milliseconds, and signals that are none', () => {
    const names = ['timeoutMs', 'idleTimeoutMs', 'messageTimeoutMs'];
    for (const name of names) {
      for (const wrong of [-1, NaN, null, '5']) {
        expect(() => checkWaitOptions('send', {}, { [name]: wrong }), `${name}: ${wrong}`).to.throw(RangeError, name);
      }
    }
    expect(() => checkWaitOptions('send', {}, { signal: {} as AbortSignal })).to.throw(TypeError, 'signal');
  });

  it('gives the error of a signal that has fired, with its reason', () => {
    const check = (): void => checkWaitOptions('send', {}, { signal: AbortSignal.abort('enough') });
    expect(check).to.throw().that.includes({ code: 'ABORTED', operation: 'send', cause: 'enough' });
  });

  it('passes everything else', () => {
    checkWaitOptions('send', {}, undefined);
    checkWaitOptions('send', {}, { timeoutMs: 0, idleTimeoutMs: Infinity, signal: new AbortController().signal });
  });
});
