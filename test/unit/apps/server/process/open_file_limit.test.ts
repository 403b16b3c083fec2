import { expect } from 'chai';
import { describeWithFileLimit } from '../../../../../apps/server/process/open_file_limit';

describe('the text of an error', () => {
  const withCode = (message: string, code: string): Error => Object.assign(new Error(message), { code });

  it('is its own message if its cause is not the limit of open files', () => {
    expect(describeWithFileLimit(withCode('no such file', 'ENOENT'))).to.equal('no such file');
    expect(describeWithFileLimit(new Error('outer', { cause: 'no error' }))).to.equal('outer');
  });

  it('has the limit of the process after EMFILE, also in a nested cause', () => {
    const form = /^too many open files \(ulimit -n allows (?:\d+|unlimited)\): /;
    expect(describeWithFileLimit(withCode('open x', 'EMFILE')))
      .to.match(form)
      .and.match(/: open x$/);
    const nested = new Error('no lock', { cause: new Error('no helper', { cause: withCode('spawn', 'EMFILE') }) });
    expect(describeWithFileLimit(nested))
      .to.match(form)
      .and.match(/: no lock$/);
  });

  it('names the limit of the machine after ENFILE', () => {
    expect(describeWithFileLimit(withCode('open x', 'ENFILE'))).to.equal(
      'too many open files (of the whole machine, fs.file-max): open x',
    );
  });
});
