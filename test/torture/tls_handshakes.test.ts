import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions } from 'node:tls';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  type HandshakeFailedError,
  ListenSocket,
  type ListenSocketOptions,
  type PeerSocket,
  type TlsListenOptions,
} from '../../lib/index';
import { identity, pem } from '../support/certificates';
import { anyHeader, type HeaderCase } from '../support/proxy_headers';
import { CLIENT, SERVER } from '../support/tls_sockets';
import { until } from '../support/turns';
import { Campaign, sized } from './support/campaign';
import { mutated, pieces, withFlippedBit, withOtherLength } from './support/mutation';
import { type SeededRandom } from './support/seeded_random';
import { clientHello, handshake, replay } from './support/tls_flights';
import { protectedBytes } from './support/tls_records';
import { usedMegabytes } from './support/used_memory';

const COUNT = sized(1_000, 100_000);
const AT_ONCE = 50;
/** One in so many mutants has a live client, which takes ten times as long as a recorded one. */
const LIVE = 8;
const HEAP_GROWTH_LIMIT_MB = 20;
/** OpenSSL's memory is in no heap of V8. A connection that is not released holds 20 kB and more. */
const RESIDENT_GROWTH_LIMIT_MB = 150;

/** The listeners: as the server of the lottery, and with the defaults of the library. */
const LISTENERS: Readonly<Record<string, TlsListenOptions>> = {
  'TLS 1.3 only': { ...SERVER, crl: pem('crl'), minVersion: 'TLSv1.3', rejectUnauthorized: false },
  'TLS 1.2 too': SERVER,
};
const CLIENTS: readonly ConnectionOptions[] = [
  { ...CLIENT, host: 'localhost', servername: 'localhost' },
  { ...CLIENT, host: 'localhost', minVersion: 'TLSv1.3', ALPNProtocols: ['lottery', 'http/1.1'] },
  // The certificate and the signature of the client are not encrypted.
  { ...CLIENT, host: 'localhost', maxVersion: 'TLSv1.2' },
  // Its key share is not that of the server: HelloRetryRequest.
  { ...CLIENT, host: 'localhost', ecdhCurve: 'P-521:P-256' },
  { ...identity('client_other_ca'), ca: pem('ca'), host: 'localhost' },
  { ca: pem('ca'), host: 'localhost' },
];
/** Clients that every listener serves, if their handshake is not changed; the one with TLS 1.2 too. Each has two flights. */
const WELCOME = CLIENTS.slice(0, 2);
const WELCOME_WITH_OLD = CLIENTS.slice(0, 3);
const SUBJECT = 'C=AR, O=Lottery, CN=agency 7';
const HEADERS = fc.sample(anyHeader, { numRuns: 200, seed: 1 });

const ways = [mutated, withFlippedBit, withOtherLength];

/** A changed flight. */
function mutant(random: SeededRandom, flight: Buffer): Buffer {
  return random.pick(ways)(random, flight);
}

/** A listener on a Unix socket: a hundred thousand connections of TCP would use up the ports. */
class Target {
  readonly reasons: Record<string, number> = {};
  readonly path: string;
  readonly clients: readonly ConnectionOptions[];
  private readonly listener: ListenSocket;
  private serving: Promise<void> | undefined;

  constructor(directory: string, tls: TlsListenOptions, more: Pick<ListenSocketOptions, 'proxyProtocol'> = {}) {
    this.path = join(directory, 'listener');
    this.clients = tls.minVersion === 'TLSv1.3' ? WELCOME : WELCOME_WITH_OLD;
    this.listener = new ListenSocket({
      path: this.path,
      tls,
      // Each client ends its side, so a silent handshake is a fault of the listener.
      handshakeTimeoutMs: 3_600_000,
      onHandshakeError: ({ reason }: HandshakeFailedError) => (this.reasons[reason] = (this.reasons[reason] ?? 0) + 1),
      ...more,
    });
  }

  async start(): Promise<void> {
    await this.listener.bindAndListen();
    this.serving = this.listener.serve(async (peer) => peer.sendAll(Buffer.from(describePeer(peer))).catch(() => {}));
  }

  get counters() {
    return this.listener.counters;
  }

  get isIdle(): boolean {
    return this.listener.counters.active === 0;
  }

  async close(): Promise<void> {
    await this.listener.close();
    await this.serving;
  }
}

function describePeer(peer: PeerSocket): string {
  return `${peer.tls?.peerCertificate?.subject ?? 'nobody'} from ${peer.remoteAddress?.host ?? 'nowhere'}`;
}

/** The results of a campaign. A connection may be served or fail if only bytes behind its handshake were added. */
interface Tally {
  served: number;
  mayBeServed: number;
}

describe('torture: mutated TLS handshakes', function () {
  this.timeout(sized(120_000, 1_800_000));
  let directory: string;
  let hellos: readonly Buffer[];
  let target: Target | undefined;

  before(async () => {
    hellos = await Promise.all(CLIENTS.map((options) => clientHello(options)));
  });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'handshakes-'));
  });

  afterEach(async () => {
    await target?.close();
    target = undefined;
    await rm(directory, { recursive: true, force: true });
  });

  /** Runs the mutants. Afterwards, each of them is in one counter, and neither memory nor a descriptor is in use. */
  async function requireCounted(
    campaign: Campaign,
    listener: Target,
    count: number,
    one: (random: SeededRandom, tally: Tally) => Promise<void>,
  ): Promise<void> {
    target = listener;
    await listener.start();
    const tally = { served: 0, mayBeServed: 0 };
    const descriptors = openDescriptors();
    let before: { readonly heap: number; readonly resident: number } | undefined;
    for (let done = 0; done < count; done += AT_ONCE) {
      if (done >= count / 4) before ??= memory();
      await Promise.all(Array.from({ length: AT_ONCE }, () => campaign.run('mutant', (random) => one(random, tally))));
    }
    await until(() => listener.isIdle, 'every handler has ended');
    const { accepted, handshakesFailed, handlersFailed, refused } = listener.counters;
    const { proxyHeader, ...others } = refused;
    expect(accepted + handshakesFailed + proxyHeader).to.equal(count);
    expect(
      Object.values(others).every((each) => each === 0),
      JSON.stringify(others),
    ).to.equal(true);
    expect(accepted).to.be.within(tally.served, tally.served + tally.mayBeServed);
    expect(handlersFailed).to.equal(0);
    expect(Object.values(listener.reasons).reduce((sum, each) => sum + each, 0)).to.equal(handshakesFailed);
    expect(listener.reasons['timeout']).to.equal(undefined);
    await until(() => openDescriptors() <= descriptors, 'every descriptor is closed');
    const after = memory();
    const [heap, resident] = [after.heap - before!.heap, after.resident - before!.resident];
    campaign.note(
      `${accepted} served; failed ${JSON.stringify(listener.reasons)}; proxy headers refused ${proxyHeader}; ` +
        `heap grew by ${heap.toFixed(1)} MB, resident memory by ${resident.toFixed(1)} MB`,
    );
    expect(heap).to.be.below(HEAP_GROWTH_LIMIT_MB);
    expect(resident).to.be.below(RESIDENT_GROWTH_LIMIT_MB);
  }

  /** A live handshake with a second flight that is changed or only in pieces. */
  async function requireProtected(
    { path, clients }: Target,
    random: SeededRandom,
    tally: Tally,
    { bytes, source }: Pick<HeaderCase, 'bytes' | 'source'> = { bytes: Buffer.alloc(0), source: undefined },
  ): Promise<void> {
    const isChanged = !random.once(4);
    let expected: 'served' | 'failed' | 'either' = 'served';
    const change = (flight: Buffer): readonly Buffer[] => {
      const sent = isChanged ? mutant(random, flight) : flight;
      if (!sent.equals(flight)) expected = isPrefix(protectedBytes(flight), protectedBytes(sent)) ? 'either' : 'failed';
      return pieces(random, sent);
    };
    const before = bytes.length === 0 ? [] : pieces(random, bytes);
    const data = await handshake(path, random.pick(clients), change, before);
    const served = `${SUBJECT} from ${source?.host ?? 'nowhere'}`;
    if (expected === 'served') expect(data).to.equal(served);
    else if (expected === 'failed') expect(data).to.equal('');
    else expect(data).to.be.oneOf([served, '']);
    if (expected === 'served') tally.served++;
    else if (expected === 'either') tally.mayBeServed++;
  }

  for (const [name, tls] of Object.entries(LISTENERS)) {
    const mutants = new Campaign(`mutated ClientHellos, and mutated second flights of live clients, to ${name}`);

    it(`fail, and leave nothing behind (${name})`, async () => {
      const listener = new Target(directory, tls);
      await requireCounted(mutants, listener, COUNT / 2, async (random, tally) => {
        if (random.once(LIVE)) return requireProtected(listener, random, tally);
        await replay(listener.path, pieces(random, mutant(random, random.pick(hellos))));
      });
    });
  }

  const headers = new Campaign('mutated PROXY headers before whole and mutated handshakes');

  it('fail behind a PROXY header too', async () => {
    const listener = new Target(directory, SERVER, { proxyProtocol: { trusted: ['192.0.2.100'] } });
    await requireCounted(headers, listener, COUNT, async (random, tally) => {
      const header = random.pick(HEADERS);
      if (random.once(LIVE)) return requireProtected(listener, random, tally, header);
      const hello = random.pick(hellos);
      const [first, second] = [random.once(2) ? header.bytes : mutated(random, header.bytes), mutant(random, hello)];
      await replay(listener.path, pieces(random, Buffer.concat([first, second])));
    });
  });
});

function isPrefix(bytes: Buffer, of: Buffer): boolean {
  return of.subarray(0, bytes.length).equals(bytes);
}

function memory(): { readonly heap: number; readonly resident: number } {
  const heap = usedMegabytes();
  return { heap, resident: process.memoryUsage.rss() / 1e6 };
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
