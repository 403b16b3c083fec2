import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import {
  type DatabaseUrl,
  describeDatabase,
  parseDatabaseUrl,
} from '../../../../../../../apps/server/storage/postgres/database/database_url';
import { type TlsMode } from '../../../../../../../apps/server/storage/postgres/database/tls_modes';
import { SettingsError } from '../../../../../../../apps/runtime/settings';
import { tlsIdentity } from '../../../../../../support/tls_identity';

const OTHER_CERTIFICATE = join(__dirname, '../../../../../../support/certificates/client_other_ca.pem');

const PREFER: readonly TlsMode[] = [{ rejectUnauthorized: false }, false];

const DEFAULTS = {
  password: undefined,
  mustBeWritable: true,
  applicationName: 'lottery-server',
  connectTimeoutMs: 2000,
  tls: PREFER,
};

const a = { host: 'a', port: 5432 };
const b = { host: 'b', port: 5432 };

describe('the URL of the database', () => {
  const cases: [url: string, parsed: Partial<DatabaseUrl>][] = [
    ['postgresql://lottery@a/bets', { hosts: [a], user: 'lottery', database: 'bets' }],
    ['postgres://lottery@a/bets', { hosts: [a], user: 'lottery', database: 'bets' }],
    ['postgresql://lottery@a', { hosts: [a], user: 'lottery', database: 'lottery' }],
    ['postgresql://a/bets', { hosts: [a], user: userInfo().username, database: 'bets' }],
    ['postgresql://', { hosts: [{ host: '/var/run/postgresql', port: 5432 }], user: userInfo().username }],
    ['postgresql:///bets', { hosts: [{ host: '/var/run/postgresql', port: 5432 }], database: 'bets' }],
    [
      'postgresql://u@a:1,b:2,c/d',
      {
        hosts: [
          { host: 'a', port: 1 },
          { host: 'b', port: 2 },
          { host: 'c', port: 5432 },
        ],
      },
    ],
    ['postgresql://u@a,b/d', { hosts: [a, b] }],
    [
      'postgresql://u@[::1]:1,[2001:db8::2],127.0.0.1/d',
      {
        hosts: [
          { host: '::1', port: 1 },
          { host: '2001:db8::2', port: 5432 },
          { host: '127.0.0.1', port: 5432 },
        ],
      },
    ],
    ['postgresql://u@%2Ftmp%2Fa%20b:7/d', { hosts: [{ host: '/tmp/a b', port: 7 }] }],
    ['postgresql://u@/d?host=/tmp/sockets&port=7', { hosts: [{ host: '/tmp/sockets', port: 7 }], database: 'd' }],
    [
      'postgresql:///?host=a,b&port=1,2&user=u&dbname=d',
      {
        hosts: [
          { host: 'a', port: 1 },
          { host: 'b', port: 2 },
        ],
        user: 'u',
        database: 'd',
      },
    ],
    [
      'postgresql://x@y/z?host=a,b&port=6',
      {
        hosts: [
          { host: 'a', port: 6 },
          { host: 'b', port: 6 },
        ],
      },
    ],
    ['postgresql://u%40x:p%3A%40%2f%25@a/d%2Fe', { user: 'u@x', password: 'p:@/%', database: 'd/e' }],
    ['postgresql://u:pa?ss&=#@a/d', { user: 'u', password: 'pa?ss&=#', hosts: [a] }],
    ['postgresql://u:p:q@a/d', { password: 'p:q' }],
    ['postgresql://u:@a/d', { password: undefined }],
    ['postgresql://u:p@a/d?password=q&user=v', { password: 'q', user: 'v' }],
    ['postgresql://u@a/d?target_session_attrs=any', { mustBeWritable: false }],
    ['postgresql://u@a/d?target_session_attrs=read-write', { mustBeWritable: true }],
    ['postgresql://u@a/d?target_session_attrs=primary', { mustBeWritable: true }],
    ['postgresql://u@a/d?connect_timeout=5&application_name=x%20y', { connectTimeoutMs: 5000, applicationName: 'x y' }],
    ['postgresql://u@a/d?connect_timeout=0', { connectTimeoutMs: 2000 }],
    ['postgresql://u@a/d?sslmode=disable', { tls: [false] }],
    ['postgresql://u@a/d?sslmode=prefer', { tls: PREFER }],
    ['postgresql://u@a/d?sslmode=require', { tls: [{ rejectUnauthorized: false }] }],
    ['postgresql://u@a/d?sslmode=verify-full', { tls: [{}] }],
    ['postgresql://u@a/d?sslmode=verify-full&sslrootcert=system', { tls: [{}] }],
    ['  postgresql://u@a/d\n', { hosts: [a], user: 'u', database: 'd' }],
  ];
  for (const [url, parsed] of cases) {
    it(`${JSON.stringify(url)} is parsed`, () => {
      expect(parseDatabaseUrl(url)).to.deep.include(parsed);
    });
  }

  it('without parameters has the defaults', () => {
    expect(parseDatabaseUrl('postgresql://u@a/d')).to.deep.equal({ ...DEFAULTS, hosts: [a], user: 'u', database: 'd' });
  });

  const SECRET = 'Geheim1';
  const faults: [url: string, fault: string][] = [
    [`mysql://u:${SECRET}@a/d`, 'must begin with postgresql://'],
    [`u:${SECRET}@a/d`, 'must begin with postgresql://'],
    [`postgresql:/u:${SECRET}@a/d`, 'must begin with postgresql://'],
    [`postgresql://u:%zz${SECRET}@a/d`, 'has an invalid percent-encoding'],
    [`postgresql://u:${SECRET}%00@a/d`, 'must not hold the character NUL'],
    [`postgresql://u:${SECRET}@a:0/d`, 'must have ports from 1 to 65535'],
    [`postgresql://u:${SECRET}@a:65536/d`, 'must have ports from 1 to 65535'],
    [`postgresql://u:${SECRET}@a:x/d`, 'must have ports from 1 to 65535'],
    [`postgresql://u:${SECRET}@::1/d`, 'must have hosts as HOST, HOST:PORT or [IPV6]:PORT'],
    [`postgresql://u:${SECRET}@[::1/d`, 'must have hosts as HOST, HOST:PORT or [IPV6]:PORT'],
    [`postgresql://u:p@ss${SECRET}@a/d`, 'has a host with a character that no host name has'],
    [`postgresql://u:p ${SECRET}@ a/d`, 'has a host with a character that no host name has'],
    [`postgresql://u@a,b,c/d?port=1,2&password=${SECRET}`, 'must have one port, or one for each host'],
    // A slash in the password ends the authority, as in libpq: what follows is no parameter of libpq.
    [`postgresql://u:p/x?${SECRET}=1@a/d`, 'has a parameter that is none of host, port, dbname,'],
    [
      `postgresql://u:12/${SECRET}@a/d`,
      'must have the characters @ and / of a user, password or database as %40 and %2F',
    ],
    [`postgresql://u:x@a/d?${SECRET}=1`, 'has a parameter that is none of host, port, dbname,'],
    [`postgresql://u:x@a/d?${SECRET}`, 'has a parameter that is not NAME=VALUE'],
    [
      `postgresql://u:${SECRET}@a/d?target_session_attrs=standby`,
      'must have target_session_attrs=any, read-write or primary',
    ],
    [`postgresql://u:${SECRET}@a/d?connect_timeout=-1`, 'must have a connect_timeout of 0 to 3600 seconds'],
    [`postgresql://u:${SECRET}@a/d?connect_timeout=99999`, 'must have a connect_timeout of 0 to 3600 seconds'],
    [
      `postgresql://u:${SECRET}@a/d?sslmode=allow`,
      'must have sslmode=disable, prefer, require, verify-ca, verify-full',
    ],
    [`postgresql://u:${SECRET}@a/d?sslmode=verify-ca`, 'must have sslrootcert=FILE with sslmode=verify-ca'],
    [`postgresql://u:${SECRET}@a/d?sslrootcert=system`, 'must have sslmode=verify-full with sslrootcert=system'],
    [`postgresql://u:${SECRET}@a/d?sslcert=x`, 'must have sslcert and sslkey together'],
    [`postgresql://u:${SECRET}@a/d?sslrootcert=/${SECRET}`, 'has an sslrootcert that cannot be read (ENOENT)'],
  ];
  for (const [url, fault] of faults) {
    it(`${JSON.stringify(url)} is refused, and the error quotes nothing of it`, () => {
      const refused = expect(() => parseDatabaseUrl(url)).to.throw(SettingsError);
      refused.with
        .property('message')
        .that.satisfies((message: string) => message.startsWith(`SERVER_DATABASE_URL ${fault}`));
      refused.with.property('stack').that.does.not.include(SECRET);
    });
  }

  describe('with files for TLS', () => {
    let directory: string;

    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'tls-'));
      writeFileSync(join(directory, 'ca'), tlsIdentity.cert);
      writeFileSync(join(directory, 'cert'), tlsIdentity.cert);
      writeFileSync(join(directory, 'key'), tlsIdentity.key);
      writeFileSync(join(directory, 'text'), 'no certificate');
    });

    afterEach(() => rmSync(directory, { recursive: true }));

    const tlsOf = (query: string) => parseDatabaseUrl(`postgresql://u@a/d?${query.replaceAll('@', directory)}`).tls;

    it('checks the certificate, and with verify-full the name in it', () => {
      const ca = Buffer.from(tlsIdentity.cert);
      expect(tlsOf('sslmode=verify-full&sslrootcert=@/ca')).to.deep.equal([{ ca }]);
      for (const mode of ['verify-ca', 'require', 'prefer']) {
        const [options, ...others] = tlsOf(`sslmode=${mode}&sslrootcert=@/ca`);
        expect(others).to.deep.equal([]);
        expect(options).to.have.all.keys('ca', 'checkServerIdentity').and.deep.include({ ca });
      }
    });

    it('sends the certificate of the client', () => {
      const files = { cert: Buffer.from(tlsIdentity.cert), key: Buffer.from(tlsIdentity.key) };
      expect(tlsOf('sslmode=verify-full&sslcert=@/cert&sslkey=@/key')).to.deep.equal([files]);
      expect(tlsOf('sslmode=require&sslcert=@/cert&sslkey=@/key')).to.deep.equal([
        { ...files, rejectUnauthorized: false },
      ]);
    });

    it('refuses files that TLS cannot use, without their names', () => {
      const damaged = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
      writeFileSync(join(directory, 'damaged'), damaged);
      for (const ca of ['text', 'damaged']) {
        expect(() => tlsOf(`sslmode=verify-full&sslrootcert=@/${ca}`)).to.throw(
          SettingsError,
          /^SERVER_DATABASE_URL has an sslrootcert without a certificate in PEM\b(?!.*tls-)/,
        );
      }
      expect(() => tlsOf('sslcert=@/text&sslkey=@/key')).to.throw(
        SettingsError,
        /^SERVER_DATABASE_URL has an sslcert and an sslkey that cannot be used \(ERR_OSSL_PEM_NO_START_LINE\)(?!.*tls-)/,
      );
      writeFileSync(join(directory, 'other'), readFileSync(OTHER_CERTIFICATE));
      expect(() => tlsOf('sslcert=@/other&sslkey=@/key')).to.throw(SettingsError, /cannot be used \(ERR_OSSL_X509_/);
    });
  });

  it('is described by its hosts and the database', () => {
    const url = parseDatabaseUrl('postgresql://me:word@a:1,[::1]:2,%2Frun%2Fpg/bets');
    expect(describeDatabase(url)).to.equal('a:1,[::1]:2,/run/pg:5432/bets');
  });
});
