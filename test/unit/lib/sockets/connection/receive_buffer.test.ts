import { expect } from 'chai';
import fc from 'fast-check';
import { ReceiveBuffer } from '../../../../../lib/sockets/connection/receive_buffer';

/** Takes the first bytes out of the queue. */
function take(buffer: ReceiveBuffer, count: number): Buffer {
  const bytes = buffer.peek(count);
  buffer.drop(count);
  return bytes;
}

describe('ReceiveBuffer', () => {
  it('reads without a copy if one chunk has all bytes', () => {
    const buffer = new ReceiveBuffer();
    const chunk = Buffer.from('abcdef');
    buffer.push(chunk);
    take(buffer, 1);
    const taken = take(buffer, 4);
    expect(String(taken)).to.equal('bcde');
    expect(taken.buffer).to.equal(chunk.buffer);
  });

  it('copies small chunks together: a million single bytes are not a million objects', () => {
    const buffer = new ReceiveBuffer();
    const before = process.memoryUsage().arrayBuffers;
    for (let index = 0; index < 100_000; index++) buffer.push(Buffer.from([index & 0xff]));
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(1_000_000);
    expect(take(buffer, 100_000)[65_537]).to.equal(1);
  });

  it('keeps the order of many chunks, taken one by one', () => {
    const buffer = new ReceiveBuffer();
    for (let index = 0; index < 100; index++) buffer.push(Buffer.alloc(600, index));
    for (let index = 0; index < 90; index++) expect(take(buffer, 600)[599]).to.equal(index);
    for (let index = 100; index < 200; index++) buffer.push(Buffer.alloc(600, index));
    for (let index = 90; index < 200; index++) expect(take(buffer, 600)[0]).to.equal(index);
    expect(buffer.length).to.equal(0);
  });

  it('releases the memory of taken chunks', () => {
    const buffer = new ReceiveBuffer();
    for (let index = 0; index < 20; index++) buffer.push(Buffer.alloc(600));
    take(buffer, 15 * 600);
    const kept = (buffer as unknown as { chunks: Buffer[] }).chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    expect(kept).to.equal(5 * 600);
  });

  it('property: pushes and takes in any order are a queue of bytes', () => {
    const step = fc.oneof(
      fc.record({ push: fc.oneof(fc.nat(20), fc.integer({ min: 500, max: 5000 })) }),
      fc.record({ take: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ peek: fc.double({ min: 0, max: 1, noNaN: true }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const buffer = new ReceiveBuffer();
        let model = Buffer.alloc(0);
        let next = 0;
        for (const each of steps) {
          if ('push' in each) {
            const chunk = Buffer.from(Array.from({ length: each.push }, () => next++ % 251));
            buffer.push(Buffer.from(chunk));
            model = Buffer.concat([model, chunk]);
          } else if ('take' in each) {
            const count = Math.floor(each.take * model.length);
            expect(take(buffer, count).equals(model.subarray(0, count))).to.equal(true);
            model = model.subarray(count);
          } else {
            const count = Math.floor(each.peek * model.length);
            expect(buffer.peek(count).equals(model.subarray(0, count))).to.equal(true);
          }
          expect(buffer.length).to.equal(model.length);
        }
      }),
    );
  });

  it('property: a delimiter is found at its position, across any chunk boundaries', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 30 });
    const delimiter = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        fc.array(text, { maxLength: 6 }),
        delimiter,
        fc.nat(40),
        fc.nat(40),
        (pieces, wanted, taken, from) => {
          const buffer = new ReceiveBuffer();
          // Long fillers keep the pieces chunks of their own.
          const chunks = pieces.map((piece) => Buffer.from(piece + 'c'.repeat(520) + piece));
          for (const chunk of chunks) buffer.push(chunk);
          const whole = Buffer.concat(chunks);
          const dropped = Math.min(taken, whole.length);
          take(buffer, dropped);
          const rest = whole.subarray(dropped);
          const start = Math.min(from, rest.length);
          expect(buffer.indexOf(Buffer.from(wanted), start)).to.equal(rest.indexOf(wanted, start));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('property: a delimiter is found in chunks smaller than itself', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'ab', 'ba'), { maxLength: 20 }), (pieces) => {
        const buffer = new ReceiveBuffer();
        for (const piece of pieces) buffer.push(Buffer.from(piece));
        expect(buffer.indexOf(Buffer.from('abba'), 0)).to.equal(pieces.join('').indexOf('abba'));
      }),
    );
  });
});
