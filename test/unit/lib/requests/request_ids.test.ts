import { expect } from 'chai';
import { RequestIds } from '../../../../lib/requests/request_ids';

describe('RequestIds', () => {
  it('goes round, and skips the ids in use', () => {
    const ids = new RequestIds(4);
    expect([ids.take(), ids.take(), ids.take(), ids.take(), ids.take()]).to.deep.equal([1, 2, 3, 4, undefined]);
    expect([ids.release(3), ids.release(1)]).to.deep.equal([false, false]);
    expect([ids.take(), ids.take(), ids.take()]).to.deep.equal([1, 3, undefined]);
  });

  it('keeps an abandoned id until its response', () => {
    const ids = new RequestIds(2);
    ids.abandon(ids.take()!);
    expect([ids.take(), ids.take()]).to.deep.equal([2, undefined]);
    expect([ids.release(1), ids.release(1), ids.take()]).to.deep.equal([true, false, 1]);
  });

  it('forgets the oldest of more than 65,536 abandoned ids, and keeps its memory bounded', () => {
    const ids = new RequestIds(65_540);
    for (let count = 0; count < 65_536; count++) ids.abandon(ids.take()!);
    expect([ids.take(), ids.take(), ids.take(), ids.take()]).to.deep.equal([65_537, 65_538, 65_539, 65_540]);
    expect(ids.take()).to.equal(undefined);
    ids.abandon(65_537);
    expect([ids.take(), ids.take()]).to.deep.equal([1, undefined]);
    expect(ids.release(2)).to.equal(true);
  });
});
