import { expect } from 'chai';
import { SessionRegistry } from '../../../../../apps/server/sessions/session_registry';

class FakeSession {
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
    await new SessionRegistry().claim(1, session);
    expect(session.superseded).to.equal(0);
  });

  it('supersedes the previous session, and waits until it has settled', async () => {
    const registry = new SessionRegistry();
    const [older, newer] = [new FakeSession(), new FakeSession()];
    await registry.claim(1, older);
    let isMine = false;
    const claimed = registry.claim(1, newer).then(() => (isMine = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect([older.superseded, isMine]).to.deep.equal([1, false]);
    older.settle();
    await claimed;
    expect([older.superseded, newer.superseded]).to.deep.equal([1, 0]);
  });

  it('does not supersede sessions of other agencies', async () => {
    const registry = new SessionRegistry();
    const sessions = [new FakeSession(), new FakeSession()];
    for (const [index, session] of sessions.entries()) await registry.claim(index + 1, session);
    expect(sessions.map(({ superseded }) => superseded)).to.deep.equal([0, 0]);
  });

  it('removes an ended session, but not its successor', async () => {
    const registry = new SessionRegistry();
    const [older, newer, newest] = [new FakeSession(), new FakeSession(), new FakeSession()];
    await registry.claim(1, older);
    registry.release(1, older);
    await registry.claim(1, newer);
    expect(older.superseded).to.equal(0);
    registry.release(1, older);
    newer.settle();
    await registry.claim(1, newest);
    expect(newer.superseded).to.equal(1);
  });
});
