import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { findFreePort } from '../../tools/free_port';
import { LotterySandbox, type RunningServer } from '../support/lottery_sandbox';
import { Campaign, sized } from './support/campaign';
import { limitOf, StatusCrowd } from './support/status_crowd';

/** More connections than the status server holds. */
const HELD = 600;
const PAGES = 5;

/** The time of a measurement. */
const MEASURED_MS = sized(500, 1_000);
const MOST_STOP_MS = 2_000;
/** The time limit of a head is 10 s, and the connections are checked once a second. */
const MOST_HELD_MS = 15_000;

describe('torture: connections held open at the status server', function () {
  this.timeout(sized(60_000, 600_000));
  let sandbox: LotterySandbox;
  let server: RunningServer;
  let crowd: StatusCrowd;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
    server = await sandbox.startServer({ SERVER_AGENCIES: '1', SERVER_STATUS_PORT: String(await findFreePort()) });
    const line = await server.app.line(/action: status_page \| result: success/);
    crowd = new StatusCrowd(/url: (\S+)/.exec(line)![1]!);
  });

  afterEach(async () => {
    crowd?.disperse();
    await sandbox.dispose();
  });

  const held = new Campaign('connections held open without a request');

  for (const [kind, bytes] of Object.entries({ nothing: '', 'half a head': 'GET / HTTP/1.1\r\nHost: 127.0' })) {
    it(`neither delays the health check nor closes a page: ${HELD} connections with ${kind}`, async () => {
      await held.run(kind, async () => {
        const pages = await Promise.all(Array.from({ length: PAGES }, () => crowd.open('events')));
        const alone = await crowd.slowestHealth(delay(MEASURED_MS));
        for (let opened = 0; opened < HELD; opened += 50) {
          await Promise.all(Array.from({ length: 50 }, () => crowd.join(bytes)));
        }
        const beside = await crowd.slowestHealth(delay(MEASURED_MS));
        held.note(`${kind}: slowest ${beside.toFixed(0)} ms (${alone.toFixed(0)} ms alone)`);
        expect(beside).to.be.below(limitOf(alone));
        const begun = performance.now();
        const answers = await Promise.all(crowd.sockets.map((socket) => text(socket).catch(() => 'reset')));
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
