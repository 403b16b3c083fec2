import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { ServedHosts } from '../../apps/server/status/http/served_hosts';
import { BoundedHttpServer } from '../../apps/server/status/http/http_server';
import { Campaign, sized } from './support/campaign';
import { type SeededRandom } from './support/seeded_random';

const HEADERS = { 'X-Content-Type-Options': 'nosniff' };
const STATUSES = [200, 400, 405, 421, 431];

const STARTS = [
  'GET / HTTP/1.1',
  'GET / HTTP/1.0',
  'HEAD / HTTP/1.1',
  'POST / HTTP/1.1',
  'CONNECT 127.0.0.1:80 HTTP/1.1',
  'GET http://localhost/ HTTP/1.1',
];
const FIELDS = [
  'Host: 127.0.0.1',
  'Host: evil.example',
  'Host:',
  'Content-Length: 0',
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  'Connection: close',
  'Connection: Upgrade, keep-alive',
  'Upgrade: h2c',
  'Expect: 100-continue',
  ' folded',
  `A: ${'x'.repeat(20_000)}`,
];
const ENDS = ['\r\n', '\r\n', '\r\n', '\n', '\r', '\r\r\n'];

/** Pipelined requests, valid and invalid ones, with changed bytes. */
function requests(random: SeededRandom): Buffer {
  const lines: string[] = [];
  for (let count = random.between(1, 5); count > 0; count--) {
    const end = random.pick(ENDS);
    lines.push(random.pick(STARTS) + end);
    if (!random.once(4)) lines.push(FIELDS[0] + end);
    for (let fields = random.below(3); fields > 0; fields--) lines.push(random.pick(FIELDS) + end);
    lines.push(end, random.once(3) ? random.pick(['hello', '0\r\n\r\n', '5\r\nhello\r\n0\r\n\r\n', '\r\n']) : '');
  }
  const bytes = Buffer.from(lines.join(''), 'latin1');
  for (let count = random.below(3); count > 0; count--) bytes[random.below(bytes.length)] = random.below(256);
  return bytes;
}

describe('torture: input to the status server', function () {
  this.timeout(sized(60_000, 600_000));
  const inputs = new Campaign('mutated, pipelined requests');
  let server: BoundedHttpServer;
  let port: number;
  let inFlight = 0;
  let mostInFlight = 0;

  before(async () => {
    server = new BoundedHttpServer({
      fetch: async () => {
        inFlight++;
        mostInFlight = Math.max(mostInFlight, inFlight);
        // By then, a second request of the same bytes would have arrived.
        await nextTurn();
        inFlight--;
        return new Response('done\n');
      },
      headers: HEADERS,
      hosts: new ServedHosts([]),
      maxConnections: 512,
      isPage: () => false,
      onError: (error) => {
        throw error;
      },
      limits: { accepted: 500, head: 500, answer: 500, idle: 500, end: 500 },
    });
    port = Number(new URL(await server.listen(0, '127.0.0.1')).port);
  });

  after(async () => {
    await server.close();
  });

  /** Sends the bytes in pieces, and ends the stream. Returns all answers. */
  async function exchange(bytes: Buffer, random: SeededRandom): Promise<string> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    socket.on('error', () => {});
    await once(socket, 'connect');
    const answer = text(socket);
    const middle = random.below(bytes.length);
    for (const piece of random.once(2) ? [bytes] : [bytes.subarray(0, middle), bytes.subarray(middle)]) {
      await new Promise((resolve) => socket.write(piece, resolve));
    }
    socket.end();
    return answer;
  }

  it('has at most one request in flight, and gets only known statuses', async () => {
    const answers = new Map<number, number>();
    for (let number = 0; number < sized(1_000, 50_000); number++) {
      await inputs.run('input', async (random) => {
        const bytes = requests(random);
        const answer = await exchange(bytes, random);
        expect(mostInFlight, JSON.stringify(bytes.toString('latin1'))).to.be.at.most(1);
        const heads = answer.match(/^HTTP\/1\.1 .*\r\n(?:.+\r\n)*/gm) ?? [];
        for (const head of heads) {
          const status = Number(head.split(' ')[1]);
          expect(STATUSES, head).to.include(status);
          answers.set(status, (answers.get(status) ?? 0) + 1);
          expect(head).to.contain('X-Content-Type-Options: nosniff\r\n');
        }
      });
    }
    inputs.note(`answers by status: ${JSON.stringify(Object.fromEntries(answers))}`);
    expect(Array.from(answers.keys()).toSorted()).to.deep.equal(STATUSES);
  });
});
