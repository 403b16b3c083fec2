import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { runCommand } from '../../support/command';
import { findPostgresPrograms, REPLICATION_PROGRAMS } from '../../support/postgres_programs';
import { Campaign, sized } from '../support/campaign';
import { ClusterSuite } from '../support/cluster_suite';
import { PostgresPair } from '../support/postgres_pair';

const DEADLINE_MS = sized(120_000, 300_000);
/** Enough to write several segments of the log, of one mebibyte each. */
const SIZE = { bets: sized(5_000, 30_000), betsPerBatch: 20, window: 4 };
const DISK_MIB = 256;

describe('torture: a cluster, a full disk of its primary', function () {
  this.timeout(sized(300_000, 3_600_000));
  let suite: ClusterSuite<PostgresPair> | undefined;
  let disk: string;

  afterEach(async () => {
    await suite?.dispose();
    suite = undefined;
  });

  /** Starts a pair with the data or the write-ahead log of the primary on a small file system. */
  async function start(context: Mocha.Context, content: 'data' | 'wal'): Promise<ClusterSuite<PostgresPair>> {
    const programs = findPostgresPrograms(REPLICATION_PROGRAMS) ?? context.skip();
    let isMounted = false;
    suite = await ClusterSuite.start(async ({ daemons, network }) => {
      const name = content === 'data' ? 'a' : 'wal';
      disk = daemons.path(name);
      isMounted = await daemons.mount(name, DISK_MIB);
      const wal = content === 'wal' && isMounted ? join(disk, 'pg_wal') : undefined;
      return PostgresPair.start({ daemons, network, programs, wal });
    });
    if (isMounted) return suite;
    process.stdout.write('      skipped: a tmpfs can be mounted by root only\n');
    return context.skip();
  }

  for (const content of ['data', 'wal'] as const) {
    const campaign = new Campaign(
      `a full disk under the ${content === 'data' ? 'data' : 'write-ahead log'}`,
      DEADLINE_MS,
    );

    it(`costs no acknowledged bet: the ${content}`, async function () {
      const cluster = await start(this, content);
      const lottery = await cluster.begin(SIZE);
      const primary = await cluster.nodes.primary();
      for (let count = 0; count < sized(1, 5) && !lottery.isOver; count++) {
        await campaign.run('full', async (random) => {
          // In the first half of the upload, so that the agencies still have bets to send.
          await lottery.advance(random.below(SIZE.bets / 2));
          const ballast = join(disk, 'ballast');
          // It ends when no space is left.
          await runCommand('dd', ['if=/dev/zero', `of=${ballast}`, 'bs=64k']);
          await lottery.refusals();
          await delay(random.below(3_000));
          await rm(ballast);
          await cluster.nodes.restorePrimary();
          await lottery.requireAcknowledged();
          await lottery.progress();
        });
      }
      expect(await primary.hasLogged('No space left on device')).to.equal(true);
      if (await primary.hasLogged('PANIC')) campaign.note('the primary has ended itself');
      await lottery.complete();
    });
  }
});
