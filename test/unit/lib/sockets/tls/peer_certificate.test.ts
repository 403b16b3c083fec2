import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { PeerCertificate } from '../../../../../lib/sockets/tls/peer_certificate';
import { pem } from '../../../../support/certificates';
import { turns } from '../../../../support/turns';
import { usedMegabytes } from '../../../../torture/support/used_memory';

describe('PeerCertificate', () => {
  const certificate = new PeerCertificate(new X509Certificate(pem('client')).raw);

  it('parses once for several uses in a row', () => {
    expect(certificate.x509).to.equal(certificate.x509);
  });

  it('keeps nothing of the parsed certificate in memory, and can be used again', async () => {
    const names = new WeakRef(certificate.subjectAltName);
    const parsed = new WeakRef(certificate.x509);
    // The target of a WeakRef lives to the end of its turn.
    await turns(2);
    usedMegabytes();
    await turns(2);
    usedMegabytes();
    expect(parsed.deref()).to.equal(undefined);
    expect(names.deref()).to.equal(undefined);
    expect(certificate.subjectAltName.uri).to.deep.equal(['urn:lottery:agency:7']);
  });
});
