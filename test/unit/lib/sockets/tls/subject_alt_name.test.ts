import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { parseSubjectAltName } from '../../../../../lib/sockets/tls/subject_alt_name';
import { pem } from '../../../../support/certificates';

const NONE = { uri: [], dns: [], ip: [], email: [] };

describe('the names of a certificate', () => {
  function namesOf(certificate: string): unknown {
    return parseSubjectAltName(new X509Certificate(pem(certificate)).subjectAltName!);
  }

  it('are lists by kind, with addresses in the usual notation', () => {
    expect(namesOf('client')).to.deep.equal({
      uri: ['urn:lottery:agency:7'],
      dns: ['agency-7.example'],
      ip: ['192.0.2.7', '2001:db8::7'],
      email: ['seven@agency.example'],
    });
    expect(namesOf('server')).to.deep.equal({ ...NONE, dns: ['localhost'], ip: ['127.0.0.1', '::1'] });
  });

  it('are not split where a name contains a comma, and other kinds are left out', () => {
    expect(namesOf('client_hostile')).to.deep.equal({
      ...NONE,
      uri: ['urn:lottery:agency:7, URI:urn:lottery:agency:8'],
      dns: ['a.example", DNS:b.example'],
    });
  });

  it('are none for a text of another form', () => {
    for (const text of ['', 'URI', 'URI:a,URI:b', 'URI:a, b', 'URI:a"b', 'URI:"a', 'URI:"a"b']) {
      expect(parseSubjectAltName(text), text).to.deep.equal(NONE);
    }
  });

  it('are none where one name has a wrong form', () => {
    expect(parseSubjectAltName('URI:urn:lottery:agency:7, DNS:"x')).to.deep.equal(NONE);
  });
});
