import { inject, injectable } from 'inversify';
import { type AgencyProgress, type LotteryOverview, type LotteryState } from '../../domain/lottery_overview';
import { TOKENS } from '../../tokens';
import { type FileBetRepository } from './bets/file_bet_repository';
import { type FileFinishTracker } from './file_finish_tracker';

/**
 * The whole lottery from memory: one server has the files open. The files do not record which agencies have received their
 * winners.
 */
@injectable()
export class FileLotteryOverview implements LotteryOverview {
  readonly database = undefined;

  constructor(
    @inject(TOKENS.BetRepository) private readonly bets: FileBetRepository,
    @inject(TOKENS.FinishTracker) private readonly tracker: FileFinishTracker,
  ) {}

  async read(): Promise<LotteryState> {
    return { agencies: this.agencies(), servers: [], standbys: undefined };
  }

  private *agencies(): Generator<AgencyProgress> {
    const { countsByAgency } = this.bets;
    const { finishes } = this.tracker;
    for (const [agency, bets] of countsByAgency) {
      yield { agency, bets, hasFinished: finishes.has(agency), hasWinners: false };
    }
    for (const agency of finishes.keys()) {
      if (!countsByAgency.has(agency)) yield { agency, bets: 0, hasFinished: true, hasWinners: false };
    }
  }
}
