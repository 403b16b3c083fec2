import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'chai';
import { PeerCertificate } from '../../../../../lib/sockets/tls/peer_certificate';
import { pem } from '../../../../support/certificates';

const KEY = join(__dirname, '../../../../support/certificates/key.pem');

/** A certificate with this subject, in the notation of `openssl req -subj`. */
function certificateOf(subject: string): PeerCertificate {
  const args = ['req', '-x509', '-utf8', '-multivalue-rdn', '-key', KEY, '-config', '/dev/null', '-subj', subject];
  const text = execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return new PeerCertificate(new X509Certificate(text).raw);
}

describe('commonName of a certificate', () => {
  for (const [subject, expected] of [
    ['/C=AR/O=Lottery/CN=agency 7', 'agency 7'],
    ['/CN=ágéncia ✓', 'ágéncia ✓'],
    ['/O=Lottery', undefined],
    ['/', undefined],
    // Several names, in parts of their own and in one part.
    ['/CN=agency 7/CN=agency 8', undefined],
    ['/CN=agency 7/O=Lottery/CN=agency 7', undefined],
    ['/CN=agency 7+CN=agency 8', undefined],
    // Another part that looks like a name.
    ['/O=Lottery, CN=agency 7', undefined],
    ['/O=Lottery\nCN=agency 7', undefined],
    ['/O=x, CN=agency 7/CN=agency 8', 'agency 8'],
    ['/O=x\nCN=agency 7/CN=agency 8', 'agency 8'],
    ['/1.2.3.4=CN\\=agency 7/CN=agency 8', 'agency 8'],
    // A name that looks like several.
    ['/CN=agency 7, CN=agency 8', 'agency 7, CN=agency 8'],
    ['/CN=agency 7\nCN=agency 8', 'agency 7\nCN=agency 8'],
    ['/CN=agency 7\\+CN\\=agency 8', 'agency 7+CN=agency 8'],
    ['/CN="agency 7"', '"agency 7"'],
    ['/CN=__proto__/O=constructor', '__proto__'],
  ] as const) {
    it(`is ${JSON.stringify(expected)} for the subject ${JSON.stringify(subject)}`, () => {
      expect(certificateOf(subject).commonName).to.equal(expected);
    });
  }

  it('is the whole name of a certificate with hostile names', () => {
    expect(new PeerCertificate(new X509Certificate(pem('client_hostile')).raw).commonName).to.equal('a, CN=b');
  });
});
