import { get } from 'node:http';
import { connect } from 'node:net';
import { ExitCode } from '../runtime/exit_code';
import { endProcess } from '../runtime/process_end';
import { loadSettings } from '../runtime/settings';
import { writeLine, written } from '../runtime/standard_streams';
import { SERVER_SETTINGS } from './settings';

/**
 * A container's HEALTHCHECK: exit code 0 where the server that has these settings is ready, 1 where it is not. Without a
 * status page (SERVER_STATUS_PORT 0) it is taken for ready where it accepts a connection.
 */

const TIMEOUT_MS = 2_000;

async function isReady(): Promise<boolean> {
  const settings = loadSettings(SERVER_SETTINGS, { defaultFile: 'config/server.ini', environment: process.env });
  const { SERVER_STATUS_IP, SERVER_STATUS_PORT, SERVER_IP, SERVER_PORT } = settings;
  return SERVER_STATUS_PORT === 0
    ? acceptsConnections(reachable(SERVER_IP), SERVER_PORT)
    : saysItIsReady(reachable(SERVER_STATUS_IP), SERVER_STATUS_PORT);
}

function saysItIsReady(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ host, port, path: '/readyz', timeout: TIMEOUT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}

function acceptsConnections(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: TIMEOUT_MS });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('connect', () => settle(true));
    socket.on('timeout', () => settle(false));
    socket.on('error', () => settle(false));
  });
}

/** What is bound to every address is reached by the loopback's. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

isReady().then(
  (ready) => process.exit(ready ? ExitCode.done : ExitCode.failed),
  (error: unknown) => {
    writeLine(process.stderr, `healthcheck: ${(error as Error).message}`);
    return endProcess(ExitCode.failed, { logs: [written(process.stderr)] });
  },
);
