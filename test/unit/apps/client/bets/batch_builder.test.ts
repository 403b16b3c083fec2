import { expect } from 'chai';
import { BatchBuilder } from '../../../../../apps/client/bets/batch_builder';

const add = (builder: BatchBuilder, text: string, prefix = ''): boolean => {
  const bytes = Buffer.from(text);
  return builder.add(Buffer.from(prefix), bytes, 0, bytes.length);
};

describe('a batch builder', () => {
  it('separates rows by a line feed', () => {
    const builder = new BatchBuilder(0);
    expect(builder.count).to.equal(0);
    expect([add(builder, 'a', '1,'), add(builder, 'b')]).to.deep.equal([true, true]);
    expect(builder.count).to.equal(2);
    const { value, count } = builder.take();
    expect(Buffer.from(value).toString()).to.equal('1,a\nb');
    expect(count).to.equal(2);
    expect(builder.count).to.equal(0);
  });

  it('is full at 8192 bytes, line feeds and prefixes included', () => {
    const builder = new BatchBuilder(0);
    expect(add(builder, 'x'.repeat(4095), '1,')).to.equal(true);
    expect(add(builder, 'y'.repeat(4093), '1,')).to.equal(false);
    expect(add(builder, 'y'.repeat(4092), '1,')).to.equal(true);
    expect(add(builder, '')).to.equal(false);
    expect(builder.take().value).to.have.length(8192);
  });

  it('copies rows of any length from any offset of any buffer', () => {
    const rows = Array.from({ length: 90 }, (_, length) => 'abcdefghijklm'.repeat(7).slice(0, length));
    const sources = [Buffer.from(rows.join('')), Buffer.from(`xyz${rows.join('')}`).subarray(3)];
    const builder = new BatchBuilder(0);
    const prefix = Buffer.from('12,');
    let start = 0;
    for (const [index, row] of rows.entries()) {
      expect(builder.add(prefix, sources[index % 2]!, start, start + row.length)).to.equal(true);
      start += row.length;
    }
    expect(Buffer.from(builder.take().value).toString()).to.equal(rows.map((row) => `12,${row}`).join('\n'));
  });

  it('accepts a row of the length of a batch', () => {
    const builder = new BatchBuilder(0);
    expect(add(builder, 'x'.repeat(8192))).to.equal(true);
    expect(add(builder, 'x')).to.equal(false);
    builder.take();
    expect(add(builder, 'x'.repeat(8193))).to.equal(false);
  });

  it('limits the number of bets', () => {
    const builder = new BatchBuilder(2);
    expect(['a', 'b', 'c'].map((text) => add(builder, text))).to.deep.equal([true, true, false]);
  });

  it('limits the number of bets in all batches together', () => {
    const builder = new BatchBuilder(2, 3);
    expect(['a', 'b', 'c'].map((text) => add(builder, text))).to.deep.equal([true, true, false]);
    builder.take();
    expect(['c', 'd'].map((text) => add(builder, text))).to.deep.equal([true, false]);
    expect(Buffer.from(builder.take().value).toString()).to.equal('c');
    expect(add(builder, 'd')).to.equal(false);
    expect(builder.take().count).to.equal(0);
  });

  it('is full from the first rejected row until it is taken', () => {
    const builder = new BatchBuilder(1);
    add(builder, 'a');
    expect(builder.isFull).to.equal(false);
    expect(add(builder, 'b')).to.equal(false);
    expect(builder.isFull).to.equal(true);
    builder.take();
    expect(builder.isFull).to.equal(false);
    expect(add(builder, 'b')).to.equal(true);
    expect(Buffer.from(builder.take().value).toString()).to.equal('b');
  });
});
