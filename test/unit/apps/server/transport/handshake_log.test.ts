import { expect } from 'chai';
import { type SinonFakeTimers, useFakeTimers } from 'sinon';
import { type LogFields } from '../../../../../apps/runtime/action_log';
import { HandshakeLog } from '../../../../../apps/server/transport/handshake_log';

const MINUTE_MS = 60_000;

describe('HandshakeLog', () => {
  let clock: SinonFakeTimers;
  let lines: LogFields[];
  let log: HandshakeLog;

  beforeEach(() => {
    clock = useFakeTimers();
    lines = [];
    log = new HandshakeLog({ warning: (_action, _result, fields) => lines.push(fields!) });
  });

  afterEach(() => {
    log.close();
    clock.restore();
  });

  const taken = (): LogFields[] => lines.splice(0);

  it('writes the first failure of an address at once, and the number of further ones once a minute', () => {
    log.add('10.0.0.1', 'first');
    expect(taken()).to.deep.equal([{ ip: '10.0.0.1', error: 'first' }]);
    for (let count = 1; count <= 1000; count++) log.add('10.0.0.1', `failure ${count}`);
    log.add('10.0.0.2', 'other');
    expect(taken()).to.deep.equal([{ ip: '10.0.0.2', error: 'other' }]);
    clock.tick(MINUTE_MS);
    expect(taken()).to.deep.equal([{ ip: '10.0.0.1', failures: 1000, error: 'failure 1000' }]);
    log.add('10.0.0.1', 'again');
    expect(taken()).to.deep.equal([]);
    clock.tick(MINUTE_MS);
    expect(taken()).to.deep.equal([{ ip: '10.0.0.1', failures: 1, error: 'again' }]);
  });

  it('forgets an address after a minute without failures, and has no timer then', () => {
    log.add('10.0.0.1', 'first');
    clock.tick(MINUTE_MS);
    expect(clock.countTimers()).to.equal(0);
    log.add('10.0.0.1', 'later');
    expect(taken()).to.deep.equal([
      { ip: '10.0.0.1', error: 'first' },
      { ip: '10.0.0.1', error: 'later' },
    ]);
  });

  it('has one line for all addresses beyond the first 256', () => {
    for (let index = 0; index < 1000; index++) log.add(`10.0.${index >> 8}.${index & 255}`, 'refused');
    expect(taken().map(({ ip }) => ip)).to.deep.equal([
      ...Array.from({ length: 256 }, (_, index) => `10.0.0.${index}`),
      'others',
    ]);
    clock.tick(MINUTE_MS);
    expect(taken()).to.deep.equal([{ ip: 'others', failures: 743, error: 'refused' }]);
  });

  it('writes the counts that are left at its end', () => {
    log.add('10.0.0.1', 'first');
    log.add('10.0.0.1', 'second');
    taken();
    log.close();
    expect(taken()).to.deep.equal([{ ip: '10.0.0.1', failures: 1, error: 'second' }]);
  });
});
