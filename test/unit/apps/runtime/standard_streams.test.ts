import { PassThrough, Writable } from 'node:stream';
import { expect } from 'chai';
import { ignoreLostReader, writeLine, writeText, written } from '../../../../apps/runtime/standard_streams';
import { DANGEROUS_CHARACTERS } from '../../../support/dangerous_characters';

describe('text for a terminal', () => {
  it('is one line with escapes for all unprintable characters', () => {
    for (const [name, character, escape] of DANGEROUS_CHARACTERS) {
      const stream = new PassThrough();
      writeLine(stream, `a${character}b`);
      expect(String(stream.read()), name).to.equal(`a${escape}b\n`);
    }
  });

  it('keeps its line feeds if it has several lines', () => {
    for (const [name, character, escape] of DANGEROUS_CHARACTERS) {
      const stream = new PassThrough();
      writeText(stream, `a${character}b\nc\n`);
      expect(String(stream.read()), name).to.equal(`a${character === '\n' ? '\n' : escape}b\nc\n`);
    }
  });

  it('may have lost its reader', async () => {
    const stream = new Writable({ write: (_chunk, _encoding, callback) => callback(new Error('EPIPE')) });
    writeLine(stream, 'one');
    await new Promise<void>((resolve) => stream.once('close', resolve));
    await written(stream);
  });

  it('is written once the stream has passed on every byte', async () => {
    const callbacks: (() => void)[] = [];
    const stream = new Writable({ write: (_chunk, _encoding, callback) => void callbacks.push(callback) });
    await written(stream);
    writeLine(stream, 'one');
    writeLine(stream, 'two');
    let isWritten = false;
    const writing = written(stream).then(() => (isWritten = true));
    while (callbacks.length > 0) {
      expect(isWritten).to.equal(false);
      callbacks.shift()!();
      await new Promise(setImmediate);
    }
    await writing;
  });

  it('adds one listener to a stream for any number of writes', () => {
    const stream = new PassThrough();
    for (let line = 0; line < 20; line++) writeLine(stream, 'x');
    ignoreLostReader(stream);
    expect(stream.listenerCount('error')).to.equal(1);
  });
});
