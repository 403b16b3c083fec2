import { type DatabaseUse, type StandbyState } from '../../domain/lottery_overview';
import { type ServerActivity } from '../../stats/server_activity';
import { type LotteryReading } from './overview_reader';
import { type DatabaseReport } from './status_report';

/** The number of ticks in the mean time of a commit. */
const COMMIT_TICKS = 3;

/** The totals of the commits since the start. */
interface CommitTotals {
  readonly seconds: number;
  readonly count: number;
}

/** The database of the store over time. */
export class DatabaseTrack {
  /** A commit before the first tick counts, too. */
  private commits: readonly CommitTotals[] = [{ seconds: 0, count: 0 }];
  private standbys: readonly StandbyState[] | undefined;
  private readAt: Date | undefined;

  constructor(private readonly activity: ServerActivity) {}

  /** Called once a second. */
  tick(reading: LotteryReading | undefined): void {
    const { sum: seconds, count } = this.activity.commitSeconds;
    this.commits = [...this.commits.slice(-COMMIT_TICKS), { seconds, count }];
    if (reading === undefined) return;
    this.readAt = reading.at;
    this.standbys = reading.state.standbys;
  }

  report(use: DatabaseUse): DatabaseReport {
    return {
      writable: this.activity.storeIsWritable,
      readAt: this.readAt?.toISOString() ?? null,
      commitSeconds: this.meanCommitSeconds(),
      ...use,
      standbys: this.standbys ?? null,
    };
  }

  private meanCommitSeconds(): number | null {
    const [first, last] = [this.commits[0]!, this.commits.at(-1)!];
    if (last.count === first.count) return null;
    const mean = (last.seconds - first.seconds) / (last.count - first.count);
    return Math.round(mean * 1e6) / 1e6;
  }
}
