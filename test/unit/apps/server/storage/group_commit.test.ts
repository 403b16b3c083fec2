import { expect } from 'chai';
import { GroupCommit, type Submission } from '../../../../../apps/server/storage/group_commit';
import { turns } from '../../../../support/turns';

describe('a group commit', () => {
  /** Commits that wait until they are told to go on. */
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

  it('takes together what comes together, and what comes while it is under way', async () => {
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

  it('that fails fails for all of it, and the next goes on', async () => {
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

  it('is idle once nothing is under way', async () => {
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
});
