import { expect } from 'chai';
import fc from 'fast-check';
import { arrivalBounds, wantedConnections } from '../../../../../apps/server/limits/connection_bounds';
import { divideDescriptors } from '../../../../../apps/server/process/descriptor_budget';
import { SERVER_SETTINGS, type ServerSettings } from '../../../../../apps/server/settings';
import { loadSettings } from '../../../../../apps/runtime/settings';

const AMPLE = { open: 20, allowed: 1_048_576 };
const LOW = { open: 20, allowed: 64 };

function settings(environment: Record<string, string>): ServerSettings {
  return loadSettings(SERVER_SETTINGS, { defaultFile: 'none.ini', environment });
}

const TLS = settings({ SERVER_TLS: 'on' });
const PROXY = settings({ SERVER_PROXY_FROM: '10.0.0.0/8' });
const BOTH = settings({ SERVER_TLS: 'on', SERVER_PROXY_FROM: '10.0.0.0/8', SERVER_STATUS_PORT: '8080' });

describe('the bounds of connections on their way to a session', () => {
  it('are 0 without proxies and TLS, and no descriptor is counted', () => {
    const unused = (): never => {
      throw new Error('not needed');
    };
    expect(arrivalBounds(settings({}), unused)).to.deep.equal({ proxyHeaders: 0, handshakes: 0 });
  });

  it('are the backlog, and a quarter of the sessions, 2048 at most, if enough descriptors are free', () => {
    expect(arrivalBounds(PROXY, () => AMPLE)).to.deep.equal({ proxyHeaders: 4096, handshakes: 0 });
    expect(arrivalBounds(TLS, () => AMPLE)).to.deep.equal({ proxyHeaders: 0, handshakes: 2048 });
    const few = settings({ SERVER_TLS: 'on', SERVER_MAX_SESSIONS: '100' });
    expect(arrivalBounds(few, () => AMPLE)).to.deep.equal({ proxyHeaders: 0, handshakes: 25 });
    expect(arrivalBounds(settings({ SERVER_TLS: 'on', SERVER_MAX_SESSIONS: '3' }), () => AMPLE).handshakes).to.equal(1);
  });

  it('are smaller if few descriptors are free', () => {
    expect(arrivalBounds(PROXY, () => LOW)).to.deep.equal({ proxyHeaders: 4, handshakes: 0 });
    // 24 sessions: 36 free descriptors without 4 each for headers, rejections and the status page.
    expect(arrivalBounds(BOTH, () => LOW)).to.deep.equal({ proxyHeaders: 4, handshakes: 6 });
    expect(arrivalBounds(BOTH, () => ({ open: 20, allowed: 21 }))).to.deep.equal({ proxyHeaders: 2, handshakes: 1 });
  });

  it('are within the free descriptors together with all other connections, also if the store has taken some since', () => {
    const counts = fc.record({ open: fc.nat(100), allowed: fc.nat(20_000), store: fc.nat(10) });
    fc.assert(
      fc.property(counts, ({ open, allowed, store }) => {
        const { proxyHeaders, handshakes } = arrivalBounds(BOTH, () => ({ open, allowed }));
        const later = { open: open + store, allowed };
        const budget = divideDescriptors(later, wantedConnections(BOTH, proxyHeaders));
        if (budget === undefined) return;
        expect(budget.proxyHeaders).to.equal(proxyHeaders);
        const { sessions, rejections, status } = budget;
        expect(later.open + sessions + rejections + status + proxyHeaders).to.be.at.most(allowed - 8);
        expect(handshakes).to.be.at.most(Math.max(1, sessions));
      }),
    );
  });
});
