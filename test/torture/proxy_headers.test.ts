import { expect } from 'chai';
import fc from 'fast-check';
import { ListenSocket } from '../../lib/index';
import { anyHeader, REFUSED_HEADERS } from '../support/proxy_headers';
import { MemoryServer } from '../support/memory_server';
import { turns, until } from '../support/turns';
import { usedMegabytes } from './support/used_memory';
import { Campaign, sized } from './support/campaign';
import { mutated } from './support/mutation';

const COUNT = sized(3_000, 100_000);
const GROWTH_LIMIT_MB = 20;
const PROXY = { remoteAddress: '192.0.2.100', remotePort: 1 };
const HEADERS = [
  ...fc.sample(anyHeader, { numRuns: 500, seed: 1 }).map(({ bytes }) => bytes),
  ...REFUSED_HEADERS.map(({ bytes }) => bytes),
];

describe('torture: mutated PROXY headers', function () {
  this.timeout(sized(60_000, 600_000));
  const mutants = new Campaign('mutated PROXY headers, whole and in pieces, to a listener');

  it('are used or refused, in pieces as in whole, and no memory remains in use', async () => {
    const server = new MemoryServer();
    const proxyProtocol = { trusted: [PROXY.remoteAddress] };
    const listener = new ListenSocket({ port: 0, createServer: () => server.asServer, proxyProtocol });
    await listener.bindAndListen();
    const served: string[] = [];
    const serving = listener.serve(async (peer) => {
      const rest = await peer.recvExactly(1).catch(() => null);
      served.push(`${JSON.stringify(peer.remoteAddress)} ${String(rest)}`);
    });

    /** The address and the first byte behind the header as the program has them, or `refused`. */
    const outcome = async (pieces: readonly Buffer[]): Promise<string> => {
      const client = server.connect(PROXY);
      client.on('error', () => {});
      client.resume();
      for (const piece of pieces) {
        client.write(piece);
        await turns(2);
      }
      client.end();
      await until(() => client.closed || client.destroyed || client.readableEnded, 'the connection has ended');
      return served.pop() ?? 'refused';
    };

    let used = 0;
    let before = 0;
    for (let number = 0; number < COUNT; number++) {
      if (number === Math.floor(COUNT / 4)) before = usedMegabytes();
      await mutants.run('mutant', async (random) => {
        const bytes = mutated(random, random.pick(HEADERS));
        const cut = random.below(bytes.length + 1);
        const whole = await outcome([bytes]);
        expect(await outcome([bytes.subarray(0, cut), bytes.subarray(cut)]), bytes.toString('hex')).to.equal(whole);
        if (whole !== 'refused') used++;
      });
    }
    const growth = usedMegabytes() - before;
    mutants.note(`${used} of them were used; memory in use grew by ${growth.toFixed(1)} MB`);
    expect(used).to.be.within(1, COUNT - 1);
    const { accepted, active, refused } = listener.counters;
    expect(accepted + refused.proxyHeader).to.equal(2 * COUNT);
    expect(accepted).to.equal(2 * used);
    expect(active).to.equal(0);
    expect(growth).to.be.below(GROWTH_LIMIT_MB);
    await listener.close();
    await serving;
  });
});
