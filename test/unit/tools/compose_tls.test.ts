import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { composeFile, ComposeFileError, secretFiles } from '../../../tools/compose_file';
import { copySecretFiles } from '../../../tools/secret_files';

const REPOSITORY = join(__dirname, '../../..');
const TEMPLATE = readFileSync(join(REPOSITORY, 'docker-compose.template.yaml'), 'utf8');
const SECTIONS = /\nx-servers:\n(?:.*\n)*\nx-tls:\n(?:.*\n)*\nx-servers-tls:\n(?:.*\n)*$/;

interface Service {
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets?: Readonly<Record<string, unknown>>;
  readonly configs?: { readonly prometheus: { readonly file: string; readonly 'x-content': string } };
}

const composed = (clients: number, options: Parameters<typeof composeFile>[2]) =>
  parse(composeFile(TEMPLATE, clients, options), { merge: true }) as Compose;

const copy = (name: string) => ({
  file: `./.secrets/certificates/${name}`,
  'x-copy-of': `./.data/certificates/${name}`,
});

const SERVER_SECRETS = ['server_certificate', 'server_key', 'ca', 'crl'];
const SERVER_TLS = {
  SERVER_TLS: 'on',
  SERVER_TLS_CERT_FILE: '/run/secrets/server_certificate',
  SERVER_TLS_KEY_FILE: '/run/secrets/server_key',
  SERVER_TLS_CLIENT_CA_FILE: '/run/secrets/ca',
  SERVER_TLS_CRL_FILE: '/run/secrets/crl',
  SERVER_STATUS_TLS: 'on',
};
const SECRETS_OF_TWO = {
  ca: copy('ca.pem'),
  crl: copy('crl.pem'),
  server_certificate: copy('server.pem'),
  server_key: copy('server.key.pem'),
  agency1_certificate: copy('agency-1.pem'),
  agency1_key: copy('agency-1.key.pem'),
  agency2_certificate: copy('agency-2.pem'),
  agency2_key: copy('agency-2.key.pem'),
};

const isPassword = (secret: string): boolean => secret.endsWith('_password');

interface Settings {
  readonly scrape_configs: readonly object[];
}

/** The entries of a mapping that fulfil a condition; undefined without any. */
function entriesOf<Value>(map: Readonly<Record<string, Value>> = {}, keep: (key: string) => boolean) {
  const kept = Object.entries(map).filter(([key]) => keep(key));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

/** A compose file without the part of TLS, Prometheus and absent entries. */
function withoutTls(compose: Compose): unknown {
  const compared = Object.entries(compose.services).filter(([name]) => name !== 'prometheus');
  const plain = compared.map(([name, { environment, secrets, ...service }]) => {
    const variables = entriesOf(environment, (variable) => !/^(SERVER|CLI)(_STATUS)?_TLS/.test(variable));
    const passwords = secrets?.filter(isPassword) ?? [];
    return [name, { ...service, environment: variables, secrets: passwords.length === 0 ? undefined : passwords }];
  });
  const services = Object.fromEntries(plain) as unknown;
  const secrets = entriesOf(compose.secrets, isPassword);
  return JSON.parse(JSON.stringify({ ...compose, services, secrets, configs: undefined }));
}

describe('the compose file without --tls', () => {
  it('is the text of the template without its sections for several servers and for TLS', () => {
    const base = TEMPLATE.replace(SECTIONS, '\n');
    expect(base).not.to.match(/x-tls|certificat|SERVER_TLS|CLI_TLS/i);
    for (const clients of [0, 1, 5]) {
      expect(composeFile(TEMPLATE, clients)).to.equal(composeFile(base, clients));
      expect(composeFile(TEMPLATE, clients, { tls: false })).to.equal(composeFile(base, clients));
    }
  });

  it('has nothing of TLS with several servers', () => {
    const base = TEMPLATE.slice(0, TEMPLATE.indexOf('\nx-tls:\n') + 1);
    expect(composeFile(TEMPLATE, 3, { servers: 2 })).to.equal(composeFile(base, 3, { servers: 2 }));
    expect(composeFile(TEMPLATE, 3, { servers: 2 })).not.to.match(/TLS|certificat/);
  });
});

for (const [title, servers, names, passwords] of [
  ['one server', undefined, ['server'], []],
  ['several servers', 2, ['server1', 'server2'], ['server_password']],
] as const) {
  describe(`the compose file of ${title} with --tls`, () => {
    const { services, secrets, configs } = composed(2, { servers, tls: true });

    it('has the certificate, the key, the authority and the revocation list at each server', () => {
      for (const name of names) {
        const { environment, secrets: own } = services[name]!;
        expect(own, name).to.deep.equal([...passwords, ...SERVER_SECRETS]);
        expect(environment, name).to.deep.include(SERVER_TLS);
      }
    });

    it('has its own key at each client, and no other key', () => {
      for (const id of [1, 2]) {
        expect(services[`client${id}`]).to.deep.include({
          environment: {
            CLI_ID: String(id),
            CLI_TLS: 'on',
            CLI_TLS_CA_FILE: '/run/secrets/ca',
            CLI_TLS_CERT_FILE: `/run/secrets/agency${id}_certificate`,
            CLI_TLS_KEY_FILE: `/run/secrets/agency${id}_key`,
          },
          secrets: [`agency${id}_certificate`, `agency${id}_key`, 'ca'],
        });
      }
    });

    it('has copies of the files of make certificates, without the key of the authority', () => {
      expect(secrets).to.deep.include(SECRETS_OF_TWO);
      const others = Object.keys(secrets!).filter((name) => !(name in SECRETS_OF_TWO));
      const stores = servers === undefined ? [] : ['postgres_password', 'owner_password', 'server_password'];
      expect(others).to.deep.equal(stores);
      expect(composeFile(TEMPLATE, 2, { servers, tls: true })).not.to.include('ca.key');
    });

    it('has nothing else than the file without it', () => {
      const plain = composed(2, { servers });
      expect(withoutTls(composed(2, { servers, tls: true }))).to.deep.equal(withoutTls(plain));
      expect(composeFile(TEMPLATE, 2, { servers, tls: true })).not.to.match(/x-tls|x-servers|\{(id|server)\}/);
    });

    it('has a Prometheus with https and the authority, whose other settings are those of the file', () => {
      const { prometheus } = services as unknown as Record<string, Record<string, unknown>>;
      expect(prometheus).to.deep.include({
        configs: [{ source: 'prometheus', target: '/etc/prometheus/prometheus.yml' }],
        secrets: ['ca'],
      });
      expect(prometheus).not.to.have.property('volumes');
      const settings = parse(readFileSync(join(REPOSITORY, 'monitoring/prometheus.yml'), 'utf8')) as Settings;
      const [job] = settings.scrape_configs;
      const targets = names.map((name) => `${name}:8080`);
      const own = { scheme: 'https', tls_config: { ca_file: '/run/secrets/ca' }, static_configs: [{ targets }] };
      const expected = { ...settings, scrape_configs: [{ ...job, ...own }] };
      expect(parse(configs!.prometheus['x-content'])).to.deep.equal(expected);
      expect(configs!.prometheus.file).to.equal('./.data/prometheus.yml');
    });

    it('has no file of an agency without clients', () => {
      const { secrets: few } = composed(0, { servers, tls: true });
      expect(Object.keys(few!).filter((name) => name.startsWith('agency'))).to.deep.equal([]);
      expect(few).to.have.property('server_key');
    });
  });
}

describe('a template without the section of TLS', () => {
  it('is refused', () => {
    const base = TEMPLATE.replace(SECTIONS, '\n');
    expect(() => composeFile(base, 2, { tls: true })).to.throw(ComposeFileError, /^the template has no "x-tls"$/);
  });
});

describe('the program generate_compose.ts with --tls', function () {
  this.timeout(60_000);
  let directory: string;

  const path = (name: string): string => join(directory, name);
  const modeOf = (name: string): string => (statSync(path(name)).mode & 0o777).toString(8);
  const filesOf = (agencies: number): string[] => [
    ...['ca.pem', 'crl.pem', 'server.pem', 'server.key.pem'],
    ...Array.from({ length: agencies }, (_, index) => [
      `agency-${index + 1}.pem`,
      `agency-${index + 1}.key.pem`,
    ]).flat(),
  ];

  /** Files in place of those of make certificates, each with its own name as its content. */
  function writeCertificates(agencies: number): void {
    mkdirSync(path('.data/certificates'), { recursive: true, mode: 0o700 });
    for (const file of ['ca.key.pem', ...filesOf(agencies)]) {
      writeFileSync(path(`.data/certificates/${file}`), file, { mode: 0o600 });
    }
  }

  function run(...args: string[]) {
    const program = ['-r', require.resolve('tsx/cjs'), join(REPOSITORY, 'generate_compose.ts')];
    const { status, stdout, stderr } = spawnSync(process.execPath, [...program, ...args], {
      cwd: directory,
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  }

  const refusal = (message: string) => ({ status: 2, stdout: '', stderr: `generate_compose: ${message}\n` });

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'generate-compose-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('copies the files, readable in the containers, and by no other user of this machine', () => {
    writeCertificates(3);
    expect(run('2', '--tls', '-o', 'out.yaml')).to.deep.equal({
      status: 0,
      stdout:
        'out.yaml: the server, the echo service and 2 clients, by TLS\ncopied 8 files with certificates and keys\n',
      stderr: '',
    });
    expect(readFileSync(path('out.yaml'), 'utf8')).to.equal(composeFile(TEMPLATE, 2, { tls: true }));
    expect([modeOf('.secrets'), modeOf('.secrets/certificates')]).to.deep.equal(['700', '700']);
    expect(readdirSync(path('.secrets'))).to.deep.equal(['certificates']);
    expect(readdirSync(path('.secrets/certificates'))).to.have.members(filesOf(2));
    for (const file of filesOf(2)) {
      expect(readFileSync(path(`.secrets/certificates/${file}`), 'utf8')).to.equal(file);
      expect(modeOf(`.secrets/certificates/${file}`), file).to.equal('644');
      expect(modeOf(`.data/certificates/${file}`), file).to.equal('600');
    }
    for (const { file, copyOf } of secretFiles(readFileSync(path('out.yaml'), 'utf8'))) {
      expect(readFileSync(path(file), 'utf8')).to.equal(readFileSync(path(copyOf!), 'utf8'));
    }
  });

  it('makes the passwords of several servers beside them', () => {
    writeCertificates(1);
    expect(run('1', '--servers', '3', '--tls').stdout).to.equal(
      'docker-compose-dev.yaml: 3 servers on PostgreSQL, the echo service and 1 client, by TLS\n' +
        'copied 6 files with certificates and keys\nmade 3 passwords for the database\n',
    );
    const passwords = ['owner_password', 'postgres_password', 'server_password'];
    expect(readdirSync(path('.secrets'))).to.have.members([...passwords, 'certificates']);
  });

  it('renews a copy in place, because a container has the file itself mounted', () => {
    writeCertificates(1);
    run('1', '--tls');
    const inode = statSync(path('.secrets/certificates/crl.pem')).ino;
    writeFileSync(path('.data/certificates/crl.pem'), 'revoked');
    expect(run('1', '--tls').stdout).to.include('copied 1 file with certificates and keys\n');
    expect(readFileSync(path('.secrets/certificates/crl.pem'), 'utf8')).to.equal('revoked');
    expect(statSync(path('.secrets/certificates/crl.pem')).ino).to.equal(inode);
    expect(run('1', '--tls').stdout).not.to.include('copied');
  });

  it('makes readable copies under any umask', () => {
    writeCertificates(1);
    const before = process.umask(0o077);
    try {
      const file = path('.secrets/certificates/ca.pem');
      expect(copySecretFiles([{ file, copyOf: path('.data/certificates/ca.pem') }], 1)).to.equal(1);
    } finally {
      process.umask(before);
    }
    expect(modeOf('.secrets/certificates/ca.pem')).to.equal('644');
  });

  it('refuses missing certificates, and those of fewer agencies, and writes nothing', () => {
    const make = (agencies: number) => `make certificates AGENCIES=${agencies} DIR=.data/certificates`;
    expect(run('2', '--tls')).to.deep.equal(refusal(`there are no certificates in .data/certificates: ${make(2)}`));
    expect(run('0', '--tls')).to.deep.equal(refusal(`there are no certificates in .data/certificates: ${make(1)}`));
    writeCertificates(2);
    expect(run('10', '--tls')).to.deep.equal(
      refusal(
        '.data/certificates has no agency-3.pem, which --tls needs: ' +
          `for new certificates, remove the directory, then ${make(10)}`,
      ),
    );
    expect(readdirSync(directory)).to.deep.equal(['.data']);
  });

  it('refuses to write over a certificate and its copy', () => {
    writeCertificates(1);
    const template = path('template.yaml');
    writeFileSync(template, TEMPLATE);
    run('1', '--tls');
    for (const file of ['.data/certificates/server.pem', '.secrets/certificates/server.key.pem']) {
      const before = readFileSync(path(file), 'utf8');
      expect(run('1', '--tls', '-t', 'template.yaml', '-o', file)).to.deep.equal(
        refusal(`${file} is ./${file}, a file mounted in a container: write to another file`),
      );
      expect(readFileSync(path(file), 'utf8')).to.equal(before);
    }
  });
});
