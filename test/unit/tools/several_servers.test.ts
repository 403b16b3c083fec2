import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { composeFile, ComposeFileError, parseServerCount, secretFiles } from '../../../tools/compose_file';
import { MAX_SERVERS } from '../../../tools/max_servers';

const REPOSITORY = join(__dirname, '../../..');
const TEMPLATE = readFileSync(join(REPOSITORY, 'docker-compose.template.yaml'), 'utf8');
const SECTION = '\nx-servers:\n';

interface Compose {
  readonly services: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly networks: Readonly<Record<string, unknown>>;
  readonly volumes: unknown;
  readonly secrets?: Readonly<Record<string, { readonly file: string }>>;
  readonly configs?: { readonly prometheus: { readonly file: string; readonly 'x-content': string } };
}

const composed = (clients: number, servers?: number) =>
  parse(composeFile(TEMPLATE, clients, { servers }), { merge: true }) as Compose;

/** The section of limits that every service has. */
const { 'x-hardened': HARDENED } = parse(TEMPLATE) as { 'x-hardened': Readonly<Record<string, unknown>> };

const bind = (source: string, target: string) => ({
  type: 'bind',
  source,
  target,
  read_only: true,
  bind: { create_host_path: false },
});

/** The networks of a service by name; a list has no further settings. */
const asRecord = (networks: unknown): object =>
  Array.isArray(networks)
    ? Object.fromEntries((networks as string[]).map((name) => [name, null]))
    : (networks as object);

const SERVER_INI = bind('./config/server.ini', '/app/config/server.ini');

describe('the compose file without --servers', () => {
  const [base, section] = TEMPLATE.split(SECTION) as [string, string];

  it('is the text of the template without its section for several servers', () => {
    expect(section).to.match(/^ {2}services:\n {4}server:$/m);
    expect(base).not.to.match(/x-servers|\{server\}|postgres/i);
    const expected = base.replace('{agencies}', '1').replace('\n  client:\n', '\n  client1:\n').replaceAll('{id}', '1');
    expect(composeFile(TEMPLATE, 1)).to.equal(expected);
    expect(composeFile(TEMPLATE, 250)).to.equal(composeFile(base, 250));
  });

  it('has one server with its own files', () => {
    const { services, volumes, secrets, configs } = composed(2);
    expect(services['server']).to.deep.equal({
      ...HARDENED,
      container_name: 'server',
      image: 'server:latest',
      pull_policy: 'never',
      environment: {
        SERVER_AGENCIES: '2',
        SERVER_STATUS_PORT: '8080',
        SERVER_STATUS_IP: 'server-status',
        SERVER_STATUS_HOSTS: 'server',
      },
      ports: ['127.0.0.1:${STATUS_PORT:-}:8080'],
      volumes: [SERVER_INI, { type: 'volume', source: 'server_data', target: '/app/data' }],
      networks: { testing_net: null, status_net: { aliases: ['server-status'] } },
      mem_limit: '1g',
      ulimits: { nofile: 16384 },
      restart: 'on-failure:5',
    });
    expect(services['client2']).to.deep.include({ depends_on: { server: { condition: 'service_healthy' } } });
    expect({ volumes, secrets, configs }).to.deep.equal({
      volumes: { server_data: null },
      secrets: undefined,
      configs: undefined,
    });
  });
});

describe('the compose file of several servers', () => {
  const { services, networks, volumes, secrets, configs } = composed(2, 3);
  const single = composed(2).services;

  it('has the servers in place of the one, and the database', () => {
    expect(Object.keys(services)).to.deep.equal([
      ...['server1', 'server2', 'server3', 'echo', 'client1', 'client2'],
      ...['prometheus', 'grafana', 'postgres', 'migrate'],
    ]);
    for (const [name, { container_name }] of Object.entries(services)) expect(container_name).to.equal(name);
    expect(volumes).to.deep.equal({
      postgres_data: {},
      postgres_run: { driver_opts: { type: 'tmpfs', device: 'tmpfs', o: 'mode=1777,size=1m' } },
    });
  });

  it('has servers on one database, under one name for the clients', () => {
    expect(services['server2']).to.deep.equal({
      ...single['server'],
      container_name: 'server2',
      environment: {
        ...(single['server']!['environment'] as object),
        SERVER_STATUS_IP: 'server2-status',
        SERVER_STATUS_HOSTS: 'server2',
        SERVER_NAME: 'server2',
        SERVER_STORE: 'postgres',
        SERVER_DATABASE_URL: 'postgresql://lottery_server@postgres/lottery',
        SERVER_DATABASE_PASSWORD_FILE: '/run/secrets/server_password',
      },
      secrets: ['server_password'],
      ports: ['127.0.0.1:${STATUS_PORT2:-}:8080'],
      volumes: [SERVER_INI],
      networks: {
        testing_net: { aliases: ['server'] },
        status_net: { aliases: ['server2-status'] },
        store_net: {},
      },
      depends_on: { migrate: { condition: 'service_completed_successfully' } },
    });
  });

  it('has servers that differ only in their number', () => {
    const renumbered = JSON.stringify(services['server1']).replaceAll(/server1|STATUS_PORT1/g, (text) =>
      text.replace('1', '3'),
    );
    expect(JSON.parse(renumbered)).to.deep.equal(services['server3']);
  });

  it('has clients that wait for every server, and are otherwise the same', () => {
    const healthy = { condition: 'service_healthy' };
    expect(services['client1']).to.deep.equal({
      ...single['client1'],
      depends_on: { server1: healthy, server2: healthy, server3: healthy },
    });
    expect(services['echo']).to.deep.equal(single['echo']);
  });

  it('has the schema made by another role than that of the servers, once the database is ready', () => {
    expect(services['migrate']).to.deep.include({
      image: 'server:latest',
      entrypoint: ['node', 'migrate.js'],
      environment: {
        SERVER_DATABASE_URL: 'postgresql://lottery_owner@postgres/lottery',
        SERVER_DATABASE_PASSWORD_FILE: '/run/secrets/owner_password',
      },
      secrets: ['owner_password'],
      depends_on: { postgres: { condition: 'service_healthy' } },
      restart: 'no',
    });
  });

  it('has the official image of PostgreSQL, with a volume, and no port of this machine', () => {
    const postgres = services['postgres']!;
    expect(postgres).to.deep.include({
      image: 'postgres:17',
      environment: { POSTGRES_DB: 'lottery', POSTGRES_PASSWORD_FILE: '/run/secrets/postgres_password' },
      volumes: [
        bind('./config/postgres/roles.sql', '/docker-entrypoint-initdb.d/roles.sql'),
        { type: 'volume', source: 'postgres_data', target: '/var/lib/postgresql/data' },
        { type: 'volume', source: 'postgres_run', target: '/var/run/postgresql' },
      ],
    });
    expect(postgres).not.to.have.property('ports');
    expect((postgres['healthcheck'] as { test: string[] }).test.slice(0, 3)).to.deep.equal([
      ...['CMD', 'pg_isready', '--host=127.0.0.1'],
    ]);
  });

  it('has its database in a network without a way out, with the servers and the migration', () => {
    expect(networks['store_net']).to.deep.equal({ internal: true });
    const members = Object.entries(services).filter(([, { networks: joined }]) => 'store_net' in asRecord(joined));
    expect(members.map(([name]) => name)).to.have.members([
      ...['server1', 'server2', 'server3', 'postgres', 'migrate'],
    ]);
    for (const name of ['postgres', 'migrate']) expect(services[name]!['networks'], name).to.deep.equal(['store_net']);
  });

  it('has the passwords in files that git ignores', () => {
    expect(secrets).to.deep.equal({
      postgres_password: { file: './.secrets/postgres_password' },
      owner_password: { file: './.secrets/owner_password' },
      server_password: { file: './.secrets/server_password' },
    });
    expect(secretFiles(composeFile(TEMPLATE, 2, { servers: 3 }))).to.deep.equal(
      Object.values(secrets!).map(({ file }) => ({ file, copyOf: undefined })),
    );
    expect(secretFiles(composeFile(TEMPLATE, 2))).to.deep.equal([]);
    expect(readFileSync(join(REPOSITORY, '.gitignore'), 'utf8').split('\n')).to.include('.secrets/');
  });

  it('has every server among the targets of Prometheus, whose other settings are those of the file', () => {
    expect(services['prometheus']).to.deep.include({
      configs: [{ source: 'prometheus', target: '/etc/prometheus/prometheus.yml' }],
    });
    expect(services['prometheus']).not.to.have.property('volumes');
    const settings = readFileSync(join(REPOSITORY, 'monitoring/prometheus.yml'), 'utf8');
    const expected = settings.replace("'server:8080'", "'server1:8080', 'server2:8080', 'server3:8080'");
    expect(parse(configs!.prometheus['x-content'])).to.deep.equal(parse(expected));
  });

  it('has comments at the first server alone', () => {
    const text = composeFile(TEMPLATE, 2, { servers: 3 });
    const [first, second] = [text.indexOf('\n  server1:'), text.indexOf('\n  server2:')];
    expect(text.slice(first, second)).to.include('# The name of this server on the status pages.');
    expect(text.slice(second, text.indexOf('\n  echo:'))).not.to.include('#');
    expect(text).not.to.match(/x-servers|\{server\}/);
  });

  it('has one server as well as many', () => {
    expect(Object.keys(composed(0, 1).services))
      .to.include('server1')
      .and.not.include('server');
    const names = Object.keys(composed(1, MAX_SERVERS).services).filter((name) => /^server/.test(name));
    expect(names).to.have.length(MAX_SERVERS);
  });

  it('is refused for more clients and servers than the network has addresses', () => {
    expect(() => composeFile(TEMPLATE, 248, { servers: 3 })).not.to.throw();
    expect(() => composeFile(TEMPLATE, 249, { servers: 3 })).to.throw(
      ComposeFileError,
      /^249 clients and 3 servers are too many: the network has addresses for 251 of both together$/,
    );
  });

  it('is refused for a template without a section or a number for them', () => {
    const [base] = TEMPLATE.split(SECTION);
    expect(() => composeFile(base!, 2, { servers: 3 })).to.throw(ComposeFileError, /^the template has no "x-servers"$/);
    const numberless = `${base}\nx-servers:\n  services:\n    server:\n      image: x\n`;
    expect(() => composeFile(numberless, 2, { servers: 3 })).to.throw(
      ComposeFileError,
      /"server" has no placeholder \{server\}$/,
    );
  });
});

describe('the number of servers on the command line', () => {
  it('may be 1 to the greatest', () => {
    expect([parseServerCount('1'), parseServerCount(String(MAX_SERVERS))]).to.deep.equal([1, MAX_SERVERS]);
  });

  for (const text of ['0', '', '-1', '1.5', '1e1', '03', 'x', String(MAX_SERVERS + 1)]) {
    it(`may not be "${text}"`, () => {
      expect(() => parseServerCount(text)).to.throw(
        ComposeFileError,
        `the number of servers must be a whole number from 1 to ${MAX_SERVERS}, not "${text}"`,
      );
    });
  }
});
