import { expect } from 'chai';
import { describeWithFileLimit } from '../../../../../apps/server/process/open_file_limit';

describe('the words for an error', () => {
  const withCode = (message: string, code: string): Error => Object.assign(new Error(message), { code });

  it('are its own where files are not the matter', () => {
    expect(describeWithFileLimit(withCode('no such file', 'ENOENT'))).to.equal('no such file');
    expect(describeWithFileLimit(new Error('outer', { cause: 'no error' }))).to.equal('outer');
  });

  it('say how many files the process may open where it may open no more, also where that is a cause', () => {
    const form = /^too many open files \(ulimit -n allows (?:\d+|unlimited)\): /;
    expect(describeWithFileLimit(withCode('open x', 'EMFILE')))
      .to.match(form)
      .and.match(/: open x$/);
    const nested = new Error('no lock', { cause: new Error('no helper', { cause: withCode('spawn', 'EMFILE') }) });
    expect(describeWithFileLimit(nested))
      .to.match(form)
      .and.match(/: no lock$/);
  });

  it('name the machine where it has no more', () => {
    expect(describeWithFileLimit(withCode('open x', 'ENFILE'))).to.equal(
      'too many open files (of the whole machine, fs.file-max): open x',
    );
  });
});
