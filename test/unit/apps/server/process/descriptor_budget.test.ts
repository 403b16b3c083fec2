import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  divideDescriptors,
  hasRoomBeside,
  readDescriptorUse,
} from '../../../../../apps/server/process/descriptor_budget';

const WANTED = { sessions: 10_000, rejections: 256, status: 512, proxyHeaders: 0 };

describe('the budget of descriptors', () => {
  it('has the wanted number for each kind of connection if enough are free', () => {
    expect(divideDescriptors({ open: 26, allowed: 1_048_576 }, WANTED)).to.deep.equal(WANTED);
    expect(divideDescriptors({ open: 0, allowed: Infinity }, WANTED)).to.deep.equal(WANTED);
  });

  it('reserves a part for rejections and the status page if few are free', () => {
    expect(divideDescriptors({ open: 26, allowed: 64 }, WANTED)).to.deep.equal({
      sessions: 24,
      rejections: 3,
      status: 3,
      proxyHeaders: 0,
    });
    expect(divideDescriptors({ open: 26, allowed: 64 }, { ...WANTED, status: 0 })?.sessions).to.equal(27);
  });

  it('leaves the bound of waiting PROXY headers as it is', () => {
    expect(divideDescriptors({ open: 26, allowed: 64 }, { ...WANTED, proxyHeaders: 5 })).to.deep.equal({
      sessions: 19,
      rejections: 3,
      status: 3,
      proxyHeaders: 5,
    });
  });

  it('is undefined if there is none for a session', () => {
    expect(divideDescriptors({ open: 26, allowed: 36 }, WANTED)).to.equal(undefined);
    expect(divideDescriptors({ open: 26, allowed: 20 }, WANTED)).to.equal(undefined);
  });

  it('never exceeds the free descriptors', () => {
    const counts = fc.record({
      open: fc.nat(2000),
      allowed: fc.nat(20_000),
      sessions: fc.integer({ min: 1, max: 20_000 }),
    });
    fc.assert(
      fc.property(counts, ({ open, allowed, sessions }) => {
        const budget = divideDescriptors({ open, allowed }, { ...WANTED, sessions });
        if (budget === undefined) return;
        expect(open + budget.sessions + budget.rejections + budget.status).to.be.at.most(allowed - 8);
        expect(Math.min(budget.sessions, budget.rejections, budget.status)).to.be.at.least(1);
      }),
    );
  });

  it('has room for held connections only if all wanted ones fit beside them', () => {
    const counts = fc.record({
      open: fc.nat(2000),
      allowed: fc.nat(40_000),
      sessions: fc.integer({ min: 1, max: 20_000 }),
      held: fc.nat(10_000),
    });
    fc.assert(
      fc.property(counts, ({ open, allowed, sessions, held }) => {
        const wanted = { ...WANTED, sessions };
        const budget = divideDescriptors({ open: open + held + 32, allowed }, wanted);
        expect(hasRoomBeside({ open, allowed }, wanted, held)).to.equal(isDeepStrictEqual(budget, wanted));
      }),
    );
    expect(hasRoomBeside({ open: 26, allowed: Infinity }, WANTED, 10_240)).to.equal(true);
    expect(hasRoomBeside({ open: 26, allowed: 1_048_576 }, WANTED, 10_240)).to.equal(true);
    expect(hasRoomBeside({ open: 26, allowed: 12_000 }, WANTED, 10_240)).to.equal(false);
  });

  it("starts from Linux's figures for this process", () => {
    const { open, allowed } = readDescriptorUse();
    expect(open).to.be.within(3, 10_000);
    expect(allowed).to.be.greaterThan(open);
  });
});
