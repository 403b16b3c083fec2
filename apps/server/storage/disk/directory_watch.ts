import { type ActionLog } from '../../../runtime/action_log';
import { StoreBrokenError, StoreUnavailableError } from '../../domain/store_errors';
import { type FileEntry } from './file_entry';
import { ITSELF, type StoreDirectory } from './file_system';
import { type StoreHealth } from './store_health';

/** What is acknowledged between two looks is lost where the files were gone by then. */
const INTERVAL_MS = 1_000;

/**
 * Looks once a second whether the store's directory and files are still what their names lead to: a process goes on
 * writing to files that were removed or replaced, where nobody will find it.
 */
export class DirectoryWatch {
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;
  private isFailing = false;

  constructor(
    private readonly directory: StoreDirectory,
    private readonly health: StoreHealth,
    private readonly log: ActionLog,
  ) {}

  start(): void {
    this.timer = setInterval(() => {
      this.looking ??= this.look().finally(() => {
        this.looking = undefined;
      });
    }, INTERVAL_MS).unref();
  }

  /** Resolves once no look is under way. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }

  private async look(): Promise<void> {
    try {
      await requireInPlace(this.directory, this.health);
      this.isFailing = false;
    } catch (error) {
      // A broken store is reported by its health.
      if (error instanceof StoreBrokenError) clearInterval(this.timer);
      else this.warn(error as StoreUnavailableError);
    }
  }

  /** Once, until it works again. */
  private warn({ message, cause }: StoreUnavailableError): void {
    if (this.isFailing) return;
    this.isFailing = true;
    this.log.warning('watch_store', 'fail', { error: `${message}: ${(cause as Error).message}` });
  }
}

/**
 * Requires that the directory's path, and the name of each open file, leads to what is open. Where one does not, the
 * store is broken.
 *
 * @throws StoreBrokenError
 * @throws StoreUnavailableError the names could not be looked up.
 */
export async function requireInPlace(directory: StoreDirectory, health: StoreHealth): Promise<void> {
  health.requireSound();
  const problem = await findDisplaced(directory).catch((cause: unknown) => {
    throw new StoreUnavailableError('the files of the store cannot be looked up', { cause });
  });
  if (problem !== undefined) throw health.markFailed(problem);
  health.requireSound();
}

async function findDisplaced(directory: StoreDirectory): Promise<string | undefined> {
  const names = Array.from(directory.opened);
  const found = await Promise.all(names.map(([name]) => directory.entry(name)));
  return names
    .map(([name, openedAs], index) => describeDisplaced(name, openedAs, found[index]))
    .find((problem) => problem !== undefined);
}

function describeDisplaced(name: string, opened: FileEntry, found: FileEntry | undefined): string | undefined {
  const words = name === ITSELF ? 'the data directory' : name;
  // A mount, and a path that is relative to a directory that was removed, still lead to what has no name any more.
  if (found === undefined || found.links === 0) return `${words} is gone`;
  if (found.identity === opened.identity) return undefined;
  return name === ITSELF ? `${words} is not the one that was opened` : `${words} leads to another file`;
}
