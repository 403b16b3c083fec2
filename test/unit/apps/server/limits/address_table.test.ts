import { expect } from 'chai';
import { AddressTable } from '../../../../../apps/server/limits/address_table';
import { Rate } from '../../../../../apps/server/limits/rate';

const RATES = { bytes: new Rate(1000, 1000), messages: new Rate(10, 1000), refusals: new Rate(2, 60_000) };

const at = (host: string): { host: string; port: number } => ({ host, port: 1 });

describe('AddressTable', () => {
  it('gives the sessions of an IPv4 address, and of a /64 prefix of IPv6, one record', () => {
    const table = new AddressTable(RATES);
    const record = table.enter(at('192.0.2.1'));
    expect(table.enter(at('::ffff:192.0.2.1'))).to.equal(record);
    expect(table.enter(at('192.0.2.2'))).not.to.equal(record);
    const prefix = table.enter(at('2001:db8::1'));
    expect(table.enter(at('2001:db8::ffff'))).to.equal(prefix);
    expect(table.enter(at('2001:db8:0:1::1'))).not.to.equal(prefix);
    expect(table.size).to.equal(4);
  });

  it('has no record of connections without an IP address', () => {
    const table = new AddressTable(RATES);
    expect(table.enter(undefined)).to.equal(undefined);
    expect(table.enter({ path: '/run/socket' })).to.equal(undefined);
    expect(table.find({ path: '/run/socket' })).to.equal(undefined);
    expect(table.size).to.equal(0);
  });

  it('keeps the record of an address without sessions until its buckets are full', () => {
    const table = new AddressTable(RATES);
    const first = table.enter(at('192.0.2.1'))!;
    first.onMessage(2000, 5000);
    expect(first.overdrawnMs(5000)).to.equal(1000);
    first.leave(5000);
    expect(table.find(at('192.0.2.1'))).to.equal(first);
    table.enter(at('192.0.2.2'))!.leave(6999);
    expect(table.find(at('192.0.2.1'))).to.equal(first);
    table.enter(at('192.0.2.2'))!.leave(7000);
    expect(table.size).to.equal(0);
  });

  it('keeps the record of an address with a session, whatever its buckets', () => {
    const table = new AddressTable(RATES);
    const record = table.enter(at('192.0.2.1'))!;
    table.enter(at('192.0.2.1'));
    record.leave(5000);
    table.enter(at('192.0.2.2'))!.leave(500_000);
    expect(table.enter(at('192.0.2.1'))).to.equal(record);
    record.leave(5000);
    table.enter(at('192.0.2.2'))!.leave(500_000);
    expect(table.enter(at('192.0.2.1'))).to.equal(record);
  });

  it('bounds the number of addresses without sessions, and drops the oldest', () => {
    const table = new AddressTable(RATES, 100);
    for (let number = 0; number < 10_000; number++) {
      const record = table.enter(at(`10.0.${number >> 8}.${number & 255}`))!;
      record.onRefused(number);
      record.leave(number);
      expect(table.size).to.be.at.most(101);
    }
    expect(table.find(at('10.0.39.15'))).not.to.equal(undefined);
    expect(table.find(at('10.0.0.1'))).to.equal(undefined);
  });

  it('lets an address wait after its refusals, until one of them is forgotten', () => {
    const record = new AddressTable(RATES).enter(at('192.0.2.1'))!;
    record.onRefused(1000);
    expect(record.mayConnect(1000)).to.equal(true);
    record.onRefused(1000);
    expect(record.mayConnect(30_999)).to.equal(false);
    expect(record.mayConnect(31_000)).to.equal(true);
  });

  it('names the limit that a session waits for', () => {
    const record = new AddressTable(RATES).enter(at('192.0.2.1'))!;
    for (let number = 0; number < 15; number++) record.onMessage(7, 5000);
    expect(record.overdrawnMs(5000)).to.equal(500);
    expect(record.overdrawnLimit(5000)).to.equal('address_messages');
    record.onMessage(8199, 5000);
    expect(record.overdrawnLimit(5000)).to.equal('address_bytes');
  });
});
