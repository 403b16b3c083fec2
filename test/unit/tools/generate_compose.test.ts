import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';

import {
  composeFile,
  ComposeFileError,
  MAX_CLIENTS,
  mountedFiles,
  parseClientCount,
} from '../../../tools/compose_file';

const REPOSITORY = join(__dirname, '../../..');

/** `npx ts-node`, which the README gives, and a loader that takes a tenth of its start: one case uses the first. */
const TS_NODE = [require.resolve('ts-node/dist/bin.js')];
const TSX = ['-r', require.resolve('tsx/cjs')];

const TEMPLATE = `# head
name: tp0
services:
  # one server
  server:
    image: server:latest # built here
    environment:
      SERVER_AGENCIES: '{agencies}'
  # a pattern
  client:
    container_name: client{id}
    environment:
      - CLI_ID={id}
    volumes:
      # its bets
      - ./.data/agency-{id}.csv:/app/.data/agency-{id}.csv:ro
networks:
  testing_net:
`;

interface Compose {
  name: string;
  services: Record<string, { environment?: Record<string, string> | string[]; [key: string]: unknown }>;
}

const composed = (clients: number, template = TEMPLATE) => parse(composeFile(template, clients)) as Compose;

describe('a compose file made from its template', () => {
  it('has as many clients as asked for, in order, where the pattern was', () => {
    expect(Object.keys(composed(3).services)).to.deep.equal(['server', 'client1', 'client2', 'client3']);
  });

  it('has clients that differ in their id alone', () => {
    const { client1, client2 } = composed(2).services;
    const renumbered = JSON.stringify(client1).replace(/client1|CLI_ID=1|agency-1/g, (text) => text.replace('1', '2'));
    expect(JSON.parse(renumbered)).to.deep.equal(client2);
    expect(client2).to.deep.equal({
      container_name: 'client2',
      environment: ['CLI_ID=2'],
      volumes: ['./.data/agency-2.csv:/app/.data/agency-2.csv:ro'],
    });
  });

  it('has a server that expects as many agencies as there are clients', () => {
    expect(composed(7).services.server!.environment).to.deep.equal({ SERVER_AGENCIES: '7' });
  });

  it('leaves the number of agencies to the ini file when there are no clients', () => {
    expect(composed(0).services).to.deep.equal({ server: { image: 'server:latest' } });
    const list = TEMPLATE.replace("SERVER_AGENCIES: '{agencies}'", '- SERVER_AGENCIES={agencies}\n      - TZ=UTC');
    expect(composed(0, list).services.server!.environment).to.deep.equal(['TZ=UTC']);
  });

  it("keeps the template's comments and order, and says those of the pattern once", () => {
    const text = composeFile(TEMPLATE, 2);
    const first = text.slice(0, text.indexOf('  client2:'));
    expect(first).to.equal(
      TEMPLATE.slice(0, TEMPLATE.indexOf('networks:'))
        .replace('{agencies}', '2')
        .replace('client:', 'client1:')
        .replaceAll('{id}', '1'),
    );
    expect(text.slice(first.length)).not.to.include('#');
    expect(text).to.match(/networks:\n {2}testing_net:\n$/);
  });

  it('can be made for the most clients that the network has room for', () => {
    const { services } = composed(MAX_CLIENTS);
    expect(Object.keys(services)).to.have.length(MAX_CLIENTS + 1);
    expect(services.server!.environment).to.deep.equal({ SERVER_AGENCIES: String(MAX_CLIENTS) });
  });

  const unusable: [what: string, template: string, message: RegExp][] = [
    ['is not YAML', 'a: [', /^the template is not YAML: /],
    ['is two documents', 'a: 1\n---\nb: 2\n', /^the template is not YAML: /],
    ['is empty', '', /^the template has no "services"$/],
    ['is a list', '- services\n', /^the template has no "services"$/],
    ['has no server', 'services:\n  client:\n    a: b\n', /^the template has no "server"$/],
    ['has no client', "services:\n  server:\n    a: '{agencies}'\n", /^the template has no "client"$/],
    [
      'has a client that is no map',
      TEMPLATE.replace(/ {2}client:[^]*/, '  client: 1\n'),
      /^the template has no "client"$/,
    ],
    ['does not say where the id goes', TEMPLATE.replaceAll('{id}', '1'), /"client" says nowhere \{id\}$/],
    ['does not say where the agencies go', TEMPLATE.replace('{agencies}', '5'), /"server" says nowhere \{agencies\}$/],
    [
      'has a client1 of its own',
      TEMPLATE.replace('services:', 'services:\n  client1:\n    image: x'),
      /"client1" of its own$/,
    ],
  ];
  for (const [what, template, message] of unusable) {
    it(`is refused when the template ${what}`, () => {
      expect(() => composeFile(template, 2)).to.throw(ComposeFileError, message);
      expect(() => composeFile(template, 2)).not.to.throw(/\n/);
    });
  }
});

describe('the files that a compose file mounts', () => {
  it('are its bind mounts, in the long and in the short syntax, without volumes of a name', () => {
    const volumes = [
      '{type: bind, source: ./a.ini, target: /a, bind: {create_host_path: false}}',
      '{type: volume, source: data, target: /data}',
      '{type: tmpfs, target: /tmp}',
      './b.csv:/b:ro',
      '/c/d:/d',
      '../e:/e',
      'data:/data',
      '/anonymous',
    ];
    const services = `services:\n  x:\n    volumes:\n${volumes.map((text) => `      - ${text}\n`).join('')}  y:\n    image: z\n  empty:\n`;
    expect(mountedFiles(services)).to.deep.equal(['./a.ini', './b.csv', '/c/d', '../e']);
  });
});

describe('the number of clients as it was typed', () => {
  for (const [text, count] of Object.entries({ '0': 0, '1': 1, '10': 10, [String(MAX_CLIENTS)]: MAX_CLIENTS })) {
    it(`may be ${text}`, () => expect(parseClientCount(text)).to.equal(count));
  }

  const unusable = [
    '',
    ' ',
    '-1',
    '2.5',
    '3.0',
    '1e1',
    '0x5',
    '+5',
    '05',
    '5 ',
    'five',
    'NaN',
    String(MAX_CLIENTS + 1),
    '9'.repeat(400),
  ];
  for (const text of unusable) {
    it(`may not be "${text.slice(0, 20)}"`, () => {
      expect(() => parseClientCount(text)).to.throw(ComposeFileError, /must be a whole number from 0 to 250/);
    });
  }
});

describe('generate_compose.ts as it is run', function () {
  this.timeout(60_000);
  let directory: string;
  const output = () => join(directory, 'out.yaml');

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'generate-compose-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  function run(args: string[], cwd = REPOSITORY, loader = TSX) {
    const program = [...loader, join(REPOSITORY, 'generate_compose.ts')];
    const env = { ...process.env, TS_NODE_TRANSPILE_ONLY: 'true' };
    return spawnSync(process.execPath, [...program, ...args], { cwd, env, encoding: 'utf8' });
  }

  function expectRefusal(args: string[], message: RegExp, cwd?: string) {
    const { status, stdout, stderr } = run(args, cwd);
    expect(stderr).to.match(message);
    expect(stderr).to.match(/^generate_compose: .*\n$/);
    expect({ status, stdout }).to.deep.equal({ status: 2, stdout: '' });
  }

  it('writes the file that -o names from the template of the project', () => {
    const { status, stdout, stderr } = run(['3', '-o', output()], REPOSITORY, TS_NODE);
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    expect(stdout).to.equal(`${output()}: the server, the echo service and 3 clients\n`);

    const compose = parse(readFileSync(output(), 'utf8')) as Compose;
    expect(compose.name).to.equal('tp0');
    const clients = ['client1', 'client2', 'client3'];
    expect(Object.keys(compose.services)).to.deep.equal(['server', 'echo', ...clients, 'prometheus', 'grafana']);
    for (const [name, service] of Object.entries(compose.services)) {
      expect(service.container_name).to.equal(name);
      // What is published is for this machine alone, and never the port that takes bets.
      const ports = (service.ports ?? []) as string[];
      for (const port of ports) expect(port).to.match(/^127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d*\}:(8080|9090|3000)$/);
      const isOptional = name === 'prometheus' || name === 'grafana';
      expect(service.profiles).to.deep.equal(isOptional ? ['monitoring'] : undefined);
    }
    expect(compose.services.server!.environment).to.deep.equal({
      SERVER_AGENCIES: '3',
      SERVER_STATUS_PORT: '8080',
      SERVER_STATUS_IP: '0.0.0.0',
      SERVER_STATUS_HOSTS: 'server',
    });
    expect(compose.services.client3!.environment).to.deep.equal({ CLI_ID: '3' });
    expect(compose).to.have.nested.property('networks.testing_net.ipam.config[0].subnet', '172.25.125.0/24');
  });

  it('writes docker-compose-dev.yaml where it is run when nothing is said', () => {
    expect(run(['1'], directory).status).to.equal(0);
    expect(existsSync(join(directory, 'docker-compose-dev.yaml'))).to.equal(true);
  });

  it('replaces an older file', () => {
    writeFileSync(output(), 'x'.repeat(100_000));
    expect(run(['-o', output(), '0']).status).to.equal(0);
    expect(Object.keys((parse(readFileSync(output(), 'utf8')) as Compose).services)).to.deep.equal([
      'server',
      'echo',
      'prometheus',
      'grafana',
    ]);
  });

  it('refuses a missing, a negative, a fractional and an absurd count', () => {
    expectRefusal(['-o', output()], /say how many clients/);
    expectRefusal(['-3', '-o', output()], /whole number from 0 to 250, not "-3"/);
    expectRefusal(['2.5', '-o', output()], /not "2.5"/);
    expectRefusal(['100000', '-o', output()], /not "100000"/);
    expect(existsSync(output())).to.equal(false);
  });

  it('refuses an option that it does not know, and one argument too many', () => {
    expectRefusal(['3', '--clients', '4'], /Unknown option '--clients'/);
    expectRefusal(['3', '4', '-o', output()], /what is "4"/);
    expectRefusal(['3', '-o'], /'-o, --output <value>' argument missing/);
  });

  it('refuses to write where it cannot, or over its template', () => {
    expectRefusal(['3', '-o', directory], /cannot be written: EISDIR/);
    expectRefusal(['3', '-o', join(directory, 'no', 'such', 'place')], /cannot be written: ENOENT/);
    expectRefusal(['3', '-t', output(), '-o', 'out.yaml'], /is the template/, directory);
  });

  describe('with a template beside it', () => {
    const path = (name: string): string => join(directory, name);
    const contents = (): Record<string, string> =>
      Object.fromEntries(Object.keys(FILES).map((name) => [name, readFileSync(path(name), 'utf8')]));

    const MOUNTING = TEMPLATE.replace(
      '  # a pattern',
      `    volumes:
      - type: bind
        source: ./config/server.ini
        target: /app/config/server.ini
      - server_data:/app/data
  # a pattern`,
    );
    const FILES = {
      'template.yaml': MOUNTING,
      'config/server.ini': 'the settings',
      '.data/agency-2.csv': 'the bets',
    };

    beforeEach(() => {
      for (const [name, content] of Object.entries(FILES)) {
        mkdirSync(dirname(path(name)), { recursive: true });
        writeFileSync(path(name), content);
      }
      symlinkSync('template.yaml', path('symbolic.yaml'));
      symlinkSync('symbolic.yaml', path('twice.yaml'));
      linkSync(path('template.yaml'), path('hard.yaml'));
      symlinkSync('.', path('here'));
      symlinkSync('config/server.ini', path('settings.yaml'));
      linkSync(path('.data/agency-2.csv'), path('bets.yaml'));
    });

    for (const [output, template] of [
      ['symbolic.yaml', 'template.yaml'],
      ['twice.yaml', 'template.yaml'],
      ['hard.yaml', 'template.yaml'],
      ['here/template.yaml', 'template.yaml'],
      ['template.yaml', 'symbolic.yaml'],
    ] as const) {
      it(`refuses to write over it: -t ${template} -o ${output}`, () => {
        const message = new RegExp(`^generate_compose: ${output} is the template: write to another file\\n$`);
        expectRefusal(['3', '-t', template, '-o', output], message, directory);
        expect(contents()).to.deep.equal(FILES);
      });
    }

    for (const [output, input] of [
      ['config/server.ini', './config/server.ini'],
      ['settings.yaml', './config/server.ini'],
      ['.data/agency-2.csv', './.data/agency-2.csv'],
      ['bets.yaml', './.data/agency-2.csv'],
    ] as const) {
      it(`refuses to write over a file that a container reads: ${output}`, () => {
        const message = `generate_compose: ${output} is ${input}, which a container reads: write to another file\n`;
        const { status, stdout, stderr } = run(['3', '-t', 'template.yaml', '-o', output], directory);
        expect({ status, stdout, stderr }).to.deep.equal({ status: 2, stdout: '', stderr: message });
        expect(contents()).to.deep.equal(FILES);
      });
    }

    it('writes through a link that leads to another file', () => {
      writeFileSync(path('other.yaml'), 'older');
      symlinkSync('other.yaml', path('link.yaml'));
      symlinkSync('new.yaml', path('dangling.yaml'));
      for (const [output, file] of [
        ['link.yaml', 'other.yaml'],
        ['dangling.yaml', 'new.yaml'],
      ] as const) {
        expect(run(['3', '-t', 'template.yaml', '-o', output], directory).status).to.equal(0);
        expect(readFileSync(path(file), 'utf8')).to.equal(composeFile(MOUNTING, 3));
        expect(lstatSync(path(output)).isSymbolicLink()).to.equal(true);
      }
    });
  });

  it('refuses a template that is missing or unusable, and leaves the older file as it was', () => {
    writeFileSync(output(), 'older');
    const broken = join(directory, 'broken.yaml');
    writeFileSync(broken, 'services: [');
    expectRefusal(['3', '-o', output(), '-t', join(directory, 'none.yaml')], /template cannot be read: ENOENT/);
    expectRefusal(['3', '-o', output(), '-t', broken], /template is not YAML/);
    expect(readFileSync(output(), 'utf8')).to.equal('older');
  });

  it('says with --help how it is used', () => {
    const { status, stdout } = run(['--help']);
    expect(status).to.equal(0);
    expect(stdout).to.match(/^usage: npx ts-node generate_compose.ts CLIENTS/);
  });
});
