import { expect } from 'chai';
import { AddressTable } from '../../../../../apps/server/limits/address_table';
import { AgencyTable } from '../../../../../apps/server/limits/agency_table';
import { AgencyTraffic } from '../../../../../apps/server/limits/agency_traffic';
import { CombinedTraffic } from '../../../../../apps/server/limits/combined_traffic';
import { type LimitName } from '../../../../../apps/server/limits/limit_name';
import { Rate } from '../../../../../apps/server/limits/rate';

const RATES = { bytes: new Rate(1000, 1000), messages: new Rate(10, 1000), refusals: new Rate(2, 60_000) };
const LIMITS = { ...RATES, sessions: 3, connects: new Rate(4, 2000) };
const NONE = new Rate(0, 1000);

const at = (host: string): { host: string; port: number } => ({ host, port: 1 });

describe('AgencyTable', () => {
  let table: AgencyTable;

  beforeEach(() => {
    table = new AgencyTable(LIMITS, 5);
  });

  function enter(agency: number, now: number): AgencyTraffic {
    const traffic = table.enter(agency, now);
    if (typeof traffic === 'string') throw new Error(`refused for ${traffic}`);
    return traffic;
  }

  /** The results of so many sessions that end at once. */
  function connects(agency: number, count: number, now: number): (LimitName | 'taken')[] {
    return Array.from({ length: count }, () => {
      const traffic = table.enter(agency, now);
      if (typeof traffic === 'string') return traffic;
      traffic.leave();
      return 'taken';
    });
  }

  it('gives all sessions of an agency one record', () => {
    const record = enter(1, 5000);
    expect(enter(1, 5000)).to.equal(record);
    expect(enter(2, 5000)).not.to.equal(record);
    expect(table.size).to.equal(2);
  });

  it('refuses a session beyond those at once, until another one has ended', () => {
    const first = enter(1, 5000);
    enter(1, 5000);
    enter(1, 5000);
    expect(table.enter(1, 5000)).to.equal('agency_sessions');
    expect(table.enter(2, 5000)).to.be.instanceOf(AgencyTraffic);
    first.leave();
    expect(enter(1, 5000)).to.equal(first);
    expect(table.enter(1, 50_000)).to.equal('agency_sessions');
  });

  it('takes so many sessions at once, then one for each interval', () => {
    expect(connects(1, 6, 5000)).to.deep.equal([
      'taken',
      'taken',
      'taken',
      'taken',
      'agency_connects',
      'agency_connects',
    ]);
    expect(connects(1, 1, 5499)).to.deep.equal(['agency_connects']);
    expect(connects(1, 2, 5500)).to.deep.equal(['taken', 'agency_connects']);
    expect(connects(2, 1, 5500)).to.deep.equal(['taken']);
    expect(connects(1, 5, 60_000)).to.deep.equal(['taken', 'taken', 'taken', 'taken', 'agency_connects']);
  });

  it('refuses the sessions of an agency after its refusals, until one of them is forgotten', () => {
    const traffic = enter(1, 5000);
    traffic.onRefused(5000);
    expect(connects(1, 1, 5000)).to.deep.equal(['taken']);
    traffic.onRefused(5000);
    expect(connects(1, 1, 34_999)).to.deep.equal(['agency_refusals']);
    expect(connects(2, 1, 34_999)).to.deep.equal(['taken']);
    expect(connects(1, 1, 35_000)).to.deep.equal(['taken']);
  });

  it('has no limit where the settings have none', () => {
    table = new AgencyTable({ bytes: NONE, messages: NONE, refusals: NONE, connects: NONE, sessions: Infinity }, 5);
    const traffic = Array.from({ length: 10_000 }, () => enter(1, 5000))[0]!;
    traffic.onRefused(5000);
    traffic.onMessage(1e12, 5000);
    expect(traffic.overdrawnMs(5000)).to.be.at.most(0);
    expect(enter(1, 5000)).to.equal(traffic);
  });

  it('has one record for all ids beyond the last agency, so the certificates do not fill the memory', () => {
    const record = enter(6, 5000);
    expect(enter(7, 5000)).to.equal(record);
    for (let agency = 1; agency <= 10_000; agency++) table.enter(agency, 5000);
    expect(table.size).to.equal(6);
  });

  it('an agency with many addresses gets the share of one agency', () => {
    const generous = { bytes: new Rate(1e9, 1000), messages: new Rate(1e6, 1000), refusals: new Rate(1e6, 60_000) };
    const addresses = new AddressTable(generous);
    const sessions = ['192.0.2.1', '192.0.2.2', '2001:db8::1'].map(
      (host) => new CombinedTraffic(addresses.enter(at(host))!, enter(1, 5000)),
    );
    const other = new CombinedTraffic(addresses.enter(at('192.0.2.1'))!, enter(2, 5000));
    for (let number = 0; number < 10; number++) for (const session of sessions) session.onMessage(7, 5000);
    for (const session of sessions) {
      expect(session.overdrawnMs(5000)).to.equal(2000);
      expect(session.overdrawnLimit(5000)).to.equal('agency_messages');
      expect(session.overdrawnMs(7000)).to.equal(0);
    }
    other.onMessage(7, 5000);
    expect(other.overdrawnMs(5000)).to.be.at.most(0);
    sessions[0]!.onMessage(8199, 7000);
    expect(sessions[2]!.overdrawnLimit(7000)).to.equal('agency_bytes');
  });

  it('a session waits for the slower of its address and its agency, and counts its end and its refusal for both', () => {
    const addresses = new AddressTable({ ...RATES, messages: new Rate(5, 1000) });
    const address = addresses.enter(at('192.0.2.1'))!;
    const agency = enter(1, 5000);
    const session = new CombinedTraffic(address, agency);
    for (let number = 0; number < 15; number++) session.onMessage(7, 5000);
    expect(agency.overdrawnMs(5000)).to.equal(500);
    expect(session.overdrawnMs(5000)).to.equal(2000);
    expect(session.overdrawnLimit(5000)).to.equal('address_messages');
    session.onRefused(5000);
    session.onRefused(5000);
    expect([address.mayConnect(5000), agency.mayConnect(5000)]).to.deep.equal([false, false]);
    session.leave(500_000);
    expect(addresses.size).to.equal(0);
    expect([1, 2, 3].map(() => typeof table.enter(1, 500_000))).to.deep.equal(['object', 'object', 'object']);
  });
});
