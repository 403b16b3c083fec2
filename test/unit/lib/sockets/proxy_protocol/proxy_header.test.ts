import { expect } from 'chai';
import fc from 'fast-check';
import { MalformedHeader, readProxyHeader } from '../../../../../lib/sockets/proxy_protocol/proxy_header';
import { anyHeader, REFUSED_HEADERS, v1, v2 } from '../../../../support/proxy_headers';

describe('readProxyHeader', () => {
  it('gives length and source of any header, whatever follows it', () => {
    fc.assert(
      fc.property(anyHeader, fc.uint8Array({ maxLength: 50 }), ({ bytes, source }, rest) => {
        expect(readProxyHeader(Buffer.concat([bytes, rest]))).to.deep.equal({ length: bytes.length, source });
      }),
      { numRuns: 1000 },
    );
  });

  it('needs more bytes after every truncation', () => {
    fc.assert(
      fc.property(anyHeader, ({ bytes }) => {
        for (let length = 0; length < bytes.length; length++) {
          expect(readProxyHeader(bytes.subarray(0, length)), `${length} of ${bytes.length}`).to.equal(undefined);
        }
      }),
    );
  });

  it('takes the longest headers of both versions', () => {
    const line = `UNKNOWN ${'x'.repeat(91)}`;
    expect(readProxyHeader(v1(line))).to.deep.equal({ length: 107, source: undefined });
    expect(readProxyHeader(v2(0x20, 0, Buffer.alloc(4080)))).to.deep.equal({ length: 4096, source: undefined });
  });

  it('gives an IPv4-mapped client as Node does', () => {
    const bytes = v2(
      0x21,
      0x21,
      Buffer.concat([Buffer.from('00000000000000000000ffffc0000201', 'hex'), Buffer.alloc(20)]),
    );
    expect(readProxyHeader(bytes)!.source).to.deep.equal({ host: '::ffff:192.0.2.1', port: 0 });
  });

  for (const { name, bytes, problem } of REFUSED_HEADERS) {
    it(`refuses ${name}`, () => expect(() => readProxyHeader(bytes)).to.throw(MalformedHeader, problem));
  }

  it('refuses a v2 header over the limit from its first 16 bytes', () => {
    const bytes = v2(0x20, 0, Buffer.alloc(0xffff)).subarray(0, 16);
    expect(() => readProxyHeader(bytes)).to.throw(MalformedHeader, 'has 65551 bytes');
  });

  it('of any bytes, and of any change of a header, gives a result or a MalformedHeader', () => {
    const mutant = fc.tuple(anyHeader, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([{ bytes }, at, value]) => {
      const changed = Buffer.from(bytes);
      changed[at % changed.length] = value;
      return changed;
    });
    const any = fc.oneof(
      mutant,
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(any, (bytes) => {
        try {
          const header = readProxyHeader(bytes);
          if (header !== undefined) expect(header.length).to.be.at.most(bytes.length);
        } catch (error) {
          expect(error).to.be.instanceOf(MalformedHeader);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
