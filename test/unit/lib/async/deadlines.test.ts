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
    expect(removed.calledWith('abort', deadlines)).to.equal(true);
    controller.abort();
    await clock.tickAsync(2000);
    expect(errors).to.deep.equal([]);
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
