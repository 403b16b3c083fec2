import { expect } from 'chai';
import { type RefusalReason } from '../../../../../lib/index';
import { type LimitName } from '../../../../../apps/server/limits/limit_name';
import { limitOf } from '../../../../../apps/server/limits/serve_limits';

/** Every reason of the library, and the label of its metric. */
const LABELS: Readonly<Record<RefusalReason, LimitName | undefined>> = {
  maxConnections: 'sessions',
  maxWaiting: 'sessions',
  maxHandshaking: 'handshakes',
  maxPerAddress: 'address_sessions',
  connectsPerSecond: 'address_connects',
  admit: 'address_refusals',
  proxyHeader: 'proxy_header',
  maxProxyHeaders: 'proxy_header',
  untrustedProxy: 'proxy_header',
  listenerClosed: undefined,
  lost: undefined,
};

describe('the limit of a connection that the listener has refused', () => {
  it('has one label for each reason, and none at a stop of the server', () => {
    const labels = Object.keys(LABELS).map((reason) => [reason, limitOf(reason as RefusalReason)]);
    expect(Object.fromEntries(labels)).to.deep.equal(LABELS);
  });
});
