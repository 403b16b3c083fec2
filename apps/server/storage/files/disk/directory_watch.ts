import { type ActionLog } from '../../../../runtime/action_log';
import { StoreBrokenError, StoreUnavailableError } from '../../../domain/store_errors';
import { type FileEntry } from './file_entry';
import { DIRECTORY_ENTRY, type StoreDirectory } from './file_system';
import { type StoreHealth } from './store_health';

/** The interval of the checks, and so the longest time in which acknowledged bets can be lost with removed files. */
const INTERVAL_MS = 1_000;

/**
 * Checks once a second that the paths of the store's directory and files still lead to the open ones. Writes to removed
 * or replaced files succeed, but are lost.
 */
export class DirectoryWatch {
  private timer: NodeJS.Timeout | undefined;
  private pendingCheck: Promise<void> | undefined;
  private isFailing = false;

  constructor(
    private readonly directory: StoreDirectory,
    private readonly health: StoreHealth,
    private readonly log: ActionLog,
  ) {}

  start(): void {
    this.timer = setInterval(() => {
      this.pendingCheck ??= this.check().finally(() => {
        this.pendingCheck = undefined;
      });
    }, INTERVAL_MS).unref();
  }

  /** Resolves once no check is in progress. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.pendingCheck;
  }

  private async check(): Promise<void> {
    try {
      await requireInPlace(this.directory, this.health);
      this.isFailing = false;
    } catch (error) {
      // StoreHealth reports a broken store.
      if (error instanceof StoreBrokenError) clearInterval(this.timer);
      else this.warn(error as StoreUnavailableError);
    }
  }

  /** Logs the first failure of a series. */
  private warn({ message, cause }: StoreUnavailableError): void {
    if (this.isFailing) return;
    this.isFailing = true;
    this.log.warning('watch_store', 'fail', { error: `${message}: ${(cause as Error).message}` });
  }
}

/**
 * Requires that the directory's path and the name of each open file lead to the open ones. Otherwise the store is
 * broken.
 *
 * @throws StoreBrokenError
 * @throws StoreUnavailableError the paths could not be checked.
 */
export async function requireInPlace(directory: StoreDirectory, health: StoreHealth): Promise<void> {
  health.requireHealthy();
  const problem = await findDisplaced(directory).catch((cause: unknown) => {
    throw new StoreUnavailableError('the files of the store cannot be looked up', { cause });
  });
  if (problem !== undefined) throw health.markFailed(problem);
  health.requireHealthy();
}

async function findDisplaced(directory: StoreDirectory): Promise<string | undefined> {
  const names = Array.from(directory.opened);
  const found = await Promise.all(names.map(([name]) => directory.entry(name)));
  return names
    .map(([name, openedAs], index) => describeDisplaced(name, openedAs, found[index]))
    .find((problem) => problem !== undefined);
}

function describeDisplaced(name: string, opened: FileEntry, found: FileEntry | undefined): string | undefined {
  const subject = name === DIRECTORY_ENTRY ? 'the data directory' : name;
  // A mount keeps a removed directory reachable, and so does a relative path inside it. Its number of links is 0.
  if (found === undefined || found.links === 0) return `${subject} is gone`;
  if (found.identity === opened.identity) return undefined;
  return name === DIRECTORY_ENTRY ? `${subject} is not the one that was opened` : `${subject} leads to another file`;
}
