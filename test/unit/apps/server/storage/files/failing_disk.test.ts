import { type FileHandle, mkdir, mkdtemp, open, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ActionLog } from '../../../../../../apps/runtime/action_log';
import { archiveStore } from '../../../../../../apps/server/storage/files/archive';
import { CommitWatermark } from '../../../../../../apps/server/storage/files/bets/commit_watermark';
import { DirectoryLock } from '../../../../../../apps/server/storage/files/disk/directory_lock';
import { FileBetRepository } from '../../../../../../apps/server/storage/files/bets/file_bet_repository';
import { DiskDirectory, type StoreDirectory } from '../../../../../../apps/server/storage/files/disk/file_system';
import { Journal } from '../../../../../../apps/server/storage/files/log/journal';
import { NEVER_STOPPED } from '../../../../../../apps/server/domain/stop';
import { StoreHealth } from '../../../../../../apps/server/storage/files/disk/store_health';
import { readBetBatch } from '../../../../../../apps/protocol/bet_batch';
import { expectCode } from '../../../../../support/rejection';
import { DiskModel } from '../../../../../torture/support/disk_model';
import { AgencyEpochs } from '../../../../../../apps/server/storage/files/agency_epochs';
import { append } from '../../../../../support/claims';

const batch = readBetBatch(Buffer.from('1,Ana,Paz,1,1999-03-17,7'), 1);

describe('the store on a failing disk', () => {
  const silent = new ActionLog('CRITICAL', () => {});

  async function openBets(disk: DiskModel, health = new StoreHealth()): Promise<FileBetRepository> {
    const bets = new FileBetRepository(disk, silent, health, new AgencyEpochs());
    await bets.open(NEVER_STOPPED);
    await bets.recover(NEVER_STOPPED);
    await disk.sync();
    return bets;
  }

  for (const file of ['bets.csv', 'bets.journal']) {
    it(`removes a batch after a short write to ${file}`, async () => {
      const disk = new DiskModel();
      const bets = await openBets(disk);
      await append(bets, batch, 0);
      const before = disk.kernelImage();
      let writes = 0;
      disk.fault = (call) => {
        if (call.operation !== 'write' || call.file !== file) return undefined;
        return writes++ === 0 ? { kind: 'short', bytes: 5 } : { kind: 'error', code: 'ENOSPC' };
      };
      await expectCode(append(bets, batch, 1), 'STORE_WRITE_FAILED');
      for (const [name, bytes] of before) expect(disk.kernelImage().get(name)!.equals(bytes), name).to.equal(true);
      disk.fault = () => undefined;
      expect(await append(bets, batch, 1)).to.equal(2);
    });
  }

  it('writes to no file after the permanent failure of one', async () => {
    const disk = new DiskModel();
    const health = new StoreHealth();
    const bets = await openBets(disk, health);
    const journal = new Journal(disk, 'j', health);
    await journal.open(NEVER_STOPPED);
    await journal.recover(silent, NEVER_STOPPED);
    const writing = journal.write('begun before');
    disk.fault = ({ file }) => (file === 'bets.csv' ? { kind: 'error', code: 'EIO' } : undefined);
    await expectCode(append(bets, batch, 0), 'STORE_BROKEN');
    await expectCode(writing, 'STORE_BROKEN');
    await expectCode(journal.write('begun afterwards'), 'STORE_BROKEN');
    await disk.sync();
    expect(String(disk.durableImage().get('j'))).to.equal('');
  });

  it('acknowledges a batch if only the write of the mark fails', async () => {
    const disk = new DiskModel();
    const bets = await openBets(disk);
    disk.fault = ({ file }) => (file === 'bets.mark' ? { kind: 'error', code: 'EIO' } : undefined);
    expect(await append(bets, batch, 0)).to.equal(1);
    expect(disk.durableImage().get('bets.csv')!.toString()).to.equal('1,Ana,Paz,1,1999-03-17,7\n');
  });

  it('stores nothing more after a failed flush', async () => {
    const disk = new DiskModel();
    const bets = await openBets(disk);
    disk.fault = ({ operation }) => (operation === 'flush' ? { kind: 'error', code: 'EIO' } : undefined);
    await expectCode(append(bets, batch, 0), 'STORE_BROKEN');
    disk.fault = () => undefined;
    await expectCode(append(bets, batch, 0), 'STORE_BROKEN');
    expect(bets.countsByAgency).to.deep.equal(new Map());
  });

  for (const tail of ['half a record', '\0\0\0\0', 'noise\nand more\n']) {
    it(`drops the tail ${JSON.stringify(tail)} of a journal`, async () => {
      const disk = new DiskModel();
      const journal = new Journal(disk, 'j', new StoreHealth());
      await journal.open(NEVER_STOPPED);
      await journal.recover(silent, NEVER_STOPPED);
      await journal.write('one');
      const whole = disk.kernelImage().get('j')!;
      const torn = new DiskModel(new Map([['j', Buffer.concat([whole, Buffer.from(tail)])]]));
      const lines: string[] = [];
      const again = new Journal(torn, 'j', new StoreHealth());
      expect(await again.open(NEVER_STOPPED)).to.deep.equal(['one']);
      await again.recover(new ActionLog('WARNING', (line) => lines.push(line)), NEVER_STOPPED);
      expect(torn.durableImage().get('j')!.equals(whole)).to.equal(true);
      expect(lines.join('')).to.include(`recover_journal | result: success | file: j | dropped_bytes: ${tail.length}`);
    });
  }

  it('reads the highest intact mark if either line is broken', async () => {
    const disk = new DiskModel();
    const mark = new CommitWatermark(await disk.create('m'));
    expect(await mark.read()).to.equal(undefined);
    for (const offset of [10, 20, 30]) await mark.write(offset);
    expect(await mark.read()).to.equal(30);
    const bytes = disk.kernelImage().get('m')!;
    const left: (number | undefined)[] = [];
    for (const at of [5, 30]) {
      const broken = Buffer.from(bytes).fill(0, at, at + 3);
      left.push(await new CommitWatermark((await new DiskModel(new Map([['m', broken]])).open('m'))!).read());
    }
    expect(left).to.have.members([20, 30]);
  });

  for (const file of ['bets.csv', 'bets.journal']) {
    it(`does not start if the kernel has dropped bytes of ${file} since their check`, async () => {
      const disk = new DiskModel();
      const { start, image } = await unmarkedCommit(disk, file);
      const next = new DiskModel(image);
      let isForgotten = false;
      const forgetful: StoreDirectory = {
        path: next.path,
        opened: next.opened,
        entry: (name) => next.entry(name),
        claim: () => next.claim(),
        release: () => next.release(),
        sync: () => next.sync(),
        create: (name) => next.create(name),
        open: async (name) => {
          const opened = (await next.open(name))!;
          const read = async (target: Uint8Array, position: number): Promise<number> => {
            const count = await opened.read(target, position);
            if (isForgotten && name === file && position + count > start)
              target.fill(0, Math.max(0, start - position), count);
            return count;
          };
          return { ...opened, read };
        },
      };
      const bets = new FileBetRepository(forgetful, silent, new StoreHealth(), new AgencyEpochs());
      await bets.open(NEVER_STOPPED);
      isForgotten = true;
      await expectCode(bets.recover(NEVER_STOPPED), 'STORE_UNAVAILABLE');
      const marks = await new CommitWatermark((await next.open('bets.mark'))!).read();
      expect(marks, 'the mark').to.equal(25);
      // The next start finds the bytes on the disk: an unacknowledged tail.
      expect((await openBets(new DiskModel(next.kernelImage()))).countsByAgency.get(1)).to.equal(1);
    });
  }

  /** Stores two batches; the mark covers the first. Returns the disk and the offset of the second batch in the file. */
  async function unmarkedCommit(disk: DiskModel, file: string) {
    const bets = await openBets(disk);
    await append(bets, batch, 0);
    const start = disk.kernelImage().get(file)!.length;
    disk.fault = (call) => (call.file === 'bets.mark' ? { kind: 'error', code: 'EIO' } : undefined);
    await append(bets, batch, 1);
    return { start, image: disk.kernelImage() };
  }

  it('overwrites the broken line of the mark first at a start, because the power may be cut again', async () => {
    const disk = new DiskModel();
    const bets = await openBets(disk);
    for (const after of [0, 1]) await append(bets, batch, after);
    const image = disk.kernelImage();
    for (const broken of [5, 30]) {
      const torn = Buffer.from(image.get('bets.mark')!).fill(0, broken, broken + 3);
      const next = new DiskModel(new Map(image).set('bets.mark', torn));
      const marks: (number | undefined)[] = [];
      const files: DiskModel[] = [];
      next.onStep = () => files.push(next.freeze());
      await openBets(next);
      for (const look of files) marks.push(await new CommitWatermark((await look.open('bets.mark'))!).read());
      expect(marks).not.to.include(undefined);
    }
  });
});

describe('the directory of the store', () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'store-'));
  });

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  it('belongs to one process at a time, and is free after its release', async () => {
    const lock = await DirectoryLock.acquire(directory, NEVER_STOPPED);
    await expectCode(DirectoryLock.acquire(directory, NEVER_STOPPED), 'STORE_IN_USE');
    const waiting = DirectoryLock.acquire(directory, NEVER_STOPPED);
    await lock.release();
    await (await waiting).release();
    expect(await readdir(directory)).to.deep.equal([]);
  });

  it('has no further attempts at its lock after a stop', async () => {
    const lock = await DirectoryLock.acquire(directory, NEVER_STOPPED);
    const stop = new AbortController();
    const waiting = DirectoryLock.acquire(directory, stop.signal);
    stop.abort();
    await expectCode(waiting, 'STORE_STOPPED');
    await lock.release();
    await (await DirectoryLock.acquire(directory, NEVER_STOPPED)).release();
  });

  it('is not used without flock(1)', async () => {
    const { PATH } = process.env;
    process.env['PATH'] = directory;
    try {
      const error = await expectCode(DirectoryLock.acquire(directory, NEVER_STOPPED), 'STORE_UNAVAILABLE');
      expect(error.message).to.match(/flock\(1\) of util-linux is needed/);
    } finally {
      process.env['PATH'] = PATH;
    }
  });

  it('is made with its parents', async () => {
    const store = new DiskDirectory(join(directory, 'a/b/c'));
    await store.claim(NEVER_STOPPED);
    await store.release();
    expect(await readdir(join(directory, 'a/b'))).to.deep.equal(['c']);
  });

  it('is flushed with its parents, also after a killed start has made it', async () => {
    const path = join(directory, 'a/b/c');
    await mkdir(path, { recursive: true });
    const store = new DiskDirectory(path);
    await store.claim(NEVER_STOPPED);
    const flushed = await pathsFlushedBy(() => store.sync());
    await store.release();
    expect(flushed).to.include.members([path, join(directory, 'a/b'), join(directory, 'a'), directory]);
  });

  /** The directories flushed during `work`, by the system's path of each descriptor. */
  async function pathsFlushedBy(work: () => Promise<void>): Promise<string[]> {
    const any = await open(directory);
    const handles = Object.getPrototypeOf(any) as { sync: (this: FileHandle) => Promise<void> };
    await any.close();
    const { sync } = handles;
    const paths: string[] = [];
    handles.sync = async function () {
      paths.push(await readlink(`/proc/self/fd/${this.fd}`));
      await sync.call(this);
    };
    try {
      await work();
    } finally {
      handles.sync = sync;
    }
    return paths;
  }

  it('is archived completely, also beside an archive of the same second, and with a part of the files', async () => {
    const now = new Date('2026-01-31T23:59:59.5Z');
    await mkdir(join(directory, 'archive-20260131T235959Z'));
    await writeFile(join(directory, 'bets.csv'), 'bets');
    await writeFile(join(directory, 'other'), 'not ours');
    const archive = await archiveStore(directory, now);
    expect(archive).to.equal(join(directory, 'archive-20260131T235959Z-2'));
    expect(await readFile(join(archive!, 'bets.csv'), 'utf8')).to.equal('bets');
    expect(await readdir(directory)).to.have.members([
      'archive-20260131T235959Z',
      'archive-20260131T235959Z-2',
      'other',
    ]);
    expect(await archiveStore(directory, now)).to.equal(undefined);
  });
});
