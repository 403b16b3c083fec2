import { constants } from 'node:fs';
import { type FileHandle, mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { DirectoryLock } from '../../../../../../../apps/server/storage/files/disk/directory_lock';
import {
  type DirectoryLocker,
  lockByFlock,
  lockByOpen,
  lockerOf,
} from '../../../../../../../apps/server/storage/files/disk/directory_lockers';
import { expectCode } from '../../../../../../support/rejection';

const NEVER_STOPPED = new AbortController().signal;

/** O_RDONLY, O_NONBLOCK and O_EXLOCK of macOS, and O_DIRECTORY, which differs between the systems. */
const FLAGS = constants.O_DIRECTORY | constants.O_NONBLOCK | 0x20;

/** The open(2) of macOS: with O_EXLOCK, a path has one open handle at a time. */
class LockingOpen {
  readonly flags: number[] = [];
  failure: string | undefined;
  private readonly locked = new Set<string>();

  readonly open = async (path: string, flags: number): Promise<FileHandle> => {
    this.flags.push(flags);
    const code = this.failure ?? (this.locked.has(path) ? 'EAGAIN' : undefined);
    if (code !== undefined) throw Object.assign(new Error(`${code}: open '${path}'`), { code });
    this.locked.add(path);
    const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    const close = handle.close.bind(handle);
    handle.close = async () => {
      this.locked.delete(path);
      await close();
    };
    return handle;
  };
}

describe('the lock of a directory', () => {
  let directory: string;
  let system: LockingOpen;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'lock-'));
    system = new LockingOpen();
  });

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  const byOpen: DirectoryLocker = (path) => lockByOpen(path, system.open);

  it('is set by open(2) on macOS, and by flock(1) elsewhere', () => {
    expect(lockerOf('darwin')).to.equal(lockByOpen);
    for (const platform of ['linux', 'freebsd'] as const) expect(lockerOf(platform)).to.equal(lockByFlock);
  });

  for (const [name, locker] of [
    ['flock(1)', lockByFlock],
    ['open(2)', byOpen],
  ] as const) {
    it(`by ${name}: a second one is refused after a second, and set after the release of the first`, async () => {
      const lock = await DirectoryLock.acquire(directory, NEVER_STOPPED, locker);
      const { dev, ino } = await stat(directory, { bigint: true });
      expect((await lock.entry()).identity).to.equal(`${dev}:${ino}`);
      const error = await expectCode(DirectoryLock.acquire(directory, NEVER_STOPPED, locker), 'STORE_IN_USE');
      expect(error.message).to.equal(`${directory} is in use by another server`);
      const waiting = DirectoryLock.acquire(directory, NEVER_STOPPED, locker);
      await lock.release();
      await (await waiting).release();
    });

    it(`by ${name}: a stop ends the wait`, async () => {
      const stop = new AbortController();
      const lock = await DirectoryLock.acquire(directory, NEVER_STOPPED, locker);
      const waiting = DirectoryLock.acquire(directory, stop.signal, locker);
      stop.abort();
      await expectCode(waiting, 'STORE_STOPPED');
      await lock.release();
      await (await DirectoryLock.acquire(directory, NEVER_STOPPED, locker)).release();
    });

    it(`by ${name}: the error of open(2) is thrown as it is`, async () => {
      await expectCode(DirectoryLock.acquire(join(directory, 'none'), NEVER_STOPPED, locker), 'ENOENT');
    });
  }

  it('by open(2): it is exclusive, and does not wait', async () => {
    await (await DirectoryLock.acquire(directory, NEVER_STOPPED, byOpen)).release();
    expect(system.flags).to.deep.equal([FLAGS]);
  });

  it('by open(2): a file system without locks is named', async () => {
    for (const code of ['ENOTSUP', 'EOPNOTSUPP']) {
      system.failure = code;
      const error = await expectCode(DirectoryLock.acquire(directory, NEVER_STOPPED, byOpen), 'STORE_UNAVAILABLE');
      expect(error.message).to.equal(`${directory} cannot be locked: ${code}: open '${directory}'`);
      expect(error.cause).to.have.property('code', code);
    }
  });
});
