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
import { composeFile } from '../../../tools/compose_file';
import { bundledProgram } from '../../support/bundled_program';
import { type Compose, TEMPLATE } from '../../support/compose_template';

const REPOSITORY = join(__dirname, '../../..');

const SOURCE = join(REPOSITORY, 'generate_compose.ts');

/** `npx ts-node`, which the README gives, for one case. All others run the bundle, which starts in a tenth of its time. */
const TS_NODE = [require.resolve('ts-node/dist/bin.js'), SOURCE];

describe('the program generate_compose.ts', function () {
  this.timeout(60_000);
  let directory: string;
  const output = () => join(directory, 'out.yaml');

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'generate-compose-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  function run(args: string[], cwd = REPOSITORY, program = [bundledProgram(SOURCE)]) {
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

    const compose = parse(readFileSync(output(), 'utf8'), { merge: true }) as Compose;
    expect(compose.name).to.equal('tp0');
    const clients = ['client1', 'client2', 'client3'];
    expect(Object.keys(compose.services)).to.deep.equal(['server', 'echo', ...clients, 'prometheus', 'grafana']);
    for (const [name, service] of Object.entries(compose.services)) {
      expect(service.container_name).to.equal(name);
      // Ports are published on the loopback only, and the port for bets is not published.
      const ports = (service.ports ?? []) as string[];
      for (const port of ports) expect(port).to.match(/^127\.0\.0\.1:\$\{[A-Z]+_PORT:-\d*\}:(8080|9090|3000)$/);
      const isOptional = name === 'prometheus' || name === 'grafana';
      expect(service.profiles).to.deep.equal(isOptional ? ['monitoring'] : undefined);
    }
    expect(compose.services.server!.environment).to.deep.equal({
      SERVER_AGENCIES: '3',
      SERVER_STATUS_PORT: '8080',
      SERVER_STATUS_IP: 'server-status',
      SERVER_STATUS_HOSTS: 'server',
    });
    expect(compose.services.client3!.environment).to.deep.equal({ CLI_ID: '3' });
    expect(compose).to.have.nested.property('networks.testing_net.ipam.config[0].subnet', '172.25.125.0/24');
  });

  it('writes docker-compose-dev.yaml in the working directory by default', () => {
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
    expectRefusal(['-o', output()], /the number of clients is missing/);
    expectRefusal(['-3', '-o', output()], /whole number from 0 to 250, not "-3"/);
    expectRefusal(['2.5', '-o', output()], /not "2.5"/);
    expectRefusal(['100000', '-o', output()], /not "100000"/);
    expect(existsSync(output())).to.equal(false);
  });

  it('refuses an unknown option, and one argument too many', () => {
    expectRefusal(['3', '--clients', '4'], /Unknown option '--clients'/);
    expectRefusal(['3', '4', '-o', output()], /unexpected argument after the number of clients: "4"/);
    expectRefusal(['3', '-o'], /'-o, --output <value>' argument missing/);
  });

  it('refuses an output that cannot be written or is its template', () => {
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
      it(`refuses to write over a file mounted in a container: ${output}`, () => {
        const message = `generate_compose: ${output} is ${input}, a file mounted in a container: write to another file\n`;
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

  it('prints its usage with --help', () => {
    const { status, stdout } = run(['--help']);
    expect(status).to.equal(0);
    expect(stdout).to.match(/^usage: npx ts-node generate_compose.ts CLIENTS/);
  });
});
