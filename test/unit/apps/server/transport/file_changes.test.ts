import { mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { FileChanges } from '../../../../../apps/server/transport/file_changes';

describe('FileChanges', () => {
  let directory: string;
  let reported: number;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'changes-'));
    reported = 0;
    await writeFile(at('a'), 'first');
    await writeFile(at('b'), 'first');
  });

  afterEach(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  const at = (name: string): string => join(directory, name);

  function watch(...names: string[]): FileChanges {
    return new FileChanges(names.map(at), () => reported++);
  }

  /** The number of reports after each of some looks. */
  async function reportsOf(changes: FileChanges, looks: number): Promise<number[]> {
    const counts: number[] = [];
    for (let look = 0; look < looks; look++) {
      await changes.look();
      counts.push(reported);
    }
    return counts;
  }

  it('reports nothing while the files stay as they are', async () => {
    expect(await reportsOf(watch('a', 'b'), 3)).to.deep.equal([0, 0, 0]);
  });

  it('reports a change of one file of a pair, then that of the other, each at the second look', async () => {
    const changes = watch('a', 'b');
    await writeFile(at('a'), 'a second text');
    expect(await reportsOf(changes, 3)).to.deep.equal([0, 1, 1]);
    await writeFile(at('b'), 'a second text');
    expect(await reportsOf(changes, 3)).to.deep.equal([1, 2, 2]);
  });

  it('reports changes of both files once if no look is between them', async () => {
    const changes = watch('a', 'b');
    await writeFile(at('a'), 'a second text');
    await writeFile(at('b'), 'a second text');
    expect(await reportsOf(changes, 3)).to.deep.equal([0, 1, 1]);
  });

  it('reports a file after its writer has ended, not at each write', async () => {
    const changes = watch('a');
    for (let write = 1; write <= 10; write++) {
      await writeFile(at('a'), 'x'.repeat(write));
      expect(await reportsOf(changes, 1)).to.deep.equal([0]);
    }
    expect(await reportsOf(changes, 2)).to.deep.equal([1, 1]);
  });

  it('reports a file that was replaced by another one of the same content', async () => {
    const changes = watch('a');
    await writeFile(at('new'), 'first');
    await rename(at('new'), at('a'));
    expect(await reportsOf(changes, 3)).to.deep.equal([0, 1, 1]);
  });

  it('reports a symbolic link to another file, as container engines replace secrets', async () => {
    await symlink(at('a'), at('link'));
    const changes = watch('link');
    await symlink(at('b'), at('new'));
    await rename(at('new'), at('link'));
    expect(await reportsOf(changes, 3)).to.deep.equal([0, 1, 1]);
  });

  it('reports a file that was removed, and that is back', async () => {
    const changes = watch('a');
    await unlink(at('a'));
    expect(await reportsOf(changes, 3)).to.deep.equal([0, 1, 1]);
    await writeFile(at('a'), 'first');
    expect(await reportsOf(changes, 3)).to.deep.equal([1, 2, 2]);
  });

  it('reports a file that is missing at first, once it is there', async () => {
    const changes = watch('missing');
    expect(await reportsOf(changes, 2)).to.deep.equal([0, 0]);
    await writeFile(at('missing'), 'first');
    expect(await reportsOf(changes, 2)).to.deep.equal([0, 1]);
  });

  it('has one look at a time: a second one has no effect', async () => {
    const changes = watch('a');
    await writeFile(at('a'), 'a second text');
    await Promise.all([changes.look(), changes.look(), changes.look()]);
    expect(reported).to.equal(0);
    expect(await reportsOf(changes, 2)).to.deep.equal([1, 1]);
  });

  it('looks by itself after its start', async () => {
    const change = new Promise<void>((resolve) => {
      const changes = new FileChanges([at('a')], () => {
        changes.stop();
        resolve();
      });
      changes.start(1);
    });
    await writeFile(at('a'), 'a second text');
    await change;
  });

  it('reports nothing after its stop, also by a look that is under way, and may be stopped twice', async () => {
    const changes = watch('a');
    await writeFile(at('a'), 'a second text');
    await changes.look();
    const look = changes.look();
    changes.stop();
    changes.stop();
    await look;
    expect(reported).to.equal(0);
  });
});
