import { Writable } from 'node:stream';
import { expect } from 'chai';
import { type SinonFakeTimers, useFakeTimers } from 'sinon';
import { LogOutput } from '../../../../apps/runtime/log_output';

/** Keeps what is written, write by write. */
class Pages extends Writable {
  readonly written: string[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.written.push(chunk.toString());
    callback();
  }
}

describe('LogOutput', () => {
  let clock: SinonFakeTimers;
  let pages: Pages;
  let output: LogOutput;

  beforeEach(() => {
    clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] });
    pages = new Pages();
    output = new LogOutput(pages);
  });

  afterEach(() => clock.restore());

  it('writes what one turn logs together, and at once', () => {
    output.sink('one\n');
    output.sink('two\n');
    clock.tick(0);
    expect(pages.written).to.deep.equal(['one\ntwo\n']);
  });

  it('lets the lines of a start follow each other without waiting', () => {
    for (let line = 1; line <= 10; line++) {
      output.sink(`${line}\n`);
      clock.tick(1);
    }
    expect(pages.written).to.have.lengthOf(10);
  });

  it('writes no more often than every 20 ms while there is line after line, and loses none', () => {
    for (let ms = 0; ms < 2000; ms++) {
      output.sink(`${ms}\n`);
      clock.tick(1);
    }
    clock.tick(20);
    expect(pages.written.length).to.be.within(90, 117);
    expect(pages.written.join('')).to.equal(Array.from({ length: 2000 }, (_, ms) => `${ms}\n`).join(''));
  });

  it('has lines written by another, and goes on by itself afterwards', () => {
    const diverted: string[] = [];
    output.sink('before\n');
    output.divert((lines) => diverted.push(lines));
    output.sink('meanwhile\n');
    clock.tick(0);
    output.divert(undefined);
    output.sink('after\n');
    clock.tick(0);
    expect(diverted).to.deep.equal(['meanwhile\n']);
    expect(pages.written).to.deep.equal(['before\n', 'after\n']);
  });
});
