import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type App, type AppEnd } from '../support/app';
import { formatBets, generateBets } from '../support/generated_bets';
import { LotterySandbox } from '../support/lottery_sandbox';

const SHIM = join(__dirname, '../support/hanging_calls.c');
const ONE_BET = { NOMBRE: 'Ana', APELLIDO: 'Paz', DOCUMENTO: '30904465', NACIMIENTO: '1999-03-17', NUMERO: '7574' };
const AGENCIES = [
  ['an agency with a file', {}, /consulta_ganadores \| result: fail \| error: stopped before the winners were known$/],
  [
    'the one-bet client',
    ONE_BET,
    /apuesta_enviada \| result: fail \| .*error: stopped before the bet was acknowledged/,
  ],
] as const;

/** The limit for each stop, in milliseconds. */
const STOP_MS = 2_000;

/** The state SYN-SENT in /proc/net/tcp (proc(5)). */
const CONNECTING = '02';

describe('SIGTERM to a client', function () {
  this.timeout(30_000);
  let sandbox: LotterySandbox;

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
    await sandbox.write('agency-1.csv', formatBets(generateBets(1, 100)));
  });

  afterEach(async () => {
    await sandbox.dispose();
  });

  /** Stops the client, and requires its end in time, with all lines of its log. */
  async function requireStop(
    client: App,
    failure: RegExp,
    expected: AppEnd = { code: 0, signal: null },
  ): Promise<void> {
    const { ms, ...end } = await client.stop('SIGTERM');
    expect(end, client.stdout + client.stderr).to.deep.equal(expected);
    expect(ms).to.be.below(STOP_MS);
    expect(client.grep(failure), client.stdout).to.have.length(1);
    expect(client.lines.at(-1)).to.match(/action: exit \| result: success$/);
    expect(client.stderr).to.equal('');
  }

  /** Resolves when a connection to the port is in the state SYN-SENT. */
  async function connecting(port: number): Promise<void> {
    const target = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`;
    for (;;) {
      const rows = (await readFile('/proc/net/tcp', 'utf8')).split('\n').map((row) => row.trim().split(/\s+/));
      if (rows.some(([, , remote, state]) => remote === target && state === CONNECTING)) return;
      await delay(5);
    }
  }

  for (const [who, env, failure] of AGENCIES) {
    it(`ends ${who} in a connect without a response`, async () => {
      const { app: server, port } = await sandbox.startServer({ SERVER_LISTEN_BACKLOG: '1' });
      server.signal('SIGSTOP');
      // The queue of Linux holds one connection more than the backlog (listen(2)).
      for (let connection = 0; connection < 2; connection++) await sandbox.connect(port);
      const client = sandbox.startClient(port, 1, env);
      await connecting(port);
      await requireStop(client, failure);
    });

    it(`ends ${who} before the answer to its N`, async () => {
      const { port } = await sandbox.startServer();
      const proxy = await sandbox.startProxy(port);
      const name = proxy.holdNext('agency', 'N');
      const client = sandbox.startClient(proxy.port, 1, env);
      await name;
      await requireStop(client, failure);
    });

    it(`ends ${who} in the pause before another attempt`, async () => {
      const { app: server, port } = await sandbox.startServer();
      await server.stop('SIGTERM');
      const client = sandbox.startClient(port, 1, env);
      await client.line(/action: connect \| result: in_progress/);
      await requireStop(client, failure);
    });
  }

  describe('with a hanging thread', () => {
    let shim: string;

    before(function () {
      const compiler = spawnSync('gcc', ['--version']);
      if (compiler.error === undefined) return;
      this.test!.title += ' (no gcc)';
      this.skip();
    });

    beforeEach(() => {
      shim = sandbox.path('hanging_calls.so');
      const built = spawnSync('gcc', ['-shared', '-fPIC', '-o', shim, SHIM, '-ldl'], { encoding: 'utf8' });
      expect(built.status, built.stderr).to.equal(0);
    });

    /** Starts a client and waits until its call hangs. */
    async function startHanging(port: number, call: string, env: Record<string, string>): Promise<App> {
      const client = sandbox.startClient(port, 1, {
        ...env,
        LD_PRELOAD: shim,
        HANG_CALL: call,
        HANG_PATH: 'agency-1.csv',
      });
      await client.line(/^hanging$/);
      return client;
    }

    /** Without execve(2), the exit code of a process with a hanging thread is not its own choice. */
    const STOPPED: AppEnd = 'execve' in process ? { code: 0, signal: null } : { code: null, signal: 'SIGTERM' };

    for (const call of ['open', 'read']) {
      it(`ends the agency in ${call} of its file`, async () => {
        const { app: server, port } = await sandbox.startServer();
        const client = await startHanging(port, call, {});
        await requireStop(client, AGENCIES[0][2], STOPPED);
        expect(client.grep(/close_connection \| result: success/)).to.have.length(1);
        await server.stop('SIGTERM');
        expect(server.grep(/session \| result: fail/)).to.be.empty;
      });
    }

    for (const [who, env, failure] of AGENCIES) {
      it(`ends ${who} in the lookup of the server's name`, async () => {
        const client = await startHanging(1, 'getaddrinfo', { ...env, CLI_SERVER_ADDRESS: 'server.invalid:12345' });
        await requireStop(client, failure, STOPPED);
      });
    }

    it("is not necessary for a client that gives up in the lookup of the server's name", async () => {
      const env = { CLI_SERVER_ADDRESS: 'server.invalid:12345', CLI_RETRY_LIMIT_MS: '0' };
      const client = await startHanging(1, 'getaddrinfo', env);
      const failed = 'execve' in process ? { code: 1, signal: null } : { code: null, signal: 'SIGKILL' };
      expect(await client.end(), client.stdout).to.deep.equal(failed);
      expect(client.lines.at(-1)).to.match(/action: exit \| result: fail/);
    });
  });
});
