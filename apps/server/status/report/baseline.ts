import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ServerActivity } from '../../stats/server_activity';
import { type BetRepository } from '../../domain/bet_repository';
import { type FinishTracker } from '../../domain/finish_tracker';
import { type WinnerService } from '../../domain/winner_service';

/** The number of agencies read per turn of the event loop. */
const AGENCIES_PER_TURN = 500;

/** Adds the state of the store at the server's start to the activity. */
export async function loadBaseline(
  activity: ServerActivity,
  bets: BetRepository,
  tracker: FinishTracker,
): Promise<void> {
  await forEachInTurns(await bets.agencies(), async (agency) => {
    const stored = await bets.count(agency);
    // A batch may have been stored since, with its total.
    const record = activity.of(agency);
    record.bets = Math.max(record.bets, stored);
  });
  await forEachInTurns(await tracker.agencies(), async (agency) => activity.agencyFinished(agency));
}

/** Counts the winning bets of each agency. Valid only after the draw. */
export async function countWinners(agencies: Iterable<number>, winners: WinnerService): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  await forEachInTurns(Array.from(agencies), async (agency) => {
    counts.set(agency, (await winners.winnersOf(agency)).length);
  });
  return counts;
}

async function forEachInTurns<Item>(items: readonly Item[], visit: (item: Item) => Promise<void>): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (index % AGENCIES_PER_TURN === AGENCIES_PER_TURN - 1) await nextTurn();
    await visit(item);
  }
}
