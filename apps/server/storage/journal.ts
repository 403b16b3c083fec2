import { type ActionLog } from '../../runtime/action_log';
import { StoreBrokenError, StoreWriteError } from './errors';
import { type StoreDirectory } from './file_system';
import { GroupCommit } from './group_commit';
import { RecordLog } from './record_log';

/**
 * A record log that many may write to at once, for records that stand for themselves: each is durable when its `write`
 * resolves, and those that come together share a flush.
 */
export class Journal {
  private readonly commits: GroupCommit<string>;
  private broken: StoreBrokenError | undefined;

  private constructor(
    private readonly log: RecordLog,
    /** The records that were there when it was opened. */
    readonly records: readonly string[],
  ) {
    this.commits = new GroupCommit(async (submissions) => {
      await this.append(submissions.map(({ item }) => item));
      for (const { resolve } of submissions) resolve();
    });
  }

  /**
   * Opens the journal, and drops the record that a crash left in the middle of its writing.
   *
   * @throws StoreDamagedError
   */
  static async open(directory: StoreDirectory, name: string, log: ActionLog): Promise<Journal> {
    const file = await directory.open(name);
    const content = await RecordLog.read(file, name);
    const records = new RecordLog(file, content.offsets.at(-1)!);
    if (content.tornBytes > 0) {
      await records.truncate(records.size);
      await records.flush();
      log.warning('recover_journal', 'success', { file: name, dropped_bytes: content.tornBytes });
    }
    return new Journal(records, content.records);
  }

  /**
   * @throws StoreWriteError nothing of it stays.
   * @throws StoreBrokenError nothing can be written any more.
   */
  async write(record: string): Promise<void> {
    await this.commits.submit(record);
  }

  async close(): Promise<void> {
    await this.commits.idle();
    await this.log.close();
  }

  private async append(records: readonly string[]): Promise<void> {
    if (this.broken !== undefined) throw this.broken;
    const before = this.log.size;
    try {
      for (const record of records) await this.log.append(record);
    } catch (cause) {
      await this.guard('a failed write could not be taken back', () => this.log.truncate(before));
      throw new StoreWriteError('the record could not be written', { cause });
    }
    await this.guard('the disk did not confirm what was written', () => this.log.flush());
  }

  private async guard(problem: string, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (cause) {
      this.broken = new StoreBrokenError(problem, { cause });
      throw this.broken;
    }
  }
}
