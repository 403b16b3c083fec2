import { expect } from 'chai';
import { type SinonFakeTimers, useFakeTimers } from 'sinon';
import { GuessLimit } from '../../../../../../apps/server/status/access/guess_limit';

const at = (host: string): { host: string; port: number } => ({ host, port: 1 });

describe('GuessLimit', () => {
  let clock: SinonFakeTimers;

  beforeEach(() => {
    clock = useFakeTimers({ toFake: ['performance'] });
    clock.tick(1);
  });

  afterEach(() => {
    clock.restore();
  });

  /** The number of wrong tokens until the address is not allowed one more. */
  function guess(limit: GuessLimit, host: string): number {
    let guesses = 0;
    for (; guesses < 100 && limit.allows(at(host)); guesses++) limit.countWrong(at(host));
    return guesses;
  }

  it('allows an address ten wrong tokens, and then one in six seconds', () => {
    const limit = new GuessLimit();
    expect(guess(limit, '10.0.0.1')).to.equal(10);
    clock.tick(5_999);
    expect(guess(limit, '10.0.0.1')).to.equal(0);
    clock.tick(1);
    expect(guess(limit, '10.0.0.1')).to.equal(1);
    clock.tick(600_000);
    expect(guess(limit, '10.0.0.1')).to.equal(10);
  });

  it('counts each IPv4 address, and each /64 prefix of IPv6', () => {
    const limit = new GuessLimit();
    expect(guess(limit, '10.0.0.1')).to.equal(10);
    expect(guess(limit, '10.0.0.2')).to.equal(10);
    expect(guess(limit, '::ffff:10.0.0.1')).to.equal(0);
    expect(guess(limit, '2001:db8:0:1::1')).to.equal(10);
    expect(guess(limit, '2001:db8:0:1::ffff')).to.equal(0);
    expect(guess(limit, '2001:db8:0:2::1')).to.equal(10);
  });

  it('has a bounded memory, and forgets the addresses that have recovered', () => {
    const limit = new GuessLimit(3);
    for (const host of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) expect(guess(limit, host)).to.equal(10);
    expect(guess(limit, '10.0.0.4')).to.equal(10);
    expect(guess(limit, '10.0.0.5'), 'shares the limit of further addresses').to.equal(0);
    expect(limit.size).to.equal(4);
    clock.tick(60_000);
    expect(guess(limit, '10.0.0.6')).to.equal(10);
    expect(limit.size).to.equal(1);
  });
});
