import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { findFreePort } from '../../tools/free_port';
import { generateBets } from '../support/generated_bets';
import { LotteryCertificates } from '../support/lottery_certificates';
import { LotterySandbox } from '../support/lottery_sandbox';
import { type WireClient } from '../support/wire_client';
import { requireComplete } from '../torture/support/oracle';
import { RecordingAgency } from '../torture/support/recording_agency';
import { dialPort, ServerProcess } from '../torture/support/server_process';

const ALLOWED = 64;
const CONNECTIONS = 200;
/** The most connections that may wait for a PROXY header: an eighth of the free descriptors. */
const WAITING = 6;

/** A connection without a message, with the received bytes and its end. */
interface SilentConnection {
  readonly socket: Socket;
  text: string;
  wasReset: boolean;
}

describe('a server with a low limit of open files', function () {
  this.timeout(60_000);
  let directory: string;
  const connections: SilentConnection[] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'descriptors-'));
  });

  afterEach(async () => {
    for (const { socket } of connections.splice(0)) socket.destroy();
    await ServerProcess.killAll();
    await rm(directory, { recursive: true, force: true });
  });

  function startServer(allowed: number, settings: Record<string, string> = {}): ServerProcess {
    const environment = { SERVER_DATA_DIR: directory, SERVER_AGENCIES: '1', ...settings };
    return new ServerProcess(environment, { wrapper: ['bash', '-c', `ulimit -n ${allowed} && exec "$0" "$@"`] });
  }

  async function openConnection(port: number): Promise<SilentConnection> {
    const socket = connect({ port, host: '127.0.0.1' });
    const connection: SilentConnection = { socket, text: '', wasReset: false };
    connections.push(connection);
    socket.on('data', (bytes: Buffer) => (connection.text += bytes.toString('latin1')));
    socket.on('error', () => (connection.wasReset = true));
    await once(socket, 'connect').catch(() => {});
    return connection;
  }

  const linesOf = (server: ServerProcess, pattern: RegExp): readonly string[] =>
    server.lines.filter((line) => pattern.test(line));

  async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + 20_000;
    while (!(await holds())) {
      if (performance.now() > deadline) throw new Error('the condition does not hold within 20 s');
      await delay(10);
    }
  }

  it('logs its number of sessions, counts every refused connection, and logs their number', async () => {
    const statusPort = await findFreePort();
    const server = startServer(ALLOWED, { SERVER_STATUS_PORT: String(statusPort) });
    const port = await server.listening;
    const metric = async (name: string): Promise<number> => {
      const text = await (
        await fetch(`http://127.0.0.1:${statusPort}/metrics`, { headers: { connection: 'close' } })
      ).text();
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)![1]);
    };
    const [warning] = linesOf(server, /WARNING {2}action: open_files/);
    const sessions = Number(/allowed: 64 \| sessions: (\d+) /.exec(warning!)![1]);
    expect(sessions).to.be.within(10, 40);
    await until(() => linesOf(server, /action: status_page \| result: success/).length === 1);

    for (let number = 0; number < CONNECTIONS; number += 20) {
      await Promise.all(Array.from({ length: 20 }, () => openConnection(port)));
    }
    await until(() => connections.filter(({ socket }) => socket.closed).length === CONNECTIONS - sessions);
    const open = connections.filter(({ socket }) => !socket.closed);
    const refused = connections.filter(({ socket }) => socket.closed);
    for (const { text, wasReset } of refused) {
      expect(wasReset ? '' : text).to.match(
        wasReset ? /^$/ : new RegExp(`^E.{6}busy: ${sessions} sessions are open`, 's'),
      );
    }
    expect(refused.filter(({ wasReset }) => !wasReset).length, 'answers').to.be.greaterThan(0);
    expect(linesOf(server, /action: accept_connections \| result: success/)).to.have.lengthOf(sessions);
    expect(await metric('lottery_sessions_allowed')).to.equal(sessions);
    expect(await metric('lottery_session_errors_total{code="busy"}')).to.equal(refused.length);
    expect(await metric('process_max_fds')).to.equal(ALLOWED);
    expect(await metric('process_open_fds')).to.be.below(ALLOWED);

    // An agency with retries is accepted after a close, and all its bets are stored.
    open[0]!.socket.destroy();
    const bets = generateBets(1, 5_000);
    const agency = new RecordingAgency({ id: 1, bets, betsPerBatch: 100, window: 32, beforeRetry: () => delay(20) });
    await agency.run(() => dialPort(port));
    for (const { socket } of open) socket.destroy();
    expect(await server.stop('SIGTERM')).to.deep.equal({ code: 0, signal: null });
    // The agency may have been refused once more.
    const counts = linesOf(
      server,
      /action: accept_connections \| result: fail \| .* error: busy \| limit: sessions \|/,
    ).map((line) => Number(/refused: (\d+)$/.exec(line)![1]));
    expect(counts).to.have.lengthOf(2);
    expect(counts[0]! + counts[1]!).to.be.at.least(refused.length);
    requireComplete(await readFile(join(directory, 'bets.csv')), [agency]);
  });

  it('has descriptors left beside connections of a proxy that send no header', async () => {
    const statusPort = await findFreePort();
    const server = startServer(ALLOWED, { SERVER_STATUS_PORT: String(statusPort), SERVER_PROXY_FROM: '127.0.0.1' });
    const port = await server.listening;
    await until(() => linesOf(server, /action: status_page \| result: success/).length === 1);
    for (let number = 0; number < CONNECTIONS; number += 20) {
      await Promise.all(Array.from({ length: 20 }, () => openConnection(port)));
    }
    await until(() => connections.filter(({ wasReset }) => wasReset).length >= CONNECTIONS - WAITING);

    const bets = generateBets(1, 5_000);
    const agency = new RecordingAgency({ id: 1, bets, betsPerBatch: 100, window: 32, beforeRetry: () => delay(20) });
    await agency.run(() => dialPort(port, '127.0.0.2'));
    const text = await (await fetch(`http://127.0.0.1:${statusPort}/metrics`)).text();
    const metric = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)![1]);
    expect(metric('process_open_fds')).to.be.below(ALLOWED);
    expect(metric('lottery_accept_failures_total')).to.equal(0);
    expect(metric('lottery_limited_total\\{limit="proxy_header"\\}')).to.be.at.least(CONNECTIONS - WAITING);
    expect(await server.stop('SIGTERM')).to.deep.equal({ code: 0, signal: null });
    requireComplete(await readFile(join(directory, 'bets.csv')), [agency]);
  });

  it('has descriptors left beside silent TLS handshakes', async () => {
    const sandbox = await LotterySandbox.create();
    try {
      const certificates = await LotteryCertificates.create(sandbox, 1);
      const { certificate, key } = await certificates.writeAgency('agency-1', 1);
      const server = startServer(ALLOWED, { ...certificates.server, SERVER_MESSAGE_TIMEOUT_MS: '60000' });
      const port = await server.listening;
      const [warning] = linesOf(server, /WARNING {2}action: open_files/);
      const sessions = Number(/allowed: 64 \| sessions: (\d+) /.exec(warning!)![1]);
      for (let number = 0; number < CONNECTIONS; number += 20) {
        await Promise.all(Array.from({ length: 20 }, () => openConnection(port)));
      }
      await until(() => connections.filter(({ socket }) => !socket.closed).length <= Math.ceil(sessions / 3));
      // The place of a handshake is free once the server has its end.
      connections.find(({ socket }) => !socket.closed)!.socket.destroy();
      let agency: WireClient | undefined;
      await until(async () => {
        agency = await sandbox.connectTls(port, { cert: certificate, key }).catch(() => undefined);
        return agency !== undefined;
      });
      expect(await agency!.ask('N', '1')).to.equal('O 0');
      expect(await server.stop('SIGTERM')).to.deep.equal({ code: 0, signal: null });
      const counts = linesOf(server, /error: busy \| limit: handshakes \|/).map((line) =>
        Number(/refused: (\d+)$/.exec(line)![1]),
      );
      expect(counts).to.have.lengthOf(2);
      expect(counts[0]! + counts[1]!).to.be.at.least(CONNECTIONS - Math.ceil(sessions / 3));
    } finally {
      await sandbox.dispose();
    }
  });

  it('does not start without a descriptor for a session', async () => {
    const server = startServer(34);
    const { code } = await server.ended;
    expect(code).to.equal(1);
    expect(server.lines.join('\n')).to.match(
      /ERROR {4}action: open_files \| result: fail \| open: \d+ \| allowed: 34 \|/,
    );
    expect(server.stderr).to.equal('');
  });
});
