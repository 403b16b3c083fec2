import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { App, type ProgramName } from '../support/app';
import { bundledProgram } from '../support/bundled_program';
import { DANGEROUS_CHARACTERS } from '../support/dangerous_characters';
import { formatBets, generateBets } from '../support/generated_bets';
import { LotterySandbox } from '../support/lottery_sandbox';

const REPOSITORY = join(__dirname, '../..');

/** The characters possible in a file name, an argument and a variable: no NUL and no lone surrogates. */
const IN_A_NAME = DANGEROUS_CHARACTERS.filter(([, character]) => character !== '\0' && !/\p{Cs}/u.test(character));
const FOREIGN = IN_A_NAME.map(([, character]) => character).join('');
const ESCAPED = IN_A_NAME.map(([, , escape]) => escape).join('');

/** A server that answers any message by an `E` of this value. */
async function listenWithError(value: string): Promise<Server> {
  const header = Buffer.alloc(7, 'E');
  header.writeUIntLE(Buffer.byteLength(value), 1, 6);
  const server = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => socket.end(Buffer.concat([header, Buffer.from(value)])));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

describe('a foreign string in the output', function () {
  this.timeout(30_000);
  let sandbox: LotterySandbox;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  /** Runs a program to its end. Returns its exit code and its complete output. */
  async function outputOf(program: ProgramName, env: Record<string, string>, ...args: string[]) {
    const app = new App(program, { cwd: sandbox.directory, env, args });
    const { code } = await app.end(20_000);
    return { code, text: app.stdout + app.stderr };
  }

  function expectEscaped(text: string, lines?: number): void {
    for (const [name, character] of IN_A_NAME) if (character !== '\n') expect(text, name).not.to.contain(character);
    expect(text).to.contain(ESCAPED);
    if (lines !== undefined) expect(text.split('\n'), text).to.have.length(lines + 1);
  }

  for (const program of ['server', 'client', 'echoServer', 'echoClient', 'newDraw', 'healthcheck'] as const) {
    it(`is escaped in one line: the name of the settings file, by ${program}`, async () => {
      const { code, text } = await outputOf(program, { CONFIG_FILE: `no-${FOREIGN}.ini` });
      expect(code).to.equal(program === 'healthcheck' ? 1 : 2);
      expectEscaped(text, 1);
    });

    it(`is escaped in one line: a key in the settings file, by ${program}`, async () => {
      const key = FOREIGN.replaceAll(/[\r\n]/g, '');
      const file = await sandbox.write('my.ini', `[DEFAULT]\nA${key}B = 1\n`);
      const { text } = await outputOf(program, { CONFIG_FILE: file });
      expect(text).to.contain(ESCAPED.replaceAll(/\\u000[ad]/g, ''));
      expect(text.split('\n')).to.have.length(2);
      for (const character of key) expect(text).not.to.contain(character);
    });
  }

  for (const [program, name] of [
    ['server', 'SERVER_PORT'],
    ['client', 'CLI_ID'],
    ['echoServer', 'ECHO_PORT'],
    ['echoClient', 'CLI_ID'],
  ] as const) {
    it(`is escaped in one line: the value of a variable, by ${program}`, async () => {
      const { code, text } = await outputOf(program, { [name]: `x${FOREIGN}` });
      expect(code).to.equal(2);
      for (const [what, character] of IN_A_NAME) if (character !== '\n') expect(text, what).not.to.contain(character);
      // JSON has shorter escapes for some characters.
      expect(text).to.contain(JSON.stringify('x\b\t\n\r').slice(1, -1)).and.to.contain('\\u202e');
      expect(text.split('\n')).to.have.length(2);
    });
  }

  for (const program of ['server', 'client', 'echoServer', 'echoClient', 'run', 'data'] as const) {
    it(`is escaped in one line: an argument, by ${program}`, async () => {
      const { code, text } = await outputOf(program, {}, `--x${FOREIGN.replaceAll(/\s/g, '')}`);
      expect(code).to.equal(2);
      for (const [what, character] of IN_A_NAME) if (character !== '\n') expect(text, what).not.to.contain(character);
      expect(text).to.contain('\\u001b').and.to.contain('\\u202e');
      expect(text.split('\n')).to.have.length(2);
    });
  }

  it('is escaped in the log: the file of bets', async () => {
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
    const file = await sandbox.write(`a${FOREIGN}`, formatBets(generateBets(1, 3)));
    const env = { CLI_SERVER_ADDRESS: `127.0.0.1:${port}`, CLI_DATA_FILE: file };
    const { code, text } = await outputOf('client', env);
    expect(code, text).to.equal(0);
    expectEscaped(text);
    for (const line of text.split('\n').slice(0, -1)) expect(line).to.match(/^[-\d]+ [:\d]+ [A-Z]+ +action: /);
  });

  it("is escaped in the log, and in the result: a server's error", async () => {
    const detail = `the reason: ${FOREIGN}|`;
    for (const args of [[], ['--json']]) {
      const server = await listenWithError(`bad-bet: ${detail}`);
      const file = await sandbox.write('agency-1.csv', formatBets(generateBets(1, 3)));
      const env = { CLI_SERVER_ADDRESS: `127.0.0.1:${(server.address() as AddressInfo).port}`, CLI_DATA_FILE: file };
      const app = new App('client', { cwd: sandbox.directory, env, args });
      expect((await app.end()).code).to.equal(1);
      server.close();
      expectEscaped(app.stdout + app.stderr);
      expect(app.stdout + app.stderr).to.contain(`error: bad-bet: the reason: ${ESCAPED}\\u007c\n`);
      if (args.length === 0) continue;
      expect(app.lines).to.have.length(1);
      expect(JSON.parse(app.stdout)).to.have.nested.property('error.message', `bad-bet: ${detail}`);
    }
  });

  it('is escaped in one line: the data directory, by a new draw', async () => {
    const directory = sandbox.path(`d${FOREIGN}`);
    await mkdir(directory);
    const { code, text } = await outputOf('newDraw', { SERVER_DATA_DIR: directory });
    expect(code).to.equal(0);
    expectEscaped(text, 1);
  });

  it('is escaped: a directory, by the tools', async () => {
    const directory = `d${FOREIGN}`;
    await mkdir(sandbox.path(directory));
    const run = await outputOf('run', {}, '--agencies', '1', '--data', directory);
    expect(run.code).to.equal(1);
    expectEscaped(run.text, 1);
    const data = await outputOf('data', {}, '--agencies', '1', '--bets', '1', '--directory', directory);
    expect(data.code).to.equal(0);
    expectEscaped(data.text, 1);
    await sandbox.write(`${directory}/agency-1.csv`, 'mine');
    const foreign = await outputOf('data', {}, '--agencies', '1', '--directory', directory);
    expect(foreign.code).to.equal(1);
    expectEscaped(foreign.text, 1);
  });

  function runWithTypeScript(program: string, args: string[], env: Record<string, string> = {}) {
    const command = [bundledProgram(join(REPOSITORY, program)), ...args];
    const options = { cwd: sandbox.directory, encoding: 'utf8', timeout: 20_000 } as const;
    return spawnSync(process.execPath, command, {
      ...options,
      env: { PATH: process.env['PATH'], ...env },
    });
  }

  it('is escaped: the arguments of generate_compose', () => {
    const made = runWithTypeScript('generate_compose.ts', ['1', '-o', `o${FOREIGN}`]);
    expect({ status: made.status, stderr: made.stderr }).to.deep.equal({ status: 0, stderr: '' });
    expectEscaped(made.stdout, 1);
    for (const args of [
      [`x${FOREIGN}`],
      ['1', `x${FOREIGN}`],
      ['1', '-t', `t${FOREIGN}`],
      ['1', '-o', `n${FOREIGN}/o`],
    ]) {
      const { status, stdout, stderr } = runWithTypeScript('generate_compose.ts', args);
      expect({ status, stdout }).to.deep.equal({ status: 2, stdout: '' });
      expectEscaped(stderr, 1);
    }
  });

  for (const place of ['main', 'event loop']) {
    it(`is escaped in the stack of an unforeseen error, which keeps its lines: thrown in the ${place}`, () => {
      const { status, stdout, stderr } = runWithTypeScript('test/support/failing_program.ts', [], {
        FAILING_PLACE: place,
        FAILING_MESSAGE: `unforeseen ${FOREIGN.replaceAll('\n', '')}`,
      });
      expect(status).to.equal(1);
      expect(stdout).to.match(/action: fail \| result: in_progress\n$/);
      const escaped = ESCAPED.replaceAll('\\u000a', '');
      expect(stderr)
        .to.match(/^failing-program: Error: unforeseen [^\n]+\n(?: {4}at [^\n]+\n)+$/)
        .and.to.contain(escaped);
      for (const [name, character] of IN_A_NAME) if (character !== '\n') expect(stderr, name).not.to.contain(character);
    });
  }

  it('is escaped by the script that checks the echo service', () => {
    const script = join(REPOSITORY, 'test_server_with_netcat.sh');
    const { status, stderr } = spawnSync('bash', [script, `--${FOREIGN}`], { encoding: 'utf8' });
    expect(status).to.equal(2);
    expect(stderr).to.match(/^[ -~]+\n$/);
  });
});
