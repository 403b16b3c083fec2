import { expect } from 'chai';
import { appendFile, chmod, mkdtemp, rename, rm, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataFile } from '../../../../apps/client/data_file';
import { expectCode } from '../../../support/rejection';

/** Long before now: what is written later has another time, whatever the clock of the file system is like. */
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

  it('is read from its start each time that it is opened', async () => {
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

  it('that nobody changes is unchanged', async () => {
    await openAndClose();
    await file.requireUnchanged(NEVER_STOPPED);
    await openAndClose();
    await file.requireUnchanged(NEVER_STOPPED);
  });

  it('may get other permissions', async () => {
    await openAndClose();
    await chmod(path, 0o600);
    await file.requireUnchanged(NEVER_STOPPED);
  });

  it('may change before it is opened for the first time', async () => {
    await appendFile(path, 'three\n');
    await openAndClose();
    await file.requireUnchanged(NEVER_STOPPED);
  });

  const changes: [what: string, how: RegExp, change: () => Promise<unknown>][] = [
    ['longer', /it had 8 bytes and has 14/, () => appendFile(path, 'three\n')],
    ['shorter', /it had 8 bytes and has 4/, () => writeFile(path, 'one\n')],
    ['as long as before, with other rows', /it was written to/, () => writeFile(path, 'uno\ndos\n')],
    ['as before, but written later by a millisecond', /it was written to/, () => touchLater(1)],
    [
      'another one of the same length and time, put in its place',
      /another file is in its place/,
      async () => {
        await write(`${path}.new`, 'uno\ndos\n');
        await rename(`${path}.new`, path);
      },
    ],
    ['gone', /it is not there any more/, () => unlink(path)],
  ];
  for (const [what, how, change] of changes) {
    it(`that is ${what} is noticed, by who asks and by who opens it again`, async () => {
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

  it('that is missing from the start cannot be read', async () => {
    await unlink(path);
    await expectCode(file.open(NEVER_STOPPED), 'SOURCE_UNREADABLE');
  });

  async function touchLater(ms: number): Promise<void> {
    const time = new Date((await stat(path)).mtimeMs + ms);
    await utimes(path, time, time);
  }
});
