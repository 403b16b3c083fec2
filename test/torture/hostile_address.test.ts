import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { findFreePort } from '../../tools/free_port';
import { generateBets } from '../support/generated_bets';
import { WireClient } from '../support/wire_client';
import { Campaign, IS_FULL, sized } from './support/campaign';
import { HostileAddress, type HostileCounts, hostileRows } from './support/hostile_address';
import { requireComplete } from './support/oracle';
import { RecordingAgency } from './support/recording_agency';
import { dialPort, ServerProcess } from './support/server_process';

const HONEST = 5;
const ROUNDS = sized(1, 5);
/** The ids behind those of all rounds, with and without an attack. */
const HOSTILE = [2 * ROUNDS * HONEST + 1, 2 * ROUNDS * HONEST + 2] as const;
const HOSTILE_HOST = '127.0.0.2';

/** The attacker has the lowest priority, so a busy machine may give it little time. */
const DEADLINE_MS = sized(120_000, 600_000);

/** Each agency has an address of its own, as in production. */
const SETTINGS = {
  SERVER_ADDRESS_SESSIONS: '30',
  SERVER_ADDRESS_CONNECTS_PER_SECOND: '20',
  SERVER_ADDRESS_CONNECT_BURST: '50',
  // Above the speed of an honest agency.
  SERVER_ADDRESS_MESSAGES_PER_SECOND: String(sized(200, 1000)),
  SERVER_ADDRESS_REFUSALS_PER_MINUTE: '60',
  SERVER_UNNAMED_TIMEOUT_MS: '500',
};

describe('torture: a hostile address', function () {
  this.timeout(DEADLINE_MS + 10_000);
  let directory: string;
  let hostile: HostileAddress | undefined;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hostile-'));
  });

  afterEach(async () => {
    hostile?.kill();
    await ServerProcess.killAll();
    await rm(directory, { recursive: true, force: true });
  });

  const attacks = new Campaign('five honest agencies beside an address that attacks in all ways at once', DEADLINE_MS);

  it('is limited, and the honest agencies store all their bets and get their winners', async () => {
    await attacks.run('all at once', async (_, signal) => {
      const statusPort = await findFreePort();
      const server = new ServerProcess({
        SERVER_DATA_DIR: directory,
        SERVER_AGENCIES: String(HOSTILE[1]),
        SERVER_STATUS_PORT: String(statusPort),
        ...SETTINGS,
      });
      const port = await server.listening;
      const honest: RecordingAgency[] = [];
      const runs: Promise<void>[] = [];

      /** Uploads the bets of five further agencies. Returns their bets a second. */
      const measure = async (): Promise<number> => {
        const begun = performance.now();
        const agencies = Array.from({ length: HONEST }, (_, index) => honestAgency(honest.length + index + 1, signal));
        honest.push(...agencies);
        for (const agency of agencies) {
          const run = agency.run(() => dialPort(port, `127.0.1.${agency.id}`));
          run.catch(() => {});
          runs.push(run);
        }
        while (!agencies.every(({ hasFinished }) => hasFinished))
          await Promise.race([delay(1, undefined, { signal }), ...runs.slice(-HONEST)]);
        return (agencies.reduce((sum, { bets }) => sum + bets.length, 0) / (performance.now() - begun)) * 1000;
      };

      const ratios: number[] = [];
      const counts: HostileCounts[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const alone = await measure();
        hostile = await HostileAddress.begin(port, HOSTILE_HOST, HOSTILE, { isLast: IS_FULL });
        await untilLimited(statusPort, signal);
        ratios.push((await measure()) / alone);
        counts.push(await hostile.end());
      }
      const ratio = ratios.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!;
      attacks.note(
        `${Math.round(ratio * 100)} % of their speed, median of ${ROUNDS}; attacks ${JSON.stringify(counts)}`,
      );
      for (const count of counts) for (const attempts of Object.values(count)) expect(attempts).to.be.greaterThan(0);

      // The hostile agencies finish too, so that there is a draw.
      for (const agency of HOSTILE) {
        const client = await WireClient.connect(port);
        expect(await client.ask('N', String(agency))).to.match(/^O \d+$/);
        expect(await client.ask('F')).to.match(/^O \d+$/);
        client.destroy();
      }
      await Promise.all(runs);
      expect(await server.stop('SIGTERM')).to.deep.equal({ code: 0, signal: null });

      for (const { errors } of honest) expect(errors).to.deep.equal([]);
      const rows = String(await readFile(join(directory, 'bets.csv'))).split(/(?<=\n)/);
      const ofHostile = (row: string): boolean => HOSTILE.some((agency) => row.startsWith(`${agency},`));
      requireComplete(Buffer.from(rows.filter((row) => !ofHostile(row)).join('')), honest);
      const batch = hostileRows(HOSTILE[1]);
      const stored = rows.filter(ofHostile).map((row) => row.trimEnd());
      expect(stored.length % batch.length).to.equal(0);
      for (const [index, row] of stored.entries()) expect(row).to.equal(batch[index % batch.length]);
      const lines = server.lines.filter((line) => /accept_connections \| result: fail/.test(line));
      expect(lines.length, lines.join('\n')).to.be.within(1, 20);
      for (const line of lines) expect(line).to.contain(`| ip: ${HOSTILE_HOST} |`);
    });
  });

  const honestAgency = (id: number, signal: AbortSignal): RecordingAgency =>
    new RecordingAgency({
      id,
      bets: generateBets(id, sized(10_000, 60_000)),
      betsPerBatch: 100,
      window: 32,
      beforeRetry: () => delay(20, undefined, { signal }),
    });

  /** Resolves when the attack has reached a limit of connects, of messages and of time. */
  async function untilLimited(statusPort: number, signal: AbortSignal): Promise<void> {
    // The first limit that a connect exceeds hides the others.
    const wanted = ['address_(connects|refusals|sessions)', 'address_messages', 'unnamed'];
    for (;;) {
      const text = await (await fetch(`http://127.0.0.1:${statusPort}/metrics`, { signal })).text();
      const isReached = (limit: string): boolean =>
        new RegExp(`^lottery_limited_total\\{limit="${limit}"\\} [1-9]`, 'm').test(text);
      if (wanted.every(isReached)) return;
      await delay(50, undefined, { signal });
    }
  }
});
