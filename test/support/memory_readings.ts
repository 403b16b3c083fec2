import {
  type AgencyProgress,
  type DatabaseUse,
  type ServerState,
  type StandbyState,
} from '../../apps/server/domain/lottery_overview';
import { type ServerActivity } from '../../apps/server/stats/server_activity';
import { type LotteryReading } from '../../apps/server/status/report/overview_reader';
import { StatusAggregator } from '../../apps/server/status/report/status_aggregator';

/** The readings of a lottery in memory, whose bets come by this server or by another one. */
export class MemoryReadings {
  private readonly agencies = new Map<number, AgencyProgress>();

  servers: readonly ServerState[] = [];
  standbys: readonly StandbyState[] | undefined;

  constructor(private readonly activity: ServerActivity) {}

  /** Stores bets of an agency by this server. */
  store(agency: number, bets: number): void {
    this.storeElsewhere(agency, bets);
    this.activity.batchStored(agency, bets);
  }

  /** Stores bets of an agency by another process. */
  storeElsewhere(agency: number, bets: number): void {
    const before = this.agencies.get(agency);
    this.agencies.set(agency, { agency, bets: (before?.bets ?? 0) + bets, hasFinished: false, hasWinners: false });
  }

  finish(agency: number): void {
    this.agencies.set(agency, { agency, bets: 0, hasWinners: false, ...this.agencies.get(agency), hasFinished: true });
  }

  /** Gives an agency its winners by another process. */
  giveWinnersElsewhere(agency: number): void {
    this.agencies.set(agency, { ...this.agencies.get(agency)!, hasWinners: true });
  }

  /** A reading of the present state. */
  at(time: number): LotteryReading {
    return {
      at: new Date(time),
      state: { agencies: Array.from(this.agencies.values()), servers: this.servers, standbys: this.standbys },
    };
  }
}

/** An aggregator of server1, with the winning number 7574 and without a database. */
export function createAggregator(
  activity: ServerActivity,
  agencies: number,
  database?: () => DatabaseUse,
): StatusAggregator {
  return new StatusAggregator({
    serverName: 'server1',
    terms: { number: 7574, agencies },
    activity,
    overview: {
      get database() {
        return database?.();
      },
    },
  });
}
