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
    const { first, rest } = buffer as unknown as { first: Buffer; rest: { chunks: Buffer[] } };
    const kept = rest.chunks.reduce((sum, chunk) => sum + chunk.length, first.length);
    expect(kept).to.equal(5 * 600);
    take(buffer, 5 * 600);
    expect(buffer).to.deep.include({ first: Buffer.alloc(0), rest: undefined });
  });

  it('property: pushes and takes in any order are a queue of bytes', () => {
    const step = fc.oneof(
      fc.record({ push: fc.oneof(fc.nat(20), fc.integer({ min: 500, max: 5000 })) }),
      fc.record({ take: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ peek: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ join: fc.double({ min: 0, max: 1, noNaN: true }) }),
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
          } else if ('join' in each) {
            const count = Math.floor(each.join * model.length);
            const bytes = buffer.join(count);
            const shown = bytes.subarray(buffer.offset);
            expect(shown.length).to.be.at.least(count);
            expect(shown.equals(model.subarray(0, shown.length))).to.equal(true);
          } else {
            const count = Math.floor(each.peek * model.length);
            expect(buffer.peek(count).equals(model.subarray(0, count))).to.equal(true);
          }
          expect(buffer.length).to.equal(model.length);
        }
      }),
    );
  });

  it('joins bytes of several chunks into one, which later bytes join without a copy of the earlier ones', () => {
    const buffer = new ReceiveBuffer();
    buffer.push(Buffer.alloc(1000, 1));
    buffer.push(Buffer.alloc(1000, 2));
    const joined = buffer.join(2000);
    buffer.push(Buffer.alloc(1500, 3));
    const again = buffer.join(3500);
    expect(again.buffer).to.equal(joined.buffer);
    expect([again[999], again[1999], again[3499]]).to.deep.equal([1, 2, 3]);
  });

  it('copies a number of bytes linear in their number, joined after each chunk', () => {
    const buffer = new ReceiveBuffer();
    const allocated = new Set<ArrayBufferLike>();
    const chunks = 4000;
    for (let index = 0; index < chunks; index++) {
      buffer.push(Buffer.alloc(600, index & 0xff));
      allocated.add(buffer.join(buffer.length).buffer);
    }
    const copied = [...allocated].reduce((sum, each) => sum + each.byteLength, 0);
    expect(copied).to.be.below(4 * chunks * 600);
    expect(take(buffer, chunks * 600)[3000 * 600]).to.equal(3000 & 0xff);
  });

  it('leaves the bytes behind the joined ones where they are', () => {
    const buffer = new ReceiveBuffer();
    const last = Buffer.alloc(60_000, 3);
    for (const chunk of [Buffer.alloc(600, 1), Buffer.alloc(600, 2), last]) buffer.push(chunk);
    expect(buffer.join(1201).length).to.equal(1201);
    take(buffer, 1201);
    expect(take(buffer, 59_999).buffer).to.equal(last.buffer);
  });

  it('reads the bytes behind a frame from their own chunk, though they were joined with the frame', () => {
    const buffer = new ReceiveBuffer();
    const last = Buffer.alloc(60_000, 3);
    for (const chunk of [Buffer.alloc(600, 1), Buffer.alloc(600, 2), last]) buffer.push(chunk);
    expect(buffer.join(2400).length).to.equal(2400);
    expect(buffer.join(9600).length).to.equal(9600);
    expect(take(buffer, 1201).at(-1)).to.equal(3);
    const behind = take(buffer, 20_000);
    expect(behind.buffer).to.equal(last.buffer);
    expect(behind.byteOffset).to.equal(last.byteOffset + 1);
    expect(take(buffer, 39_999).byteOffset).to.equal(last.byteOffset + 20_001);
    expect(buffer.length).to.equal(0);
  });
});
