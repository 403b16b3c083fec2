import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { ExitCode } from '../runtime/exit_code';
import { endProcess } from '../runtime/process_end';
import { loadSettings } from '../runtime/settings';
import { writeLine, written } from '../runtime/standard_streams';
import { describeWithFileLimit } from './process/open_file_limit';
import { SERVER_SETTINGS } from './settings';
import { statusUsesTls } from './status/status_tls';

/**
 * The HEALTHCHECK of a container. The exit code is 0 if the server with these settings is ready, otherwise 1 with the
 * reason on stderr. Without a status page (SERVER_STATUS_PORT 0) a server that accepts a connection counts as ready. It
 * may still open its files then, and the connections wait for that.
 */

const TIMEOUT_MS = 2_000;

/** Rejects with the reason if the server is not ready. */
async function requireReady(): Promise<void> {
  const settings = loadSettings(SERVER_SETTINGS, { defaultFile: 'config/server.ini', environment: process.env });
  const { SERVER_STATUS_IP, SERVER_STATUS_PORT, SERVER_IP, SERVER_PORT } = settings;
  if (SERVER_STATUS_PORT === 0) await requireAccepting(reachable(SERVER_IP), SERVER_PORT);
  else await requireReadyAnswer(reachable(SERVER_STATUS_IP), SERVER_STATUS_PORT, statusUsesTls(settings));
}

async function requireReadyAnswer(host: string, port: number, usesTls: boolean): Promise<void> {
  const options = { host, port, path: '/readyz', timeout: TIMEOUT_MS };
  // The certificate need not have the address of this machine, and the request has no secret.
  const request = usesTls
    ? process.getBuiltinModule('node:https').get({ ...options, rejectUnauthorized: false })
    : get(options);
  request.on('timeout', () => request.destroy(tooSlow()));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  if (response.statusCode !== 200) throw new Error(`the server is not ready: it answers ${response.statusCode}`);
}

async function requireAccepting(host: string, port: number): Promise<void> {
  const socket = connect({ host, port, timeout: TIMEOUT_MS });
  socket.on('timeout', () => socket.destroy(tooSlow()));
  await once(socket, 'connect');
}

function tooSlow(): Error {
  return new Error(`the server did not answer within ${TIMEOUT_MS} ms`);
}

/** A server bound to all addresses is reachable by the loopback address. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

requireReady().then(
  () => process.exit(ExitCode.done),
  (error: Error) => {
    writeLine(process.stderr, `healthcheck: ${describeWithFileLimit(error)}`);
    return endProcess(ExitCode.failed, { logs: [written(process.stderr)] });
  },
);
