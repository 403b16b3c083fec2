import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import {
  appendFile,
  chmod,
  type FileHandle,
  mkdtemp,
  open,
  rename,
  rm,
  stat,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataFile } from '../../../../../apps/client/bets/data_file';
import { expectCode } from '../../../../support/rejection';

/** A modification time that differs from that of any later write, at any resolution of the clock. */
const LONG_AGO = new Date('2001-01-01T00:00:00.123Z');

const NEVER_STOPPED = new AbortController().signal;

describe('a data file', () => {
  let directory: string;
  let path: string;
  let file: DataFile;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'data-'));
    path = join(directory, 'bets.csv');
    await write(path, 'one\ntwo\n');
    file = new DataFile(path);
  });

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  async function write(name: string, content: string): Promise<void> {
    await writeFile(name, content);
    await utimes(name, LONG_AGO, LONG_AGO);
  }

  const openAndClose = async (): Promise<void> => (await file.open(NEVER_STOPPED)).close();

  it('is read from its start after each opening', async () => {
    for (let time = 0; time < 2; time++) {
      const open = await file.open(NEVER_STOPPED);
      const buffer = Buffer.alloc(10);
      expect(await open.read(buffer, 2, 3)).to.equal(3);
      expect(await open.read(buffer, 5, 5)).to.equal(5);
      expect(await open.read(buffer, 0, 10)).to.equal(0);
      await open.close();
      expect(buffer.toString('latin1')).to.equal('\0\0one\ntwo\n');
    }
  });

  it('stays unchanged without a write', async () => {
    await openAndClose();
    await file.requireUnchanged(NEVER_STOPPED);
    await openAndClose();
    await file.requireUnchanged(NEVER_STOPPED);
  });

  it('stays unchanged after a change of its permissions', async () => {
    await openAndClose();
    await chmod(path, 0o600);
    await file.requireUnchanged(NEVER_STOPPED);
  });

  it('may change before its first opening', async () => {
    await appendFile(path, 'three\n');
    await openAndClose();
    await file.requireUnchanged(NEVER_STOPPED);
  });

  const changes: [what: string, how: RegExp, change: () => Promise<unknown>][] = [
    ['an appended row', /8 bytes before, 14 bytes now/, () => appendFile(path, 'three\n')],
    ['a removed row', /8 bytes before, 4 bytes now/, () => writeFile(path, 'one\n')],
    ['other rows of the same size', /modification time/, () => writeFile(path, 'uno\ndos\n')],
    ['a modification time one millisecond later', /modification time/, () => touchLater(1)],
    [
      'another file of the same size and time at its path',
      /another file is at this path/,
      async () => {
        await write(`${path}.new`, 'uno\ndos\n');
        await rename(`${path}.new`, path);
      },
    ],
    ['its removal', /no file is at this path any more/, () => unlink(path)],
  ];
  for (const [what, how, change] of changes) {
    it(`has changed after ${what}, for a check and for the next opening`, async () => {
      await openAndClose();
      await change();
      const calls = [() => file.requireUnchanged(NEVER_STOPPED), () => file.open(NEVER_STOPPED)];
      for (const call of calls) {
        const error = await expectCode(call(), 'SOURCE_CHANGED');
        expect(error.message.startsWith(`${path} has changed since its upload began (`), error.message).to.equal(true);
        expect(error.message).to.match(how);
      }
    });
  }

  it('is refused without blocking if a pipe takes its place before the open', async () => {
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    let opened: FileHandle | undefined;
    const raced = new DataFile(path, {
      stat,
      open: async (_path, flags) => {
        opened = await open(pipe, flags);
        return opened;
      },
    });
    const error = await expectCode(raced.open(NEVER_STOPPED), 'UNUSABLE_SETTINGS');
    expect(error.message).to.contain('is a pipe');
    expect(opened!.fd, 'its descriptor').to.equal(-1);
  });

  it('cannot be read if it is missing at the first opening', async () => {
    await unlink(path);
    await expectCode(file.open(NEVER_STOPPED), 'SOURCE_UNREADABLE');
  });

  async function touchLater(ms: number): Promise<void> {
    const time = new Date((await stat(path)).mtimeMs + ms);
    await utimes(path, time, time);
  }
});
