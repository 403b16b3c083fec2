import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { DerError } from '../../../../../apps/server/transport/der_elements';
import { identityOf, parseRevocationList } from '../../../../../apps/server/transport/revocation_list';
import { CertificateAuthority, validFor } from '../../../../../tools/certificates/certificate_authority';

const VALIDITY = { notBefore: new Date('2026-01-02T03:04:05Z'), notAfter: new Date('2026-02-03T04:05:06Z') };

const bytesOf = (pem: string): Buffer => Buffer.from(pem.replaceAll(/-----[^-]+-----/g, ''), 'base64');
const pemOf = (bytes: Uint8Array): string =>
  `-----BEGIN X509 CRL-----\n${Buffer.from(bytes).toString('base64')}\n-----END X509 CRL-----\n`;

describe('a revocation list', () => {
  let authority: CertificateAuthority;
  let issuer: string;

  before(async () => {
    authority = await CertificateAuthority.create('test CA', validFor(10));
    const { certificate } = await authority.issue({ name: 'agency', names: [], role: 'client' }, validFor(1));
    ({ issuer } = identityOf(new X509Certificate(certificate).raw));
  });

  it('has its authority, its times and the serial numbers, of any length', async () => {
    const numbers = ['01', '7f', '80', 'ff', '0100', 'ff00', 'f'.repeat(40)];
    expect(parseRevocationList(await authority.revoke(numbers, VALIDITY))).to.deep.equal({
      issuer,
      thisUpdate: VALIDITY.notBefore,
      nextUpdate: VALIDITY.notAfter,
      serialNumbers: new Set(numbers.map((digits) => BigInt(`0x${digits}`))),
    });
  });

  it('may be empty, and may end in the second half of the century, whose times have four digits', async () => {
    const validity = { ...VALIDITY, notAfter: new Date('2051-02-03T04:05:06Z') };
    expect(parseRevocationList(await authority.revoke([], validity))).to.deep.equal({
      issuer,
      thisUpdate: VALIDITY.notBefore,
      nextUpdate: validity.notAfter,
      serialNumbers: new Set(),
    });
  });

  it('has hundreds of entries', async () => {
    const numbers = Array.from({ length: 500 }, (_, index) => (index + 1).toString(16).padStart(4, '0'));
    const { serialNumbers } = parseRevocationList(await authority.revoke(numbers, VALIDITY));
    expect(Array.from(serialNumbers)).to.deep.equal(numbers.map((digits) => BigInt(`0x${digits}`)));
  });

  it('is a DerError if it is cut off, at every byte before its signature', async () => {
    const bytes = bytesOf(await authority.revoke(['01'], VALIDITY));
    for (let length = 0; length < bytes.length; length++) {
      expect(() => parseRevocationList(pemOf(bytes.subarray(0, length))), String(length)).to.throw(DerError);
    }
  });

  it('is read, or is a DerError, whatever its bytes are', async () => {
    const bytes = bytesOf(await authority.revoke(['01', 'ff00'], VALIDITY));
    const changes = fc.array(fc.record({ at: fc.nat(bytes.length - 1), to: fc.nat(255) }), { maxLength: 5 });
    fc.assert(
      fc.property(changes, (all) => {
        const changed = Buffer.from(bytes);
        for (const { at, to } of all) changed[at] = to;
        try {
          parseRevocationList(pemOf(changed));
        } catch (error) {
          expect(error).to.be.instanceOf(DerError);
        }
      }),
    );
  });

  it('names the same authority and serial number as a certificate', async () => {
    const agency = await authority.issue({ name: 'agency', names: [], role: 'client' }, validFor(1));
    const other = await CertificateAuthority.create('other CA', validFor(10));
    const list = parseRevocationList(await authority.revoke([agency.serialNumber], VALIDITY));
    const { serialNumber } = identityOf(new X509Certificate(agency.certificate).raw);
    expect(Array.from(list.serialNumbers)).to.deep.equal([serialNumber]);
    expect(serialNumber).to.equal(BigInt(`0x${agency.serialNumber}`));
    expect(parseRevocationList(await other.revoke([], VALIDITY)).issuer).not.to.equal(issuer);
  });
});
