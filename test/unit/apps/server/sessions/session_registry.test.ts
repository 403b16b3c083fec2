import { expect } from 'chai';
import { type AgencyClaim } from '../../../../../apps/server/domain/agency_claim';
import { SessionRegistry } from '../../../../../apps/server/sessions/session_registry';
import { claimOf } from '../../../../support/claims';

class FakeSession {
  claim: AgencyClaim | undefined;
  superseded = 0;
  settle: () => void = () => {};
  private readonly settled = new Promise<void>((resolve) => (this.settle = resolve));

  async supersede(): Promise<void> {
    this.superseded++;
    await this.settled;
  }
}

describe('the registry of sessions', () => {
  it('resolves a first claim at once', async () => {
    const session = new FakeSession();
    await new SessionRegistry().register(1, session);
    expect(session.superseded).to.equal(0);
  });

  it('supersedes the previous session, and waits until it has settled', async () => {
    const registry = new SessionRegistry();
    const [older, newer] = [new FakeSession(), new FakeSession()];
    await registry.register(1, older);
    let isMine = false;
    const claimed = registry.register(1, newer).then(() => (isMine = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect([older.superseded, isMine]).to.deep.equal([1, false]);
    older.settle();
    await claimed;
    expect([older.superseded, newer.superseded]).to.deep.equal([1, 0]);
  });

  it('does not supersede sessions of other agencies', async () => {
    const registry = new SessionRegistry();
    const sessions = [new FakeSession(), new FakeSession()];
    for (const [index, session] of sessions.entries()) await registry.register(index + 1, session);
    expect(sessions.map(({ superseded }) => superseded)).to.deep.equal([0, 0]);
  });

  it('removes an ended session, but not its successor', async () => {
    const registry = new SessionRegistry();
    const [older, newer, newest] = [new FakeSession(), new FakeSession(), new FakeSession()];
    await registry.register(1, older);
    registry.release(1, older);
    await registry.register(1, newer);
    expect(older.superseded).to.equal(0);
    registry.release(1, older);
    newer.settle();
    await registry.register(1, newest);
    expect(newer.superseded).to.equal(1);
  });

  it('ends the session of a claim that another server has ended, and no other one', async () => {
    const registry = new SessionRegistry();
    const [claim, newerClaim] = [claimOf(1), claimOf(1)];
    const [session, pending] = [new FakeSession(), new FakeSession()];
    session.claim = claim;
    await registry.register(1, session);
    registry.supersede(newerClaim);
    expect(session.superseded).to.equal(0);
    registry.supersede(claim);
    expect(session.superseded).to.equal(1);
    session.settle();
    await registry.register(1, pending);
    registry.supersede(claim);
    expect(pending.superseded).to.equal(0);
  });
});
