import { expect } from 'chai';
import { type SinonFakeTimers, useFakeTimers } from 'sinon';
import { LoginSessions } from '../../../../../../apps/server/status/access/login_sessions';

const HOUR_MS = 3_600_000;

describe('LoginSessions', () => {
  let clock: SinonFakeTimers;
  let token: { version: number };

  beforeEach(() => {
    clock = useFakeTimers({ toFake: ['performance'] });
    token = { version: 0 };
  });

  afterEach(() => {
    clock.restore();
  });

  it('knows its ids, which are random, until their logout', () => {
    const sessions = new LoginSessions(token);
    const ids = [sessions.begin(), sessions.begin()];
    expect(ids[0]).to.match(/^[\w-]{43}$/);
    expect(ids[0]).not.to.equal(ids[1]);
    expect([...ids, '', 'x', `${ids[0]}x`].map((id) => sessions.isOpen(id))).to.deep.equal([
      ...[true, true],
      ...[false, false, false],
    ]);
    sessions.end(ids[0]!);
    expect(ids.map((id) => sessions.isOpen(id))).to.deep.equal([false, true]);
    sessions.end('unknown');
    expect(sessions.size).to.equal(1);
  });

  it('ends a session after twelve hours', () => {
    const sessions = new LoginSessions(token);
    const early = sessions.begin();
    clock.tick(HOUR_MS);
    const late = sessions.begin();
    clock.tick(11 * HOUR_MS - 1);
    expect([sessions.isOpen(early), sessions.isOpen(late)]).to.deep.equal([true, true]);
    clock.tick(1);
    expect([sessions.isOpen(early), sessions.isOpen(late)]).to.deep.equal([false, true]);
    sessions.begin();
    expect(sessions.size).to.equal(2);
  });

  it('ends all sessions with another token', () => {
    const sessions = new LoginSessions(token);
    const old = sessions.begin();
    token.version++;
    const renewed = sessions.begin();
    expect([sessions.isOpen(old), sessions.isOpen(renewed), sessions.size]).to.deep.equal([false, true, 1]);
  });

  it('replaces the oldest session beyond the maximum', () => {
    const sessions = new LoginSessions(token, 3);
    const ids = Array.from({ length: 5 }, () => sessions.begin());
    expect(ids.map((id) => sessions.isOpen(id))).to.deep.equal([false, false, true, true, true]);
    expect(sessions.size).to.equal(3);
  });
});
