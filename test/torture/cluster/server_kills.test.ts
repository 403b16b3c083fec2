import { expect } from 'chai';
import { Campaign, sized } from '../support/campaign';
import { type ClusterLottery, SERVERS } from '../support/cluster_lottery';
import { ClusterSuite, describePauses, medianOf } from '../support/cluster_suite';
import { findPostgresPrograms, REPLICATION_PROGRAMS } from '../../support/postgres_programs';
import { PostgresPair } from '../support/postgres_pair';
import { type SeededRandom } from '../support/seeded_random';

/** The death of one server must not cost an agency more. */
const LIMIT_MS = 2_000;
const SIZE = { bets: sized(500, 4_000), betsPerBatch: 2, window: 2 };

describe('torture: a cluster, kill -9 of its servers', function () {
  this.timeout(sized(180_000, 3_600_000));
  let suite: ClusterSuite<PostgresPair>;

  before(async function () {
    const programs = findPostgresPrograms(REPLICATION_PROGRAMS) ?? this.skip();
    suite = await ClusterSuite.start((site) => PostgresPair.start({ ...site, programs }));
  });

  afterEach(async () => suite.endPrograms());

  after(async () => suite?.dispose());

  const kills = new Campaign('kill -9 of one or more of three servers at random moments under the load of 5 agencies');

  it('keeps every acknowledged bet, and the agencies go on at the other servers', async () => {
    const pauses: number[] = [];
    let killsLeft = sized(6, 200);
    let lotteries = 0;
    let underLoad = 0;

    async function kill(lottery: ClusterLottery, random: SeededRandom): Promise<void> {
      if (!random.once(8)) await lottery.advance(random.below(500));
      if (lottery.uploading.length > 0) underLoad++;
      const first = random.below(SERVERS);
      const victims = Array.from({ length: random.once(6) ? random.between(2, 3) : 1 }, (_, index) => {
        return (first + index) % SERVERS;
      });
      const endPauses = lottery.measurePauses();
      await Promise.all(victims.map(async (victim) => lottery.killServer(victim)));
      await lottery.requireAcknowledged();
      await Promise.all(victims.map(async (victim) => lottery.startServer(victim)));
      // Some further kills come before all agencies have gone on.
      if (!random.once(4) && victims.length === 1) pauses.push(...(await endPauses()));
    }

    while (killsLeft > 0) {
      lotteries++;
      const lottery = await suite.begin(SIZE);
      while (killsLeft > 0 && !lottery.isOver) {
        killsLeft--;
        await kills.run('kill', async (random) => kill(lottery, random));
      }
      await lottery.complete();
    }
    kills.note(`${underLoad} of them under load`);
    kills.note(
      `${lotteries} lotteries, complete; time of an agency without acknowledgements: ${describePauses(pauses)}`,
    );
    expect(medianOf(pauses)).to.be.below(LIMIT_MS);
  });
});
