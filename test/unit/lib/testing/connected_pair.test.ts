import { expect } from 'chai';
import { useFakeTimers } from 'sinon';
import { connectedPair } from '../../../../lib/testing/index';
import { expectCode } from '../../../support/rejection';

describe('connectedPair', () => {
  it('a send waits while capacityBytes are held', async () => {
    const [left, right] = connectedPair({ capacityBytes: 10, receiveBufferBytes: 1 });
    await left.sendAll(Buffer.alloc(2));
    await left.sendAll(Buffer.alloc(9));
    await expectCode(left.sendAll(Buffer.alloc(1), { timeoutMs: 5 }), 'TIMED_OUT');
    await right.close();
  });

  it('a much larger write waits for its reader too', async () => {
    const [left, right] = connectedPair({ receiveBufferBytes: 1 });
    await expectCode(left.sendAll(Buffer.alloc(1 << 24), { timeoutMs: 50 }), 'TIMED_OUT');
    await right.close();
  });

  it('works under fake timers', async () => {
    const clock = useFakeTimers({ toFake: ['setTimeout', 'setInterval', 'setImmediate', 'Date', 'performance'] });
    try {
      const [left, right] = connectedPair();
      void left.sendAll(Buffer.from('hi'));
      expect(String(await right.recvExactly(2))).to.equal('hi');
    } finally {
      clock.restore();
    }
  });
});
