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

const nextTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

/** Takes what is written only once it is freed. */
class StuckPages extends Writable {
  text = '';
  private isFree = false;
  private settle: (error?: Error) => void = () => {};

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error) => void): void {
    this.settle = (error) => {
      this.settle = (): void => {};
      if (error === undefined) this.text += chunk.toString();
      callback(error);
    };
    if (this.isFree) this.settle();
  }

  /** Node's stdout outlives an error in the same way. */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    callback(error);
    (this as unknown as { _undestroy(): void })._undestroy();
  }

  /** Lets all flow that was written so far. */
  async free(): Promise<void> {
    this.isFree = true;
    this.settle();
    while (this.writableLength > 0) await nextTick();
  }

  async loseReader(): Promise<void> {
    this.settle(new Error('write EPIPE'));
    await nextTick();
  }
}

describe('LogOutput', () => {
  let clock: SinonFakeTimers;
  let pages: Pages;
  let output: LogOutput;
  let exitListeners: number;

  beforeEach(() => {
    exitListeners = process.listenerCount('exit');
    clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] });
    pages = new Pages();
    output = new LogOutput(pages);
  });

  afterEach(() => {
    clock.restore();
    for (const listener of process.listeners('exit').slice(exitListeners)) process.off('exit', listener);
  });

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

  describe('with a reader that does not read', () => {
    const MOST_BYTES = 4 * 1024 * 1024;
    let stuck: StuckPages;
    let drops: number[];

    beforeEach(() => {
      stuck = new StuckPages();
      output = new LogOutput(stuck);
      drops = [];
      output.onDropped = (lines) => {
        drops.push(lines);
        output.sink(`${lines} dropped\n`);
      };
    });

    /** Logs numbered lines, each as long as given, one in a turn. */
    function log(from: number, to: number, length = 64): void {
      for (let line = from; line < to; line++) {
        output.sink(`${String(line).padEnd(length - 1, '.')}\n`);
        clock.tick(20);
      }
    }

    const numbers = (): string[] =>
      stuck.text
        .split('\n')
        .slice(0, -1)
        .map((line) => line.replace(/\.+$/, ''));

    it('keeps 4 MiB, drops the rest, and says how many lines once they flow again', async () => {
      const count = 100_000;
      log(0, count);
      expect(stuck.writableLength).to.be.within(MOST_BYTES, MOST_BYTES + 128);
      expect(drops).to.deep.equal([]);
      await stuck.free();
      clock.tick(20);
      log(count, count + 3);
      await stuck.free();
      const kept = MOST_BYTES / 64 + 1;
      expect(drops).to.deep.equal([count - kept]);
      const first = Array.from({ length: kept }, (_, line) => String(line));
      const last = [0, 1, 2].map((line) => String(count + line));
      expect(numbers()).to.deep.equal([...first, `${count - kept} dropped`, ...last]);
    });

    it('drops whole writes of many lines, and counts each line', async () => {
      log(0, MOST_BYTES / 1024 + 1, 1024);
      output.sink('one\ntwo\nthree\n');
      clock.tick(20);
      await stuck.free();
      expect(drops).to.deep.equal([3]);
    });

    it('loses nothing below that', async () => {
      log(0, MOST_BYTES / 64);
      await stuck.free();
      expect(drops).to.deep.equal([]);
      expect(numbers()).to.have.length(MOST_BYTES / 64);
    });

    it('goes on with another reader after it has lost one', async () => {
      log(0, MOST_BYTES / 64 + 5);
      await stuck.loseReader();
      clock.tick(20);
      await stuck.free();
      log(7, 8);
      await stuck.free();
      expect(drops).to.deep.equal([4]);
      expect(numbers().at(-1)).to.equal('7');
    });

    it('is written when the reader has read all of it', async () => {
      log(0, 10);
      let isWritten = false;
      const writing = output.written().then(() => (isWritten = true));
      await nextTick();
      expect(isWritten).to.equal(false);
      await stuck.free();
      await writing;
      expect(numbers()).to.have.length(10);
    });

    it('writes each line once at the exit of the process, too', async () => {
      output.sink('last\n');
      const writing = output.written();
      process.listeners('exit').at(-1)!(0);
      await stuck.free();
      await writing;
      expect(stuck.text).to.equal('last\n');
    });
  });
});
