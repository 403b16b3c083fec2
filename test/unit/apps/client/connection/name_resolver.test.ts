import { expect } from 'chai';
import { getEventListeners } from 'node:events';
import { type SinonFakeTimers, useFakeTimers } from 'sinon';
import {
  type LookUp,
  lookUpInSystem,
  NameResolver,
  NameLookupError,
} from '../../../../../apps/client/connection/name_resolver';
import { createMemoryLog } from '../../../../support/memory_lottery';
import { rejection } from '../../../../support/rejection';

const { signal: NEVER_STOPPED } = new AbortController();

function failure(code: string): Error {
  return Object.assign(new Error(`getaddrinfo ${code} lottery`), { code });
}

describe('a name resolver', () => {
  let clock: SinonFakeTimers;
  let lines: string[];
  let lookUp: LookUp;
  let resolver: NameResolver;

  beforeEach(() => {
    clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const memory = createMemoryLog();
    ({ lines } = memory);
    resolver = new NameResolver((host) => lookUp(host), memory.log);
  });

  afterEach(() => {
    expect(clock.countTimers()).to.equal(0);
    expect(getEventListeners(NEVER_STOPPED, 'abort')).to.be.empty;
    clock.restore();
  });

  const addresses = (isOnly = false): Promise<readonly string[]> =>
    resolver.addressesOf('lottery', isOnly, NEVER_STOPPED);

  it('sorts the addresses', async () => {
    lookUp = async () => ['10.0.0.2', 'fd00::1', '10.0.0.1'];
    expect(await addresses()).to.deep.equal(['10.0.0.1', '10.0.0.2', 'fd00::1']);
  });

  it('asks again each time', async () => {
    const found = [['10.0.0.1'], ['10.0.0.2']];
    lookUp = async () => found.shift()!;
    expect(await addresses()).to.deep.equal(['10.0.0.1']);
    expect(await addresses()).to.deep.equal(['10.0.0.2']);
  });

  it('names host, reason and cause of a failure', async () => {
    const cause = failure('EAI_AGAIN');
    lookUp = () => Promise.reject(cause);
    const error = await rejection(addresses());
    expect(error).to.be.instanceOf(NameLookupError);
    expect(error).to.include({ code: 'NAME_LOOKUP_FAILED', cause });
    expect(error.message).to.equal('look up lottery: getaddrinfo EAI_AGAIN lottery');
  });

  for (const [what, isOnly, limit] of [
    ['1.5 s beside another server', false, 1_500],
    ['5 s without another server', true, 5_000],
  ] as const) {
    it(`waits ${what}`, async () => {
      lookUp = () => new Promise(() => {});
      const failing = rejection(addresses(isOnly));
      let isSettled = false;
      void failing.then(() => (isSettled = true));
      await clock.tickAsync(limit - 1);
      expect(isSettled).to.equal(false);
      await clock.tickAsync(1);
      expect((await failing).message).to.equal(`look up lottery: timed out after ${limit} ms`);
    });
  }

  it('has one look-up of a name under way at a time', async () => {
    let begun = 0;
    let respond: (found: readonly string[]) => void = () => {};
    lookUp = () => {
      begun++;
      return new Promise((resolve) => (respond = resolve));
    };
    const late = rejection(addresses());
    await clock.tickAsync(1_500);
    await late;
    const next = addresses();
    respond(['10.0.0.1']);
    expect(await next).to.deep.equal(['10.0.0.1']);
    expect(begun).to.equal(1);
    const anew = addresses();
    respond(['10.0.0.2']);
    expect(await anew).to.deep.equal(['10.0.0.2']);
    expect(begun).to.equal(2);
  });

  it('keeps the last addresses of a name while its name server fails, with a warning', async () => {
    lookUp = async () => ['10.0.0.2', '10.0.0.1'];
    await addresses();
    lookUp = () => Promise.reject(failure('EAI_AGAIN'));
    expect(await addresses()).to.deep.equal(['10.0.0.1', '10.0.0.2']);
    lookUp = () => new Promise(() => {});
    const late = addresses(true);
    await clock.tickAsync(1_500);
    expect(await late).to.deep.equal(['10.0.0.1', '10.0.0.2']);
    expect(lines.map((line) => line.replace(/^\S+ \S+ /, ''))).to.deep.equal(
      ['getaddrinfo EAI_AGAIN lottery', 'timed out after 1500 ms'].map(
        (reason) =>
          `WARNING  action: look_up | result: fail | error: look up lottery: ${reason} | known: 10.0.0.1 10.0.0.2`,
      ),
    );
  });

  it('forgets the addresses of a name that does not exist any more', async () => {
    lookUp = async () => ['10.0.0.1'];
    await addresses();
    for (const code of ['ENOTFOUND', 'EAI_AGAIN']) {
      lookUp = () => Promise.reject(failure(code));
      expect((await rejection(addresses())).message).to.contain(code);
    }
  });

  it('asks the system for all addresses', async () => {
    expect(await lookUpInSystem('127.0.0.1')).to.deep.equal(['127.0.0.1']);
    expect(await lookUpInSystem('localhost')).to.include('127.0.0.1');
    expect(await rejection(lookUpInSystem('no host'))).to.include({ syscall: 'getaddrinfo', code: 'ENOTFOUND' });
  });
});
