import { expect } from 'chai';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { App, type AppOptions, type ProgramName } from '../support/app';
import { BusyCores } from '../support/busy_cores';
import { eventually } from '../support/eventually';
import { formatBets, generateBets, winnersAmong } from '../support/generated_bets';
import { LotterySandbox } from '../support/lottery_sandbox';
import { OutputPipe } from '../support/output_pipe';

type ProgramOutput = Pick<OutputPipe, 'writeEnd' | 'releaseWriteEnd'>;

const MOST_MS = 2_000;
const LISTENS = /action: listen \| result: success \| address: 127\.0\.0\.1:(\d+)/;

describe('a program with unread output', function () {
  this.timeout(30_000);
  let sandbox: LotterySandbox;
  let pipes: OutputPipe[] = [];

  beforeEach(async () => {
    sandbox = await LotterySandbox.create();
  });

  afterEach(async () => {
    for (const pipe of pipes) pipe.dispose();
    pipes = [];
    await sandbox.dispose();
  });

  function createPipe(): OutputPipe {
    const pipe = new OutputPipe(sandbox.path(`output-${pipes.length}`));
    pipes.push(pipe);
    return pipe;
  }

  function launch(
    program: ProgramName,
    outputs: { stdout?: ProgramOutput; stderr?: ProgramOutput },
    options: Omit<AppOptions, 'cwd' | 'stdout' | 'stderr'> = {},
  ): App {
    const { stdout, stderr } = outputs;
    const app = new App(program, {
      cwd: sandbox.directory,
      stdout: stdout?.writeEnd,
      stderr: stderr?.writeEnd,
      ...options,
    });
    stdout?.releaseWriteEnd();
    stderr?.releaseWriteEnd();
    return app;
  }

  const serverEnv = (): Record<string, string> => ({
    SERVER_IP: '127.0.0.1',
    SERVER_PORT: '0',
    SERVER_DATA_DIR: sandbox.path('store'),
    SERVER_AGENCIES: '2',
    LOGGING_LEVEL: 'DEBUG',
  });
  const clientEnv = (port: number): Record<string, string> => ({
    CLI_SERVER_ADDRESS: `127.0.0.1:${port}`,
    CLI_DATA_FILE: sandbox.path('agency-{id}.csv'),
    CLI_LOG_LEVEL: 'DEBUG',
  });

  async function expectGoodEnd(app: App): Promise<void> {
    const { code, signal, ms } = await app.stop('SIGTERM');
    expect({ code, signal }).to.deep.equal({ code: 0, signal: null });
    expect(ms).to.be.below(MOST_MS);
  }

  /** Each function starts a program, and stops the reading of its log in the middle of the program's work. */
  const programs: Record<string, () => Promise<App>> = {
    server: async () => {
      const log = createPipe();
      const server = launch('server', { stdout: log }, { env: serverEnv() });
      const port = Number((await log.match(LISTENS))[1]);
      await sandbox.write('agency-1.csv', formatBets(generateBets(1, 5_000)));
      await log.clog();
      const client = new App('client', { cwd: sandbox.directory, env: clientEnv(port) });
      await client.line(/action: upload \| result: success/);
      return server;
    },
    client: async () => {
      const { app: server, port } = await sandbox.startServer({ SERVER_AGENCIES: '2' });
      await sandbox.write('agency-1.csv', formatBets(generateBets(1, 5_000)));
      const log = createPipe();
      await log.clog();
      const client = launch('client', { stdout: log }, { env: clientEnv(port) });
      await server.line(/action: finish \| result: success/);
      return client;
    },
    echoServer: async () => {
      const log = createPipe();
      const server = launch('echoServer', { stdout: log }, { env: { ECHO_IP: '127.0.0.1', ECHO_PORT: '0' } });
      const port = Number((await log.match(LISTENS))[1]);
      await log.clog();
      const peer = connect(port, '127.0.0.1').on('error', () => {});
      peer.write('hola\n');
      await once(peer, 'data');
      return server;
    },
    echoClient: async () => {
      const other = createServer((socket) => {
        socket.on('error', () => {}).pipe(socket);
        other.close();
      }).listen(0, '127.0.0.1');
      await once(other, 'listening');
      const { port } = other.address() as { port: number };
      const log = createPipe();
      await log.clog();
      const client = launch(
        'echoClient',
        { stdout: log },
        { env: { CLI_SERVER_ADDRESS: `127.0.0.1:${port}`, CLI_LOOP_PERIOD_MS: '600000' } },
      );
      const [socket] = (await once(other, 'connection')) as [NodeJS.EventEmitter];
      await once(socket, 'close');
      return client;
    },
  };

  for (const [name, start] of Object.entries(programs)) {
    it(`ends with 0 within 2 s of SIGTERM: ${name}`, async () => {
      await expectGoodEnd(await start());
    });

    it(`ends with 0 within 2 s of SIGTERM while every core is busy: ${name}`, async () => {
      const app = await start();
      const busy = await BusyCores.start();
      try {
        await expectGoodEnd(app);
      } finally {
        await busy.stop();
      }
    });
  }

  it('ends with 0 by itself after its work, despite a blocked log', async () => {
    const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
    await sandbox.write('agency-1.csv', formatBets(generateBets(1, 100)));
    const log = createPipe();
    await log.clog();
    const client = launch('client', { stdout: log }, { env: clientEnv(port) });
    expect((await client.end()).code).to.equal(0);
  });

  it('passes every line to a reader that continues in time', async () => {
    const actionsOf = (text: string): readonly string[] => text.match(/action: \w+ \| result: \w+/g)!;
    const { app: other } = await sandbox.startServer();
    await other.stop('SIGTERM');
    const log = createPipe();
    const server = launch('server', { stdout: log }, { env: { ...serverEnv(), LOGGING_LEVEL: 'INFO' } });
    await log.match(LISTENS);
    await log.clog();
    server.signal('SIGTERM');
    const text = await log.drain();
    expect((await server.end()).code).to.equal(0);
    expect(actionsOf(text)).to.deep.equal(actionsOf(other.stdout));
    expect(text).to.match(/action: exit \| result: success\n$/);
  });

  it('keeps 4 MiB of its log, and reports the number of dropped lines once the reader continues', async () => {
    const lines = 1_000;
    const log = createPipe();
    const server = launch('echoServer', { stdout: log }, { env: { ECHO_IP: '127.0.0.1', ECHO_PORT: '0' } });
    const port = Number((await log.match(LISTENS))[1]);
    await log.clog();
    const peer = connect(port, '127.0.0.1');
    for (let line = 0; line < lines; line++) {
      peer.write(`${String(line).padEnd(16_383, '.')}\n`);
      for (let echoed = 0; echoed < 16_384;) echoed += ((await once(peer, 'data')) as [Buffer])[0].length;
    }
    const end = log.drain();
    const dropped = Number((await log.match(/action: write_log \| result: fail \| dropped_lines: (\d+)\n/))[1]);
    peer.destroy();
    await expectGoodEnd(server);
    const keptLines = (await end).match(/^.*action: receive_message \| result: success .*\n/gm)!;
    const kept = keptLines.map((line) => Number(/msg: (\d+)/.exec(line)![1]));
    expect(kept).to.deep.equal(Array.from({ length: lines - dropped }, (_, line) => line));
    // The lines of 20 ms are written together, in addition to the 4 MiB.
    expect(keptLines.join('').length).to.be.within(4 * 2 ** 20, 8 * 2 ** 20);
  });

  describe('(and one with read output)', () => {
    /** Runs an agency with many winners, whose documents are the last lines of its log. */
    async function runAgency(stdout: ProgramOutput, textOf: (client: App) => Promise<string>): Promise<void> {
      const bets = generateBets(1, 30_000, 2);
      await sandbox.write('agency-1.csv', formatBets(bets));
      const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
      const client = launch('client', { stdout }, { env: clientEnv(port) });
      const text = await textOf(client);
      expect((await client.end()).code).to.equal(0);
      const winners = text.matchAll(/action: ganador \| result: success \| dni: (\d+)\n/g);
      expect(Array.from(winners, ([, document]) => document)).to.deep.equal(winnersAmong(bets));
      expect(text).to.match(/action: exit \| result: success\n$/);
    }

    it('writes all of a long log to a pipe', async () => {
      const log = createPipe();
      await runAgency(log, () => log.drain());
    });

    it('writes all of a long log to a file', async () => {
      const path = sandbox.path('log');
      const fd = openSync(path, 'w');
      await runAgency({ writeEnd: fd, releaseWriteEnd: () => closeSync(fd) }, async (client) => {
        await client.end();
        return readFile(path, 'utf8');
      });
    });
  });

  describe('(--json)', () => {
    const launchAgency = (port: number, outputs: { stdout?: ProgramOutput; stderr?: ProgramOutput }): App =>
      launch('client', outputs, { args: ['--json'], env: clientEnv(port) });

    it('prints its complete result on stdout despite a blocked log on stderr', async () => {
      const bets = generateBets(1, 1_000, 50);
      await sandbox.write('agency-1.csv', formatBets(bets));
      const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
      const log = createPipe();
      await log.clog();
      const client = launchAgency(port, { stderr: log });
      expect((await client.end()).code).to.equal(0);
      expect(JSON.parse(client.stdout)).to.deep.include({ bets: 1_000, winners: winnersAmong(bets) });
    });

    it('keeps its result for a slow reader', async () => {
      const bets = generateBets(1, 40_000, 2);
      await sandbox.write('agency-1.csv', formatBets(bets));
      const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
      const result = createPipe();
      await result.clog();
      const client = launchAgency(port, { stdout: result });
      await client.errorLine(/action: exit \| result: success/);
      const later = client.end(1_000).then(
        () => 'ended',
        () => 'waits',
      );
      expect(await later).to.equal('waits');
      const text = await result.drain();
      expect((await client.end()).code).to.equal(0);
      expect(JSON.parse(text)).to.deep.include({ bets: 40_000, winners: winnersAmong(bets) });
    });

    it('ends with 0 within 2 s of SIGTERM while its result waits for a reader', async () => {
      await sandbox.write('agency-1.csv', formatBets(generateBets(1, 100)));
      const { port } = await sandbox.startServer({ SERVER_AGENCIES: '1' });
      const result = createPipe();
      await result.clog();
      const client = launchAgency(port, { stdout: result });
      await client.errorLine(/action: exit \| result: success/);
      await expectGoodEnd(client);
    });
  });

  for (const program of ['server', 'client', 'echoServer', 'echoClient', 'newDraw'] as const) {
    it(`ends with 2 for unusable settings despite a blocked stderr: ${program}`, async () => {
      const errors = createPipe();
      await errors.clog();
      const app = launch(program, { stderr: errors }, { env: { CONFIG_FILE: 'nowhere.ini' } });
      expect((await app.end(MOST_MS)).code).to.equal(2);
    });
  }

  it('ends with 1 for unusable settings of the health check despite a blocked stderr', async () => {
    const errors = createPipe();
    await errors.clog();
    const app = launch('healthcheck', { stderr: errors }, { env: { CONFIG_FILE: 'nowhere.ini' } });
    expect((await app.end(MOST_MS)).code).to.equal(1);
  });

  it('ends with 0 within 2 s of SIGTERM: a new draw', async () => {
    const { app: server } = await sandbox.startServer();
    await server.stop('SIGTERM');
    const output = createPipe();
    await output.clog();
    const newDraw = launch('newDraw', { stdout: output }, { env: { SERVER_DATA_DIR: sandbox.path('store') } });
    const isMoved = async (): Promise<boolean> => {
      const [archive, ...more] = await readdir(sandbox.path('store'));
      return more.length === 0 && archive!.startsWith('archive-');
    };
    await eventually('the store is in an archive', isMoved, 10_000);
    await expectGoodEnd(newDraw);
  });

  it('ends with 0 within 2 s of SIGTERM: the whole lottery', async () => {
    await sandbox.write('agency-1.csv', formatBets(generateBets(1, 100)));
    const output = createPipe();
    await output.clog();
    const run = launch('run', { stdout: output }, { args: ['--agencies', '1', '--data', '.'] });
    const log = sandbox.path('.data/run/server.log');
    const hasEnded = async (): Promise<boolean> =>
      /action: exit \| result: success\n$/.test(await readFile(log, 'utf8').catch(() => ''));
    await eventually('the server has ended', hasEnded, 20_000);
    await expectGoodEnd(run);
  });
});
