import { expect } from 'chai';
import { type SinonFakeTimers, useFakeTimers } from 'sinon';
import { RefusalLog } from '../../../../../apps/server/limits/refusal_log';
import { createMemoryLog } from '../../../../support/memory_lottery';

const at = (host: string, port = 1): { host: string; port: number } => ({ host, port });

describe('RefusalLog', () => {
  let clock: SinonFakeTimers;
  let memory: ReturnType<typeof createMemoryLog>;

  beforeEach(() => {
    clock = useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    memory = createMemoryLog();
  });

  afterEach(() => clock.restore());

  /** The lines so far, without time and level. */
  function takeLines(): string[] {
    return memory.lines.splice(0).map((line) => line.replace(/^.*(action:.*?)\n?$/s, '$1'));
  }

  const line = (rest: string): string => `action: accept_connections | result: fail | ${rest}`;

  it('writes the first refusal of an address at once, and the number of all others after a minute', () => {
    const log = new RefusalLog(memory.log);
    log.refused(at('192.0.2.1', 1), { error: 'busy', limit: 'sessions' });
    expect(takeLines()).to.deep.equal([line('ip: 192.0.2.1 | port: 1 | error: busy | limit: sessions | refused: 1')]);
    for (let port = 2; port <= 1000; port++) log.refused(at('192.0.2.1', port), { error: 'busy', limit: 'unnamed' });
    clock.tick(59_999);
    expect(takeLines()).to.deep.equal([]);
    clock.tick(1);
    expect(takeLines()).to.deep.equal([
      line('ip: 192.0.2.1 | port: 1000 | error: busy | limit: unnamed | refused: 999'),
    ]);
    log.refused(at('192.0.2.1', 7), { error: 'busy' });
    clock.tick(60_000);
    expect(takeLines()).to.deep.equal([line('ip: 192.0.2.1 | port: 7 | error: busy | refused: 1')]);
  });

  it('writes no line of an address twice within a minute, whenever others begin', () => {
    const log = new RefusalLog(memory.log);
    log.refused(at('192.0.2.1'), {});
    clock.tick(59_000);
    log.refused(at('192.0.2.2'), {});
    takeLines();
    log.refused(at('192.0.2.2'), {});
    clock.tick(59_000);
    expect(takeLines()).to.deep.equal([]);
    clock.tick(6_000);
    expect(takeLines()).to.deep.equal([line('ip: 192.0.2.2 | port: 1 | refused: 1')]);
  });

  it('has no timer, and a first line again, after a minute without refusals', () => {
    const log = new RefusalLog(memory.log);
    log.refused(at('192.0.2.1'), {});
    clock.tick(60_000);
    expect(clock.countTimers()).to.equal(0);
    takeLines();
    log.refused(at('192.0.2.1'), {});
    expect(takeLines()).to.have.length(1);
  });

  it('counts the addresses of a /64 prefix, and those beyond the bound, together', () => {
    const log = new RefusalLog(memory.log, undefined, 2);
    for (const host of ['2001:db8::1', '2001:db8::2', '192.0.2.1', '192.0.2.2', '192.0.2.3']) log.refused(at(host), {});
    log.close();
    expect(takeLines()).to.deep.equal([
      line('ip: 2001:db8::1 | port: 1 | refused: 1'),
      line('ip: 192.0.2.1 | port: 1 | refused: 1'),
      line('ip: others | refused: 1'),
      line('ip: 2001:db8::2 | port: 1 | refused: 1'),
      line('ip: others | refused: 1'),
    ]);
  });

  it('has lines of each agency, whatever its addresses, beside those of the addresses', () => {
    const log = new RefusalLog(memory.log);
    log.refused(at('192.0.2.1'), { error: 'busy' }, 7);
    for (let host = 2; host <= 9; host++) log.refused(at(`192.0.2.${host}`), { error: 'busy' }, 7);
    log.refused(at('192.0.2.9'), { error: 'busy' }, 8);
    log.refused(at('192.0.2.9'), { error: 'busy' });
    clock.tick(60_000);
    expect(takeLines()).to.deep.equal([
      line('agency: 7 | ip: 192.0.2.1 | port: 1 | error: busy | refused: 1'),
      line('agency: 8 | ip: 192.0.2.9 | port: 1 | error: busy | refused: 1'),
      line('ip: 192.0.2.9 | port: 1 | error: busy | refused: 1'),
      line('agency: 7 | ip: 192.0.2.9 | port: 1 | error: busy | refused: 8'),
    ]);
  });

  it('writes what is left at its close', () => {
    const log = new RefusalLog(memory.log);
    log.refused(undefined, { error: 'busy' });
    log.refused(undefined, { error: 'busy' });
    log.close();
    expect(takeLines()).to.deep.equal([line('error: busy | refused: 1'), line('error: busy | refused: 1')]);
    expect(clock.countTimers()).to.equal(0);
  });
});
