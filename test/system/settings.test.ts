import { expect } from 'chai';
import { mkdir } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { findFreePort } from '../../tools/free_port';
import { App, type ProgramName } from '../support/app';
import { LotterySandbox } from '../support/lottery_sandbox';

function hasIPv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1'));
}

describe('the settings of the programs', function () {
  this.timeout(20_000);
  let sandbox: LotterySandbox;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  const launch = (program: ProgramName, env: Record<string, string>, args: string[] = []): App =>
    new App(program, { cwd: sandbox.directory, env, args });

  /** Expects exit code 2, and a single line on stderr for the operator. */
  async function expectUnusable(app: App, message: RegExp): Promise<void> {
    const { code } = await app.end();
    expect(code, app.stdout + app.stderr).to.equal(2);
    expect(app.stderr).to.match(/^[^\n]+\n$/);
    expect(app.stderr).to.match(message);
    expect(app.stdout).not.to.match(/exit/);
  }

  const wrong: [ProgramName, string, string, RegExp][] = [
    ['server', 'SERVER_PORT', '65536', /SERVER_PORT must be a whole number from 0 to 65535, but is "65536"/],
    ['server', 'SERVER_PORT', '', /SERVER_PORT must be/],
    ['server', 'SERVER_IP', '  ', /SERVER_IP must not be empty/],
    ['server', 'SERVER_IP', '[::1', /SERVER_IP must be an IP address or a host name, without a port, but is "\[::1"/],
    ['server', 'SERVER_STATUS_IP', '[localhost]', /SERVER_STATUS_IP must be an IP address or a host name/],
    ['echoServer', 'ECHO_IP', '[127.0.0.1]', /ECHO_IP must be an IP address or a host name/],
    ['server', 'SERVER_LISTEN_BACKLOG', '-1', /SERVER_LISTEN_BACKLOG must be/],
    ['server', 'LOGGING_LEVEL', 'chatty', /LOGGING_LEVEL must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL/],
    ['server', 'SERVER_AGENCIES', '0', /SERVER_AGENCIES must be/],
    ['server', 'SERVER_AGENCIES', '2.5', /SERVER_AGENCIES must be/],
    ['server', 'SERVER_DATA_DIR', '', /SERVER_DATA_DIR must not be empty/],
    ['server', 'SERVER_STORE', 'disk', /SERVER_STORE must be file or postgres, but is "disk"/],
    ['server', 'SERVER_DATABASE_URL', ' ', /SERVER_DATABASE_URL must not be empty\n/],
    ['server', 'SERVER_DATABASE_PASSWORD_FILE', '', /SERVER_DATABASE_PASSWORD_FILE must not be empty/],
    ['server', 'SERVER_DATABASE_CONNECTIONS', '1', /SERVER_DATABASE_CONNECTIONS must be a whole number from 2 to 1000/],
    ['server', 'SERVER_NAME', 'x'.repeat(101), /SERVER_NAME must have at most 100 characters/],
    ['server', 'SERVER_WINNING_NUMBER', '10000', /SERVER_WINNING_NUMBER must be/],
    ['server', 'SERVER_MAX_SESSIONS', '0', /SERVER_MAX_SESSIONS must be/],
    ['server', 'SERVER_MESSAGE_TIMEOUT_MS', '0', /SERVER_MESSAGE_TIMEOUT_MS must be/],
    ['server', 'SERVER_IDLE_TIMEOUT_MS', '99999999999', /SERVER_IDLE_TIMEOUT_MS must be/],
    ['server', 'SERVER_WAIT_HOLD_MS', '1s', /SERVER_WAIT_HOLD_MS must be/],
    ['server', 'SERVER_UNNAMED_TIMEOUT_MS', '-1', /SERVER_UNNAMED_TIMEOUT_MS must be/],
    ['server', 'SERVER_SESSION_LIFETIME_MS', '1d', /SERVER_SESSION_LIFETIME_MS must be/],
    ['server', 'SERVER_ADDRESS_SESSIONS', 'all', /SERVER_ADDRESS_SESSIONS must be/],
    ['server', 'SERVER_ADDRESS_CONNECTS_PER_SECOND', '0.5', /SERVER_ADDRESS_CONNECTS_PER_SECOND must be/],
    ['server', 'SERVER_ADDRESS_CONNECT_BURST', '0', /SERVER_ADDRESS_CONNECT_BURST must be/],
    ['server', 'SERVER_ADDRESS_BYTES_PER_SECOND', '1k', /SERVER_ADDRESS_BYTES_PER_SECOND must be/],
    ['server', 'SERVER_ADDRESS_MESSAGES_PER_SECOND', '', /SERVER_ADDRESS_MESSAGES_PER_SECOND must be/],
    ['server', 'SERVER_ADDRESS_REFUSALS_PER_MINUTE', '-', /SERVER_ADDRESS_REFUSALS_PER_MINUTE must be/],
    ['server', 'SERVER_AGENCY_SESSIONS', '-1', /SERVER_AGENCY_SESSIONS must be/],
    ['server', 'SERVER_AGENCY_CONNECTS_PER_SECOND', '1.5', /SERVER_AGENCY_CONNECTS_PER_SECOND must be/],
    ['server', 'SERVER_AGENCY_CONNECT_BURST', '0', /SERVER_AGENCY_CONNECT_BURST must be/],
    ['server', 'SERVER_AGENCY_BYTES_PER_SECOND', '1e6', /SERVER_AGENCY_BYTES_PER_SECOND must be/],
    ['server', 'SERVER_AGENCY_MESSAGES_PER_SECOND', 'many', /SERVER_AGENCY_MESSAGES_PER_SECOND must be/],
    ['server', 'SERVER_AGENCY_REFUSALS_PER_MINUTE', '-', /SERVER_AGENCY_REFUSALS_PER_MINUTE must be/],
    ['server', 'SERVER_PROXY_FROM', 'balancer', /SERVER_PROXY_FROM must be IP addresses or networks .*, but is "bal/],
    ['server', 'SERVER_PROXY_FROM', '10.0.0.0/33', /SERVER_PROXY_FROM must be IP addresses or networks/],
    ['server', 'SERVER_PROXY_FROM', '10.0.0.1,', /SERVER_PROXY_FROM must be IP addresses or networks/],
    ['server', 'SERVER_STATUS_PORT', 'x', /SERVER_STATUS_PORT must be/],
    ['server', 'SERVER_STATUS_HOSTS', 'box:8080', /SERVER_STATUS_HOSTS must be host names, separated by commas, but/],
    ['server', 'SERVER_STATUS_HOSTS', 'box,,server', /SERVER_STATUS_HOSTS must be host names/],
    ['server', 'SERVER_STATUS_HOSTS', 'http://box/', /SERVER_STATUS_HOSTS must be host names/],
    ['server', 'SERVER_STATUS_HOSTS', '*', /SERVER_STATUS_HOSTS must be host names/],
    ['client', 'CLI_ID', '0', /CLI_ID must be/],
    ['client', 'CLI_ID', 'one\ntwo', /CLI_ID must be/],
    ['client', 'CLI_SERVER_ADDRESS', 'server', /CLI_SERVER_ADDRESS must be host:port/],
    ['client', 'CLI_SERVER_ADDRESS', 'server:0', /CLI_SERVER_ADDRESS must be host:port/],
    ['client', 'CLI_SERVER_ADDRESS', 'a:1,,b:1', /CLI_SERVER_ADDRESS must be host:port .*, or several of them sep/],
    ['client', 'CLI_SERVER_ADDRESS', 'a:1, A:1', /CLI_SERVER_ADDRESS must have each server once, but is "a:1, A:1"/],
    ['echoClient', 'CLI_SERVER_ADDRESS', 'a:1,b:1', /CLI_SERVER_ADDRESS must be host:port/],
    ['client', 'CLI_LOG_LEVEL', '', /CLI_LOG_LEVEL must be one of/],
    ['client', 'CLI_DATA_FILE', '', /CLI_DATA_FILE must not be empty/],
    ['client', 'CLI_BATCH_MAX_AMOUNT', '-3', /CLI_BATCH_MAX_AMOUNT must be/],
    ['client', 'CLI_WINDOW', '0', /CLI_WINDOW must be/],
    ['client', 'CLI_RETRY_LIMIT_MS', 'never', /CLI_RETRY_LIMIT_MS must be/],
    ['client', 'CONFIG_FILE', 'nowhere.ini', /the settings file nowhere\.ini cannot be read: .*ENOENT/],
    ['echoServer', 'ECHO_PORT', 'x', /ECHO_PORT must be/],
    ['echoClient', 'CLI_LOOP_AMOUNT', '0', /CLI_LOOP_AMOUNT must be/],
  ];
  for (const [program, name, value, message] of wrong) {
    it(`${program}: ${name}=${JSON.stringify(value)} is one clear line and exit code 2`, async () => {
      await expectUnusable(launch(program, { [name]: value }), message);
    });
  }

  for (const program of ['server', 'client', 'echoServer', 'echoClient'] as const) {
    it(`${program}: an unknown argument is one clear line and exit code 2`, async () => {
      await expectUnusable(launch(program, {}, ['--nonsense']), /--nonsense/);
      await expectUnusable(launch(program, {}, ['file.csv']), /file\.csv/);
    });

    it(`${program}: --help prints the settings, and starts nothing`, async () => {
      const app = launch(program, { CLI_ID: 'wrong', SERVER_PORT: 'wrong', ECHO_PORT: 'wrong' }, ['--help']);
      expect((await app.end()).code).to.equal(0);
      expect(app.stdout)
        .to.match(/Exit codes: 0 done/)
        .and.match(/_LEVEL .*\(default: INFO\)/);
      expect(app.stderr).to.equal('');
    });
  }

  it('are in config/*.ini of the working directory, and the environment has precedence', async () => {
    await mkdir(sandbox.path('config'));
    await sandbox.write(
      'config/server.ini',
      '[DEFAULT]\nSERVER_PORT = 0\nSERVER_IP = 127.0.0.1\nSERVER_AGENCIES = 3\n',
    );
    const plain = launch('server', { LOGGING_LEVEL: 'debug' });
    expect(await plain.line(/action: config/)).to.match(/DEBUG .*\| SERVER_AGENCIES: 3 \|/);
    await plain.line(/action: listen .*127\.0\.0\.1:\d+/);
    await plain.stop('SIGTERM');
    const overruled = launch('server', { LOGGING_LEVEL: 'DEBUG', SERVER_AGENCIES: '4' });
    expect(await overruled.line(/action: config/)).to.match(/\| SERVER_AGENCIES: 4 \|/);
  });

  it('are in the file of CONFIG_FILE', async () => {
    const file = await sandbox.write(
      'mine.ini',
      '[DEFAULT]\nSERVER_PORT=0\nSERVER_IP=127.0.0.1\nLOGGING_LEVEL=DEBUG\n',
    );
    const server = launch('server', { CONFIG_FILE: file });
    await server.line(/DEBUG +action: config .*SERVER_IP: 127\.0\.0\.1/);
    await server.line(/action: listen/);
  });

  it('may have an IPv6 address in brackets to bind', async function () {
    if (!hasIPv6()) {
      this.test!.title += ' (this machine has no ::1)';
      this.skip();
    }
    const env = {
      SERVER_IP: '[::1]',
      SERVER_PORT: '0',
      SERVER_STATUS_IP: '[::1]',
      SERVER_STATUS_PORT: String(await findFreePort()),
    };
    const server = launch('server', env);
    const [, port] = /address: \[::1\]:(\d+)/.exec(await server.line(/action: listen \| result: success/))!;
    await server.line(/action: status_page \| result: success/);
    expect((await launch('healthcheck', env).end()).code).to.equal(0);
    const withoutPage = { SERVER_IP: '[::1]', SERVER_PORT: port!, SERVER_STATUS_PORT: '0' };
    expect((await launch('healthcheck', withoutPage).end()).code).to.equal(0);
    const echo = launch('echoServer', { ECHO_IP: '[::1]', ECHO_PORT: '0' });
    const listens = await echo.line(/action: listen \| result: success \| address: \[::1\]:\d+$/);
    const client = launch('echoClient', {
      CLI_SERVER_ADDRESS: /\[.*$/.exec(listens)![0],
      CLI_LOOP_AMOUNT: '1',
    });
    expect((await client.end()).code, client.stdout).to.equal(0);
  });

  it('of a file are reported in one clear line if they are unknown', async () => {
    await mkdir(sandbox.path('config'));
    await sandbox.write('config/client.ini', '[DEFAULT]\nCLI_ID = 1\nCLI_WINDOWS = 3\n');
    await expectUnusable(launch('client', {}), /config\/client\.ini:3: unknown setting CLI_WINDOWS/);
    await sandbox.write('config/client.ini', '[default]\nCLI_ID = 1\n');
    await expectUnusable(launch('client', {}), /unknown section \[default\]/);
    await sandbox.write('config/client.ini', 'CLI_ID = 1\n');
    await expectUnusable(launch('client', {}), /CLI_ID stands outside of the section \[DEFAULT\]/);
  });

  it('of the log level take effect from the first line on', async () => {
    const env = { SERVER_PORT: '0', SERVER_IP: '127.0.0.1' };
    const info = launch('server', env);
    expect(await info.line(/action: config/)).to.match(
      /INFO +action: config \| result: success \| logging_level: INFO$/,
    );
    await info.line(/action: listen/);
    await info.stop('SIGTERM');
    const debug = launch('server', { ...env, LOGGING_LEVEL: 'DEBUG' });
    expect(await debug.line(/action: config/)).to.match(
      /DEBUG +action: config \| result: success \| SERVER_PORT: 0 \|/,
    );
    await debug.line(/action: listen/);
    await debug.stop('SIGTERM');
    const error = launch('server', { ...env, LOGGING_LEVEL: 'ERROR', SERVER_IP: '192.0.2.1' });
    expect((await error.end()).code).to.equal(1);
    expect(error.lines.every((line) => line.includes(' ERROR '))).to.equal(true);
  });

  it('of the database do not show in the log', async () => {
    const env = { SERVER_PORT: '0', SERVER_IP: '127.0.0.1', LOGGING_LEVEL: 'DEBUG' };
    const server = launch('server', { ...env, SERVER_DATABASE_URL: 'postgresql://me:word@db/lottery' });
    expect(await server.line(/action: config/))
      .to.match(/ SERVER_STORE: file \|/)
      .and.match(/ SERVER_NAME: \S+ \|/);
    await server.line(/action: listen/);
    await server.stop('SIGTERM');
    expect(server.stdout + server.stderr).not.to.match(/word|DATABASE_URL/);
  });

  it('with a port in use end the server with exit code 1 and a line with the reason', async () => {
    const { port } = await sandbox.startServer();
    const second = sandbox.launchServer({ SERVER_PORT: String(port), SERVER_DATA_DIR: sandbox.path('other') });
    expect((await second.end()).code).to.equal(1);
    expect(second.grep(/action: listen \| result: fail \| error: .*EADDRINUSE/)).to.have.length(1);
    expect(second.lines.at(-1)).to.match(/action: exit \| result: fail/);
    expect(second.stderr).to.equal('');
    const echo = launch('echoServer', { ECHO_PORT: String(port), ECHO_IP: '127.0.0.1' });
    expect((await echo.end()).code).to.equal(1);
    expect(echo.grep(/action: listen \| result: fail \| error: .*EADDRINUSE/)).to.have.length(1);
  });
});
