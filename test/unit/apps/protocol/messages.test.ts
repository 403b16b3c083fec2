import { expect } from 'chai';
import { createAgencyCodec, createServerCodec, MSG_MAX_LENGTH, textMessage } from '../../../../apps/protocol/messages';

function header(type: string, length: number): Buffer {
  const bytes = Buffer.from(`${type}......`, 'latin1');
  bytes.writeUIntLE(length, 1, 6);
  return bytes;
}

describe('the messages', () => {
  it('are a type, a length of six bytes in little-endian, and a value', () => {
    const bytes = createServerCodec().encode(textMessage('N', 'ñ3'));
    expect(bytes.toString('hex')).to.equal('4e' + '030000000000' + 'c3b133');
    expect(createServerCodec().encode(textMessage('A')).toString('hex')).to.equal('41' + '000000000000');
  });

  it('of a side are accepted by the other side only', () => {
    for (const [codec, accepted, refused] of [
      [createServerCodec(), 'NBFAD', 'OWREnbd\0 '],
      [createAgencyCodec(), 'OWRDE', 'NBFAoed\0 '],
    ] as const) {
      for (const type of accepted) expect(codec.frameLength(header(type, 5), 0)).to.equal(12);
      for (const type of refused) {
        expect(() => codec.frameLength(header(type, 5), 0), type)
          .to.throw()
          .with.property('code', 'UNKNOWN_TYPE');
      }
    }
  });

  it('have values of up to 8192 bytes, in both directions', () => {
    const codec = createServerCodec();
    expect(MSG_MAX_LENGTH).to.equal(8192);
    expect(codec.frameLength(header('B', 8192), 0)).to.equal(8199);
    for (const length of [8193, 2 ** 32, 2 ** 48 - 1]) {
      expect(() => codec.frameLength(header('B', length), 0))
        .to.throw()
        .with.property('code', 'FRAME_TOO_LONG');
    }
    expect(codec.encode(textMessage('B', 'x'.repeat(8192)))).to.have.length(8199);
    expect(() => codec.encode(textMessage('B', 'x'.repeat(8193))))
      .to.throw()
      .with.property('code', 'FRAME_TOO_LONG');
    expect(() => codec.encode(textMessage('B', 'é'.repeat(4097))))
      .to.throw()
      .with.property('code', 'FRAME_TOO_LONG');
  });
});
