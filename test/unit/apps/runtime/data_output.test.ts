import { Writable } from 'node:stream';
import { expect } from 'chai';
import { writePieces } from '../../../../apps/runtime/data_output';
import { expectCode } from '../../../support/rejection';
import { turns } from '../../../support/turns';

const NEVER = new AbortController().signal;

/** A stream that takes a piece when the test says so. */
class HeldStream extends Writable {
  readonly taken: string[] = [];
  release: (error?: Error) => void = () => {};

  override _write(piece: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.taken.push(String(piece));
    this.release = done;
  }
}

/** Counts the pieces that were requested, and whether the source was closed. */
class Source {
  requested = 0;
  isClosed = false;

  async *pieces(count: number): AsyncGenerator<Buffer> {
    const piece = Buffer.alloc(1);
    try {
      for (let index = 0; index < count; index++) {
        this.requested++;
        piece.write(String(index));
        yield piece;
      }
    } finally {
      this.isClosed = true;
    }
  }
}

describe('the output of data', () => {
  it('requests a piece after the write of the one before, and so waits for a slow reader', async () => {
    const [source, stream] = [new Source(), new HeldStream()];
    const writing = writePieces(source.pieces(3), stream, NEVER);
    for (const requested of [1, 2, 3]) {
      await turns(3);
      expect(source.requested).to.equal(requested);
      stream.release();
    }
    await writing;
    expect(stream.taken).to.deep.equal(['0', '1', '2']);
    expect(source.isClosed).to.equal(true);
  });

  it('ends with an error once the reader is gone, and closes the source', async () => {
    const [source, stream] = [new Source(), new HeldStream()];
    const writing = writePieces(source.pieces(3), stream, NEVER);
    await turns(3);
    stream.release(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
    expect((await expectCode(writing, 'OUTPUT_FAILED')).message).to.equal(
      'the reader has closed the output before its end',
    );
    expect([source.requested, source.isClosed]).to.deep.equal([1, true]);
  });

  it('names another failure of a write', async () => {
    const stream = new HeldStream();
    const writing = writePieces(new Source().pieces(1), stream, NEVER);
    await turns(3);
    stream.release(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }));
    expect((await expectCode(writing, 'OUTPUT_FAILED')).message).to.match(/^the output cannot be written: ENOSPC/);
  });

  it('can be stopped while nobody reads', async () => {
    const [source, stop] = [new Source(), new AbortController()];
    const writing = writePieces(source.pieces(3), new HeldStream(), stop.signal);
    await turns(3);
    stop.abort();
    await expectCode(writing, 'OUTPUT_FAILED');
    expect([source.requested, source.isClosed]).to.deep.equal([1, true]);
  });

  it('reports an error of the source', async () => {
    const failing = (async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('1');
      throw new Error('unreadable');
    })();
    const stream = new HeldStream();
    const writing = writePieces(failing, stream, NEVER);
    await turns(3);
    stream.release();
    let message = '';
    await writing.catch((error: Error) => (message = error.message));
    expect(message).to.equal('unreadable');
  });
});
