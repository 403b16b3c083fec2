import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { findFreePort } from '../../tools/free_port';
import { type BetFields, generateBets, storedRow } from '../support/generated_bets';
import { LotterySandbox, type RunningServer } from '../support/lottery_sandbox';
import { type WireClient } from '../support/wire_client';
import { Campaign, sized } from './support/campaign';

const ATTACKERS = 50;
const PIPELINED = 3_000;
/** The duration of a wave of attackers. */
const WAVE_MS = sized(500, 1_000);

/** More connections than the status server holds. */
const HELD = 600;
const PAGES = 5;

/** The time limit of an answer during an attack: ten times its time without one, or a second if that is longer. */
const MOST_TIMES_SLOWER = 10;
const SLOW_MS = 1_000;
const MOST_GROWTH_MB = 100;
const MOST_STOP_MS = 2_000;
/** The time limit of a head is 10 s, and the connections are checked once a second. */
const MOST_HELD_MS = 15_000;

/** A request of each kind. An attacker sends thousands of them at once. */
const REQUESTS = {
  'GET /': 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
  'HEAD /': 'HEAD / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
  'GET /metrics': 'GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
  'GET /events': 'GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
  'GET / without a host': 'GET / HTTP/1.1\r\n\r\n',
  'GET / of a foreign host': 'GET / HTTP/1.1\r\nHost: example.org\r\n\r\n',
  'GET / with bare line feeds': 'GET / HTTP/1.1\nHost: 127.0.0.1\n\n',
  'POST / with a body': 'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 40\r\n\r\n' + 'x'.repeat(40),
};

/** The peak of the resident memory of a process (proc(5)). */
function peakMegabytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}

describe('torture: a flood of the status server', function () {
  this.timeout(sized(60_000, 600_000));
  const crowd: Socket[] = [];
  let sandbox: LotterySandbox;
  let server: RunningServer;
  let url: string;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
    server = await sandbox.startServer({
      SERVER_AGENCIES: '1',
      SERVER_STATUS_PORT: String(await findFreePort()),
      // Each bet is a batch with its own line at INFO.
      LOGGING_LEVEL: 'INFO',
    });
    url = /url: (\S+)/.exec(await server.app.line(/action: status_page \| result: success/))![1]!;
  });

  afterEach(async () => {
    disperse();
    await sandbox.dispose();
  });

  function disperse(): void {
    for (const socket of crowd.splice(0)) socket.destroy();
  }

  /** Opens a connection of the crowd. It sends the bytes, and reads nothing. */
  async function join(bytes: string): Promise<void> {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => {});
    crowd.push(socket);
    await once(socket, 'connect');
    socket.pause();
    if (bytes !== '') socket.write(bytes);
  }

  async function attack(request: string, waves: number): Promise<void> {
    for (let wave = 0; wave < waves; wave++) {
      disperse();
      await Promise.all(Array.from({ length: ATTACKERS }, () => join(request.repeat(PIPELINED))));
      await delay(WAVE_MS);
    }
  }

  /** Stores one bet after the other until `over` settles. Returns the longest time of an answer. */
  async function slowestBet(agency: WireClient, bets: BetFields[], over: Promise<void>): Promise<number> {
    return slowest(over, async () => {
      const [bet] = generateBets(1, bets.length + 1).slice(bets.length) as [BetFields];
      expect(await agency.ask('B', storedRow(1, bet))).to.equal(`O ${bets.length + 1}`);
      bets.push(bet);
    });
  }

  async function slowestHealth(over: Promise<void>): Promise<number> {
    return slowest(over, async () => {
      const answers = await Promise.all([open('healthz'), open('readyz')]);
      expect(await Promise.all(answers.map((answer) => text(answer)))).to.deep.equal(['ok\n', 'ready\n']);
      await delay(10);
    });
  }

  /** Sends a request on a new connection. */
  async function open(path: string): Promise<IncomingMessage> {
    const [response] = (await once(get(url + path, { agent: false }), 'response')) as [IncomingMessage];
    return response;
  }

  async function slowest(over: Promise<void>, ask: () => Promise<void>): Promise<number> {
    let isOver = false;
    const end = over.finally(() => (isOver = true));
    let most = 0;
    while (!isOver) {
      const begun = performance.now();
      await ask();
      most = Math.max(most, performance.now() - begun);
    }
    await end;
    return most;
  }

  const floods = new Campaign('pipelined requests beside a normal agency');

  for (const [kind, request] of Object.entries(REQUESTS)) {
    it(`delays neither bets nor the health check: ${ATTACKERS} × ${PIPELINED} ${kind}, unread`, async () => {
      await floods.run(kind, async () => {
        const waves = sized(1, 10);
        const agency = await sandbox.connect(server.port);
        expect(await agency.ask('N', '1')).to.equal('O 0');
        const bets: BetFields[] = [];
        const measure = async (over: Promise<void>): Promise<readonly number[]> =>
          Promise.all([slowestBet(agency, bets, over), slowestHealth(over)]);

        const alone = await measure(delay(WAVE_MS));
        const memory = peakMegabytes(server.app.pid);
        const beside = await measure(attack(request, waves));
        const growth = peakMegabytes(server.app.pid) - memory;
        const [{ code, ms }] = await Promise.all([server.app.stop('SIGTERM'), agency.rest()]);

        const figures = beside.map((most, index) => `${most.toFixed(0)} ms (${alone[index]!.toFixed(0)} ms alone)`);
        floods.note(`${kind}: slowest bet ${figures[0]}, health ${figures[1]}, ${growth.toFixed(0)} MB more`);
        expect(await sandbox.storedRows()).to.deep.equal(bets.map((bet) => storedRow(1, bet)).sort());
        for (const [index, most] of beside.entries()) {
          expect(most, `slowest answer, ${figures.join(', ')}`).to.be.below(
            Math.max(SLOW_MS, MOST_TIMES_SLOWER * alone[index]!),
          );
        }
        expect(growth, 'growth of the memory in MB').to.be.below(MOST_GROWTH_MB);
        expect(code).to.equal(0);
        expect(ms, 'milliseconds to the end').to.be.below(MOST_STOP_MS);
      });
    });
  }

  const held = new Campaign('connections held open without a request');

  for (const [kind, bytes] of Object.entries({ nothing: '', 'half a head': 'GET / HTTP/1.1\r\nHost: 127.0' })) {
    it(`neither delays the health check nor closes a page: ${HELD} connections with ${kind}`, async () => {
      await held.run(kind, async () => {
        const pages = await Promise.all(Array.from({ length: PAGES }, () => open('events')));
        const alone = await slowestHealth(delay(WAVE_MS));
        for (let opened = 0; opened < HELD; opened += 50) {
          await Promise.all(Array.from({ length: 50 }, () => join(bytes)));
        }
        const beside = await slowestHealth(delay(WAVE_MS));
        held.note(`${kind}: slowest ${beside.toFixed(0)} ms (${alone.toFixed(0)} ms alone)`);
        expect(beside).to.be.below(Math.max(SLOW_MS, MOST_TIMES_SLOWER * alone));
        const begun = performance.now();
        const answers = await Promise.all(crowd.map((socket) => text(socket).catch(() => 'reset')));
        held.note(`the last of them closed after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
        expect(performance.now() - begun).to.be.below(MOST_HELD_MS);
        // Some were closed before their time limit, for newer connections.
        const refused = answers.filter((answer) => answer.startsWith('HTTP/1.1 408 Request Timeout\r\n'));
        if (bytes === '') expect(answers.filter((answer) => answer !== '')).to.deep.equal([]);
        else expect(refused).to.have.length.within(HELD / 2, HELD);
        const { code, ms } = await server.app.stop('SIGTERM');
        expect(code).to.equal(0);
        expect(ms, 'milliseconds to the end').to.be.below(MOST_STOP_MS);
        for (const page of pages) expect(await text(page)).to.match(/"phase":"stopping"[^\n]*\n\n$/);
      });
    });
  }
});
