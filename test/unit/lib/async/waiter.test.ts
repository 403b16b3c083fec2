import { expect } from 'chai';
import { useFakeTimers } from 'sinon';
import { Waiter } from '../../../../lib/async/waiter';
import { expectCode, rejection } from '../../../support/rejection';

describe('Waiter', () => {
  it('is settled by its owner, and leaves no clock behind', async () => {
    const clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const [resolved, rejected] = [1, 2].map(() => new Waiter<string>('accept', {}, { timeoutMs: 1000 }));
      resolved!.resolve('value');
      rejected!.reject(new Error('failed'));
      expect(await resolved!.promise).to.equal('value');
      expect((await rejection(rejected!.promise)).message).to.equal('failed');
      expect(clock.countTimers()).to.equal(0);
    } finally {
      clock.restore();
    }
  });

  it('is cancelled by a deadline or a signal, after its owner was called', async () => {
    const controller = new AbortController();
    const calls: string[] = [];
    for (const [name, options] of [
      ['TIMED_OUT', { timeoutMs: 0 }],
      ['ABORTED', { signal: controller.signal }],
    ] as const) {
      const waiter = new Waiter('accept', {}, options, () => calls.push(name));
      waiter.promise.catch(() => calls.push('rejected'));
      if (name === 'ABORTED') controller.abort();
      await expectCode(waiter.promise, name);
    }
    expect(calls).to.deep.equal(['TIMED_OUT', 'rejected', 'ABORTED', 'rejected']);
  });

  it('keeps its first outcome', async () => {
    const waiter = new Waiter<string>('accept', {}, undefined, () => expect.fail('cancelled'));
    waiter.resolve('first');
    waiter.resolve('second');
    waiter.reject(new Error('third'));
    expect(await waiter.promise).to.equal('first');
  });
});
