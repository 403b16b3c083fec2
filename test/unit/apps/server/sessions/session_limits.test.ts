import { expect } from 'chai';
import { type SinonFakeTimers, useFakeTimers } from 'sinon';
import { type AddressTraffic } from '../../../../../apps/server/limits/address_traffic';
import { AgencyTable } from '../../../../../apps/server/limits/agency_table';
import { type AgencyTraffic } from '../../../../../apps/server/limits/agency_traffic';
import { CombinedTraffic } from '../../../../../apps/server/limits/combined_traffic';
import { AddressTable } from '../../../../../apps/server/limits/address_table';
import { Rate } from '../../../../../apps/server/limits/rate';
import { bet, type MemorySession, MemorySessions } from '../../../../support/memory_sessions';
import { turns } from '../../../../support/turns';
import { message } from '../../../../support/wire_client';

const ADDRESS = { host: '192.0.2.1', port: 1 };

describe('a session with limits', () => {
  let sessions: MemorySessions;
  let clock: SinonFakeTimers;

  beforeEach(() => {
    sessions = new MemorySessions();
    clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });

  afterEach(async () => {
    clock.restore();
    await sessions.close();
  });

  /** Lets time pass, and then the event loop. */
  async function pass(ms: number): Promise<void> {
    await turns(10);
    await clock.tickAsync(ms);
    await turns(10);
  }

  const limited = (): Record<string, number> => Object.fromEntries(sessions.lottery.activity.limited);

  describe('until it has a name', () => {
    const LIMITS = { unnamedTimeoutMs: 5_000 };

    it('ends with timeout if it is silent', async () => {
      const agency = sessions.connect(LIMITS);
      await pass(4_999);
      expect(agency.session.ending.aborted).to.equal(false);
      await pass(1);
      expect(await agency.rest()).to.deep.equal(['E timeout: the session had no name after 5000 ms']);
      expect(limited()).to.deep.equal({ unnamed: 1 });
    });

    it('ends with timeout at the same time if its first message is incomplete', async () => {
      const agency = sessions.connect(LIMITS);
      await pass(4_000);
      agency.write(message('N', '1').subarray(0, 7));
      await pass(999);
      expect(agency.session.ending.aborted).to.equal(false);
      await pass(1);
      expect(await agency.rest()).to.deep.equal(['E timeout: the session had no name after 5000 ms']);
    });

    it('has the idle time afterwards', async () => {
      const agency = sessions.connect(LIMITS);
      await pass(4_000);
      agency.write(message('N', '1'));
      expect(await agency.next()).to.equal('O 0');
      await pass(59_000);
      expect(agency.session.ending.aborted).to.equal(false);
      await pass(1_100);
      expect(await agency.rest()).to.match(/^E timeout: /);
      expect(limited()).to.deep.equal({});
    });
  });

  describe('of its whole life', () => {
    const LIMITS = { lifetimeMs: 100_000 };
    const EXPIRED = 'E timeout: no session may last longer than 100000 ms';

    it('ends with timeout in its silence', async () => {
      const agency = sessions.connect(LIMITS);
      agency.write(message('N', '1'));
      expect(await agency.next()).to.equal('O 0');
      await pass(50_000);
      agency.write(message('B', bet(1)));
      expect(await agency.next()).to.equal('O 1');
      await pass(49_900);
      expect(agency.session.ending.aborted).to.equal(false);
      await pass(200);
      expect(await agency.rest()).to.deep.equal([EXPIRED]);
      expect(limited()).to.deep.equal({ lifetime: 1 });
    });

    it('ends with timeout after the batches in flight, which are stored', async () => {
      const agency = sessions.connect(LIMITS);
      const store = sessions.holdStore();
      agency.write(message('N', '1'), message('B', bet(1)));
      expect(await agency.next()).to.equal('O 0');
      await pass(99_900);
      expect(agency.session.ending.aborted).to.equal(false);
      await pass(200);
      store.release();
      expect(await agency.rest()).to.deep.equal(['O 1', EXPIRED]);
      expect(sessions.lottery.bets.rows).to.deep.equal([bet(1)]);
    });

    it('ends with timeout at its next message if it has no silence', async () => {
      const agency = sessions.connect({ ...LIMITS, longPollMs: 150_000 });
      agency.write(message('N', '1'), message('A'), message('A'));
      expect(await agency.next()).to.equal('O 0');
      await pass(150_000);
      expect(await agency.rest()).to.deep.equal(['W 0/3', EXPIRED]);
    });
  });

  describe('of its address', () => {
    let address: AddressTraffic;
    let table: AddressTable;

    beforeEach(() => {
      const rates = { bytes: new Rate(100_000, 1000), messages: new Rate(10, 1000), refusals: new Rate(2, 60_000) };
      table = new AddressTable(rates);
      address = table.enter(ADDRESS)!;
    });

    it('reads no faster than the rate of messages, and stores them all', async () => {
      const agency = sessions.connect({}, address);
      const bets = Array.from({ length: 29 }, (_, number) => bet(number + 1));
      agency.write(message('N', '1'), ...bets.map((each) => message('B', each)));
      expect(await agency.next()).to.equal('O 0');
      await pass(0);
      expect(sessions.lottery.bets.rows).to.deep.equal(bets.slice(0, 9));
      await pass(1_000);
      expect(sessions.lottery.bets.rows).to.have.length(19);
      await pass(1_000);
      expect(sessions.lottery.bets.rows).to.deep.equal(bets);
      expect(limited()).to.deep.equal({ address_messages: 20 });
    });

    it('share a rate with all its sessions', async () => {
      const [one, two] = [sessions.connect({}, address), sessions.connect({}, table.enter(ADDRESS))];
      for (const [agency, each] of [one, two].entries()) each.write(message('N', String(agency + 1)));
      for (const [agency, each] of [one, two].entries()) {
        each.write(...Array.from({ length: 9 }, (_, number) => message('B', bet(number + 1, agency + 1))));
      }
      await pass(500);
      expect(sessions.lottery.bets.rows.length).to.equal(13);
      await pass(500);
      expect(sessions.lottery.bets.rows.length).to.equal(18);
    });

    it('counts the bytes of its messages, headers included', async () => {
      const agency = sessions.connect({}, address);
      agency.write(message('N', '1'));
      expect(await agency.next()).to.equal('O 0');
      address.onMessage(100_000 - message('N', '1').length, performance.now());
      // A byte takes 0.01 ms.
      agency.write(message('B', 'x'.repeat(8192)));
      await pass(81);
      expect(agency.session.ending.aborted).to.equal(false);
      expect(address.overdrawnMs(performance.now())).to.be.closeTo(0.99, 0.001);
      await pass(1);
      expect(await agency.rest()).to.match(/^E bad-bet: /);
      expect(limited()).to.deep.equal({ address_bytes: 1 });
    });

    it('share the rate of their agency with sessions of other addresses', async () => {
      const wide = new Rate(1e9, 1000);
      const addresses = new AddressTable({ bytes: wide, messages: wide, refusals: wide });
      const limits = { bytes: wide, messages: new Rate(10, 1000), refusals: wide, connects: wide, sessions: Infinity };
      const agencies = new AgencyTable(limits, 3);
      const connect = (host: string): MemorySession => {
        const agency = agencies.enter(1, performance.now()) as AgencyTraffic;
        return sessions.connect({}, new CombinedTraffic(addresses.enter({ host, port: 1 })!, agency));
      };
      const bets = Array.from({ length: 29 }, (_, number) => bet(number + 1));
      const first = connect('192.0.2.1');
      first.write(message('N', '1'), ...bets.slice(0, 15).map((each) => message('B', each)));
      await pass(0);
      expect(sessions.lottery.bets.rows).to.deep.equal(bets.slice(0, 9));
      await pass(600);
      expect(sessions.lottery.bets.rows).to.deep.equal(bets.slice(0, 15));
      const second = connect('192.0.2.2');
      second.write(message('N', '1'), ...bets.slice(15).map((each) => message('B', each)));
      await pass(0);
      expect(sessions.lottery.bets.rows).to.deep.equal(bets.slice(0, 15));
      await pass(400);
      expect(sessions.lottery.bets.rows.length).to.be.within(17, 18);
      await pass(1_100);
      expect(sessions.lottery.bets.rows).to.deep.equal(bets);
      expect(Object.keys(limited())).to.deep.equal(['agency_messages']);
    });

    it('ends at once while it waits', async () => {
      const agency = sessions.connect({}, address);
      for (let number = 0; number < 1000; number++) address.onMessage(1, performance.now());
      agency.write(message('N', '1'));
      await turns(10);
      agency.session.shutDown();
      expect(await agency.rest()).to.deep.equal(['E shutting-down: the server is stopping']);
    });

    it('counts a refused message against it, and no end by the server', async () => {
      sessions.connect({}, table.enter(ADDRESS)).session.shutDown();
      const refused = sessions.connect({}, address);
      refused.write(message('X'));
      expect(await refused.rest()).to.match(/^E bad-type: /);
      await turns(10);
      expect(address.mayConnect(performance.now())).to.equal(true);
      const again = sessions.connect({}, table.enter(ADDRESS));
      again.write(message('F'));
      expect(await again.rest()).to.match(/^E unidentified: /);
      expect(address.mayConnect(performance.now())).to.equal(false);
    });
  });
});
