import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { findFreePort } from '../../tools/free_port';
import { type BetFields, generateBets, storedRow } from '../support/generated_bets';
import { LotterySandbox, type RunningServer } from '../support/lottery_sandbox';
import { type WireClient } from '../support/wire_client';
import { Campaign, sized } from './support/campaign';
import { limitOf, slowest, StatusCrowd } from './support/status_crowd';

const ATTACKERS = 50;
const PIPELINED = 3_000;
/** The duration of a wave of attackers. */
const WAVE_MS = sized(500, 1_000);

const MOST_GROWTH_MB = 100;
const MOST_STOP_MS = 2_000;

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
  let sandbox: LotterySandbox;
  let server: RunningServer;
  let crowd: StatusCrowd;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
    server = await sandbox.startServer({
      SERVER_AGENCIES: '1',
      SERVER_STATUS_PORT: String(await findFreePort()),
      // Each bet is a batch with its own line at INFO.
      LOGGING_LEVEL: 'INFO',
    });
    const line = await server.app.line(/action: status_page \| result: success/);
    crowd = new StatusCrowd(/url: (\S+)/.exec(line)![1]!);
  });

  afterEach(async () => {
    crowd?.disperse();
    await sandbox.dispose();
  });

  async function attack(request: string, waves: number): Promise<void> {
    for (let wave = 0; wave < waves; wave++) {
      crowd.disperse();
      await Promise.all(Array.from({ length: ATTACKERS }, () => crowd.join(request.repeat(PIPELINED))));
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

  const floods = new Campaign('pipelined requests beside a normal agency');

  for (const [kind, request] of Object.entries(REQUESTS)) {
    it(`delays neither bets nor the health check: ${ATTACKERS} × ${PIPELINED} ${kind}, unread`, async () => {
      await floods.run(kind, async () => {
        const waves = sized(1, 10);
        const agency = await sandbox.connect(server.port);
        expect(await agency.ask('N', '1')).to.equal('O 0');
        const bets: BetFields[] = [];
        const measure = async (over: Promise<void>): Promise<readonly number[]> =>
          Promise.all([slowestBet(agency, bets, over), crowd.slowestHealth(over)]);

        const alone = await measure(delay(WAVE_MS));
        const memory = peakMegabytes(server.app.pid);
        const beside = await measure(attack(request, waves));
        const growth = peakMegabytes(server.app.pid) - memory;
        const [{ code, ms }] = await Promise.all([server.app.stop('SIGTERM'), agency.rest()]);

        const figures = beside.map((most, index) => `${most.toFixed(0)} ms (${alone[index]!.toFixed(0)} ms alone)`);
        floods.note(`${kind}: slowest bet ${figures[0]}, health ${figures[1]}, ${growth.toFixed(0)} MB more`);
        expect(await sandbox.storedRows()).to.deep.equal(bets.map((bet) => storedRow(1, bet)).sort());
        for (const [index, most] of beside.entries()) {
          expect(most, `slowest answer, ${figures.join(', ')}`).to.be.below(limitOf(alone[index]!));
        }
        expect(growth, 'growth of the memory in MB').to.be.below(MOST_GROWTH_MB);
        expect(code).to.equal(0);
        expect(ms, 'milliseconds to the end').to.be.below(MOST_STOP_MS);
      });
    });
  }
});
