import { Writable } from 'node:stream';
import { expect } from 'chai';
import { type SinonFakeTimers, useFakeTimers } from 'sinon';
import { LogOutput } from '../../../../apps/runtime/log_output';

/** A stream that records its writes. */
class Pages extends Writable {
  readonly written: string[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.written.push(chunk.toString());
    callback();
  }
}

const nextTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

/** A stream that blocks at its first write until `free()`. */
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

  /** As Node's stdout, the stream remains usable after an error. */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    callback(error);
    (this as unknown as { _undestroy(): void })._undestroy();
  }

  /** Completes all pending writes. */
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
    clock = useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'hrtime'] });
    pages = new Pages();
    output = new LogOutput(pages);
  });

  afterEach(() => {
    clock.restore();
    for (const listener of process.listeners('exit').slice(exitListeners)) process.off('exit', listener);
  });

  it('writes the lines of one turn together, and at once', () => {
    output.sink('one\n');
    output.sink('two\n');
    clock.tick(0);
    expect(pages.written).to.deep.equal(['one\ntwo\n']);
  });

  it('writes the first lines without a delay', () => {
    for (let line = 1; line <= 10; line++) {
      output.sink(`${line}\n`);
      clock.tick(1);
    }
    expect(pages.written).to.have.lengthOf(10);
  });

  it('writes at most every 20 ms under continuous load, and loses no line', () => {
    for (let ms = 0; ms < 2000; ms++) {
      output.sink(`${ms}\n`);
      clock.tick(1);
    }
    clock.tick(20);
    expect(pages.written.length).to.be.within(90, 117);
    expect(pages.written.join('')).to.equal(Array.from({ length: 2000 }, (_, ms) => `${ms}\n`).join(''));
  });

  it('diverts lines to another writer, and continues by itself afterwards', () => {
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

  describe('with a blocked reader', () => {
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

    /** Logs numbered lines of the given length, one in a turn. */
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

    it('keeps 4 MiB, drops the rest, and then reports the number of dropped lines', async () => {
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

    it('loses no line below 4 MiB', async () => {
      log(0, MOST_BYTES / 64);
      await stuck.free();
      expect(drops).to.deep.equal([]);
      expect(numbers()).to.have.length(MOST_BYTES / 64);
    });

    it('continues with another reader after the loss of the first', async () => {
      log(0, MOST_BYTES / 64 + 5);
      await stuck.loseReader();
      clock.tick(20);
      await stuck.free();
      log(7, 8);
      await stuck.free();
      expect(drops).to.deep.equal([4]);
      expect(numbers().at(-1)).to.equal('7');
    });

    it('is written after the reader has read all lines', async () => {
      log(0, 10);
      let isWritten = false;
      const writing = output.written().then(() => (isWritten = true));
      await nextTick();
      expect(isWritten).to.equal(false);
      await stuck.free();
      await writing;
      expect(numbers()).to.have.length(10);
    });

    it('writes each line once, also at the exit of the process', async () => {
      output.sink('last\n');
      const writing = output.written();
      process.listeners('exit').at(-1)!(0);
      await stuck.free();
      await writing;
      expect(stuck.text).to.equal('last\n');
    });
  });
});
