import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeFile, type ConfigFile, configFiles } from '../../../tools/compose_file';
import { createSecretFiles } from '../../../tools/secret_files';
import { bundledProgram } from '../../support/bundled_program';

const REPOSITORY = join(__dirname, '../../..');
const TEMPLATE = readFileSync(join(REPOSITORY, 'docker-compose.template.yaml'), 'utf8');

describe('the program generate_compose.ts with --servers', function () {
  this.timeout(60_000);
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'generate-compose-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const path = (name: string): string => join(directory, name);
  const modeOf = (name: string): string => (statSync(path(name)).mode & 0o777).toString(8);

  function run(...args: string[]) {
    const program = bundledProgram(join(REPOSITORY, 'generate_compose.ts'));
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
      cwd: directory,
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  }

  it('writes the file, and the passwords beside it, readable in the containers, and by no other user of this machine', () => {
    expect(run('10', '--servers', '3', '-o', 'out.yaml')).to.deep.equal({
      status: 0,
      stdout: 'out.yaml: 3 servers on PostgreSQL, the echo service and 10 clients\nmade 3 passwords for the database\n',
      stderr: '',
    });
    expect(readFileSync(path('out.yaml'), 'utf8')).to.equal(composeFile(TEMPLATE, 10, { servers: 3 }));
    expect(modeOf('.secrets')).to.equal('700');
    const files = ['owner_password', 'postgres_password', 'server_password'];
    expect(readdirSync(path('.secrets'))).to.have.members(files);
    const passwords = files.map((file) => readFileSync(path(`.secrets/${file}`), 'utf8'));
    for (const password of passwords) expect(password).to.match(/^[\w-]{32}$/);
    expect(new Set(passwords)).to.have.property('size', 3);
    for (const file of files) expect(modeOf(`.secrets/${file}`)).to.equal('444');
  });

  it('writes the configuration of Prometheus, which its container can read, under any umask', () => {
    const before = process.umask(0o077);
    try {
      run('1', '--servers', '2', '-o', 'out.yaml');
    } finally {
      process.umask(before);
    }
    const [{ file, content }] = configFiles(readFileSync(path('out.yaml'), 'utf8')) as [ConfigFile];
    expect([file, modeOf(file)]).to.deep.equal(['./.data/prometheus.yml', '644']);
    expect(readFileSync(path(file), 'utf8')).to.equal(content);
    expect(content).to.match(/- server1:8080\n +- server2:8080\n$/);
  });

  it('keeps the passwords that are there', () => {
    run('1', '--servers', '2');
    const password = readFileSync(path('.secrets/owner_password'), 'utf8');
    rmSync(path('.secrets/server_password'));
    const { stdout } = run('1', '--servers', '1');
    expect(stdout).to.equal(
      'docker-compose-dev.yaml: 1 server on PostgreSQL, the echo service and 1 client\nmade 1 password for the database\n',
    );
    expect(readFileSync(path('.secrets/owner_password'), 'utf8')).to.equal(password);
    expect(run('1', '--servers', '1').stdout).not.to.include('password');
  });

  it('makes readable passwords under any umask', () => {
    const before = process.umask(0o077);
    try {
      expect(createSecretFiles([path('.secrets/one')])).to.equal(1);
    } finally {
      process.umask(before);
    }
    expect([modeOf('.secrets'), modeOf('.secrets/one')]).to.deep.equal(['700', '444']);
  });

  it('refuses a directory of passwords that other users can enter', () => {
    mkdirSync(path('.secrets'));
    chmodSync(path('.secrets'), 0o755);
    const secrets = path('.secrets');
    expect(run('1', '--servers', '1')).to.deep.equal({
      status: 2,
      stdout: '',
      stderr: `generate_compose: other users can read the secrets in ${secrets} (mode 755): chmod 700 ${secrets}\n`,
    });
    expect(readdirSync(directory)).to.deep.equal(['.secrets']);
    expect(readdirSync(secrets)).to.deep.equal([]);
  });

  it('refuses an invalid number, and too many for the network', () => {
    for (const [args, message] of [
      [['1', '--servers', '0'], 'the number of servers must be a whole number from 1 to 20, not "0"'],
      [['1', '--servers', 'x'], 'the number of servers must be a whole number from 1 to 20, not "x"'],
      [['1', '--servers', '-1'], 'the number of servers must be a whole number from 1 to 20, not "-1"'],
      [['1', '--servers='], 'the number of servers must be a whole number from 1 to 20, not ""'],
      [['--servers', '3'], 'the number of clients is missing: npx ts-node generate_compose.ts 5'],
      [['1', '--servers'], "Option '--servers <value>' argument missing (--help lists the options)"],
      [
        ['250', '--servers', '3'],
        '250 clients and 3 servers are too many: the network has addresses for 251 of both together',
      ],
    ] as const) {
      const result = { status: 2, stdout: '', stderr: `generate_compose: ${message}\n` };
      expect(run(...args), args.join(' ')).to.deep.equal(result);
    }
    expect(readdirSync(directory)).to.deep.equal([]);
  });

  it('refuses to write over a password', () => {
    run('1', '--servers', '1');
    const password = readFileSync(path('.secrets/server_password'), 'utf8');
    writeFileSync(path('template.yaml'), TEMPLATE);
    expect(run('1', '--servers', '1', '-t', 'template.yaml', '-o', '.secrets/server_password')).to.deep.equal({
      status: 2,
      stdout: '',
      stderr:
        'generate_compose: .secrets/server_password is ./.secrets/server_password, a file mounted in a container: write to another file\n',
    });
    expect(readFileSync(path('.secrets/server_password'), 'utf8')).to.equal(password);
    expect(existsSync(path('.secrets/.secrets'))).to.equal(false);
  });
});
