import { once } from 'node:events';
import { expect } from 'chai';
import { MemoryStream } from '../../../../lib/testing/index';

describe('MemoryStream', () => {
  it('a write to a closed end fails as on a closed connection', async () => {
    const [left, right] = MemoryStream.pair();
    right.destroy();
    left.resume();
    left.write('x');
    const [error] = (await once(left, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).to.equal('ECONNRESET');
  });

  it('a close over unread bytes resets', async () => {
    const [left, right] = MemoryStream.pair();
    left.write('never read');
    while (right.readableLength === 0) await new Promise((resolve) => setImmediate(resolve));
    right.destroy();
    expect(((await once(left, 'error')) as [NodeJS.ErrnoException])[0].code).to.equal('ECONNRESET');
  });

  it('both ends close by themselves after the end of both directions', async () => {
    const [left, right] = MemoryStream.pair();
    const closed = Promise.all([once(left, 'close'), once(right, 'close')]);
    for (const stream of [left, right]) stream.resume().end();
    await closed;
  });
});
