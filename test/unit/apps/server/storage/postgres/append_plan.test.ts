import { expect } from 'chai';
import { readBetBatch } from '../../../../../../apps/protocol/bet_batch';
import { type AgencyClaim } from '../../../../../../apps/server/domain/agency_claim';
import { LocalClaims } from '../../../../../../apps/server/storage/postgres/local_claims';
import { StoreWriteError } from '../../../../../../apps/server/domain/store_errors';
import { type PendingBatch, planAppends } from '../../../../../../apps/server/storage/postgres/append_plan';

const rows = (agency: number, count: number): Buffer =>
  Buffer.from(Array.from({ length: count }, (_, index) => `${agency},Ana,Paz,${index},1999-03-17,7`).join('\n'));

describe('the plan of a commit of batches', () => {
  let rejections: Map<PendingBatch, string>;
  let claims: LocalClaims;

  beforeEach(() => {
    rejections = new Map();
    claims = new LocalClaims();
  });

  function claimed(agency: number, epoch = 1, stored = 0): AgencyClaim {
    const claim = { agency, epoch, stored };
    claims.add(claim, false);
    return claim;
  }

  function pending(claim: AgencyClaim, after: number, count: number): PendingBatch {
    const submission: PendingBatch = {
      item: { claim, batch: readBetBatch(rows(claim.agency, count), claim.agency), after },
      resolve: () => {
        throw new Error('a plan stores nothing');
      },
      reject: (error) => void rejections.set(submission, (error as { code: string }).code),
    };
    return submission;
  }

  it('joins the batches of an agency that follow each other, in the order of the agencies', () => {
    const [seven, three] = [claimed(7), claimed(3, 1, 9)];
    const submissions = [pending(seven, 0, 2), pending(three, 9, 1), pending(seven, 2, 3), pending(three, 10, 1)];
    expect(planAppends(submissions, claims)).to.deep.equal([
      { claim: three, after: 9, added: 2, submissions: [submissions[1], submissions[3]] },
      { claim: seven, after: 0, added: 5, submissions: [submissions[0], submissions[2]] },
    ]);
    expect(rejections.size).to.equal(0);
  });

  it('rejects a batch out of sequence alone', () => {
    const claim = claimed(1, 1, 4);
    const [early, fits, repeated, next, gap] = [
      pending(claim, 5, 1),
      pending(claim, 4, 2),
      pending(claim, 4, 2),
      pending(claim, 6, 1),
      pending(claim, 9, 1),
    ];
    expect(planAppends([early, fits, repeated, next, gap], claims)).to.deep.equal([
      { claim, after: 4, added: 3, submissions: [fits, next] },
    ]);
    expect(Array.from(rejections)).to.deep.equal([
      [early, 'BATCH_OUT_OF_SEQUENCE'],
      [repeated, 'BATCH_OUT_OF_SEQUENCE'],
      [gap, 'BATCH_OUT_OF_SEQUENCE'],
    ]);
  });

  it('counts on from the batches stored under the claim', () => {
    const claim = claimed(1);
    claims.addStored(claim, 3);
    const [repeated, next] = [pending(claim, 0, 3), pending(claim, 3, 1)];
    expect(planAppends([repeated, next], claims)).to.deep.equal([{ claim, after: 3, added: 1, submissions: [next] }]);
    expect(Array.from(rejections.values())).to.deep.equal(['BATCH_OUT_OF_SEQUENCE']);
  });

  it('rejects the batches of an older claim of an agency', () => {
    const older = claimed(1, 1);
    const newer = claimed(1, 2);
    const [late, current] = [pending(older, 0, 1), pending(newer, 0, 1)];
    expect(planAppends([late, current], claims)).to.deep.equal([
      { claim: newer, after: 0, added: 1, submissions: [current] },
    ]);
    expect(Array.from(rejections)).to.deep.equal([[late, 'CLAIM_SUPERSEDED']]);
  });

  it('rejects the batches behind a commit of unknown outcome with its error', () => {
    const claim = claimed(1);
    claims.recordFailure(claim, new StoreWriteError('unknown'));
    expect(planAppends([pending(claim, 0, 1)], claims)).to.deep.equal([]);
    expect(Array.from(rejections.values())).to.deep.equal(['STORE_WRITE_FAILED']);
  });
});
