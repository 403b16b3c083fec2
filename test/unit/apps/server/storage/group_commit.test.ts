import { expect } from 'chai';
import { GroupCommit, type Submission } from '../../../../../apps/server/storage/group_commit';
import { turns } from '../../../../support/turns';

describe('a group commit', () => {
  /** Commits that wait for `finish()`. */
  class HeldCommits {
    readonly groups: string[][] = [];
    readonly commits = new GroupCommit<string>((submissions) => this.commit(submissions));
    private proceed: (error?: Error) => void = () => {};

    finish(error?: Error): void {
      this.proceed(error);
    }

    private async commit(submissions: readonly Submission<string>[]): Promise<void> {
      this.groups.push(submissions.map(({ item }) => item));
      await new Promise<void>((resolve, reject) => {
        this.proceed = (error) => (error === undefined ? resolve() : reject(error));
      });
      for (const { resolve } of submissions) resolve();
    }
  }

  it('groups simultaneous submissions, and the submissions during a commit for the next one', async () => {
    const held = new HeldCommits();
    const first = [held.commits.submit('a'), held.commits.submit('b')];
    await turns(1);
    const second = [held.commits.submit('c'), held.commits.submit('d')];
    await turns(2);
    expect(held.groups).to.deep.equal([['a', 'b']]);
    held.finish();
    await Promise.all(first);
    await turns(1);
    expect(held.groups).to.deep.equal([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    held.finish();
    await Promise.all(second);
  });

  it('rejects all its submissions if it fails, and continues with the next group', async () => {
    const held = new HeldCommits();
    const failing = [held.commits.submit('a'), held.commits.submit('b')].map((promise) =>
      promise.then(
        () => 'stored',
        (error: Error) => error.message,
      ),
    );
    await turns(1);
    held.finish(new Error('full'));
    expect(await Promise.all(failing)).to.deep.equal(['full', 'full']);
    const next = held.commits.submit('c');
    await turns(1);
    held.finish();
    await next;
  });

  it('is idle after its last submission', async () => {
    const held = new HeldCommits();
    await held.commits.idle();
    void held.commits.submit('a');
    let isIdle = false;
    const idle = held.commits.idle().then(() => (isIdle = true));
    await turns(3);
    expect(isIdle).to.equal(false);
    held.finish();
    await idle;
  });

  it('begins a second commit when enough submissions wait, and takes a limited number for each', async () => {
    const groups: string[][] = [];
    const finishes: (() => void)[] = [];
    const commits = new GroupCommit<string>(
      async (submissions) => {
        groups.push(submissions.map(({ item }) => item));
        await new Promise<void>((resolve) => finishes.push(resolve));
        for (const { resolve } of submissions) resolve();
      },
      { concurrency: 2, maxItems: 3, minItemsBeside: 2 },
    );
    const submitted = [commits.submit('a')];
    await turns(1);
    submitted.push(commits.submit('b'));
    await turns(1);
    expect(groups).to.deep.equal([['a']]);
    for (const item of ['c', 'd', 'e']) submitted.push(commits.submit(item));
    await turns(1);
    expect(groups).to.deep.equal([['a'], ['b', 'c', 'd']]);
    finishes[1]!();
    await turns(2);
    expect(groups).to.have.length(2);
    finishes[0]!();
    await turns(2);
    expect(groups).to.deep.equal([['a'], ['b', 'c', 'd'], ['e']]);
    finishes[2]!();
    await Promise.all(submitted);
    await commits.idle();
    const last = commits.submit('f');
    await turns(1);
    finishes[3]!();
    await last;
  });
});
