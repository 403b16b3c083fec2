import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { AcceptedCertificates } from '../../../../../apps/server/transport/accepted_certificates';
import { parseRevocationList, type RevocationList } from '../../../../../apps/server/transport/revocation_list';
import { CertificateAuthority, type Identity, validFor } from '../../../../../tools/certificates/certificate_authority';

const REVOKED = 'certificate-revoked';
const REMOVED = 'certificate-unknown-authority';

describe('the certificates that the present files accept', () => {
  let first: CertificateAuthority;
  let second: CertificateAuthority;
  let one: Identity;
  let two: Identity;

  before(async () => {
    // They have the same name and differ in the key.
    first = await CertificateAuthority.create('test CA', validFor(10));
    second = await CertificateAuthority.create('test CA', validFor(10));
    one = await first.issue({ name: 'agency', names: [], role: 'client' }, validFor(1));
    two = await second.issue({ name: 'agency', names: [], role: 'client' }, validFor(1));
  });

  const certificates = (...authorities: CertificateAuthority[]): X509Certificate[] =>
    authorities.map(({ certificate }) => new X509Certificate(certificate));

  const listOf = async (authority: CertificateAuthority, ...identities: Identity[]): Promise<RevocationList> =>
    parseRevocationList(
      await authority.revoke(
        identities.map(({ serialNumber }) => serialNumber),
        validFor(1),
      ),
    );

  /** The faults of the certificates of both authorities. */
  const faults = (accepted: AcceptedCertificates): (string | undefined)[] =>
    [one, two].map(({ certificate }) => {
      const x509 = new X509Certificate(certificate);
      return accepted.refusalOf({ x509, raw: x509.raw })?.fault;
    });

  it('are all that have passed the handshake, without a change', async () => {
    expect(faults(new AcceptedCertificates(certificates(first, second), []))).to.deep.equal([undefined, undefined]);
    // The handshake has decided on an authority that was never in a file.
    expect(faults(new AcceptedCertificates(certificates(first), []))).to.deep.equal([undefined, undefined]);
  });

  it('are not those in a revocation list', async () => {
    const lists = [await listOf(second), await listOf(first, one)];
    expect(faults(new AcceptedCertificates(certificates(first, second), lists))).to.deep.equal([REVOKED, undefined]);
  });

  it('are those with the serial number of a certificate that another authority has revoked', async () => {
    const other = await CertificateAuthority.create('other CA', validFor(10));
    const accepted = new AcceptedCertificates(certificates(first, second), [await listOf(other, one, two)]);
    expect(faults(accepted)).to.deep.equal([undefined, undefined]);
  });

  it('are not those of an authority that was taken out, by this change or an earlier one', async () => {
    const both = new AcceptedCertificates(certificates(first, second), []);
    const without = new AcceptedCertificates(certificates(second), [], both);
    expect(faults(without)).to.deep.equal([REMOVED, undefined]);
    const later = new AcceptedCertificates(certificates(second), [], without);
    expect(faults(later)).to.deep.equal([REMOVED, undefined]);
    const back = new AcceptedCertificates(certificates(first, second), [], later);
    expect(faults(back)).to.deep.equal([undefined, undefined]);
  });
});
