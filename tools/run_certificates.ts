import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The settings of TLS of the processes of a run. */
export interface RunTls {
  readonly server: Readonly<Record<string, string>>;
  readonly client: Readonly<Record<string, string>>;
}

/** The settings of a run by plain TCP. */
export const PLAIN_RUN: RunTls = { server: {}, client: {} };

/**
 * Makes the certificates of a run with the program of `make certificates`, and returns the settings with their files. (A run
 * by plain TCP does not load the library for certificates.)
 */
export async function makeRunCertificates(directory: string, agencies: number): Promise<RunTls> {
  const program = join(__dirname, 'generate_certificates.js');
  const options = ['--agencies', String(agencies), '--directory', directory];
  await promisify(execFile)(process.execPath, [program, ...options]);
  return {
    server: {
      SERVER_TLS: 'on',
      SERVER_TLS_CERT_FILE: join(directory, 'server.pem'),
      SERVER_TLS_KEY_FILE: join(directory, 'server.key.pem'),
      SERVER_TLS_CLIENT_CA_FILE: join(directory, 'ca.pem'),
      SERVER_TLS_CRL_FILE: join(directory, 'crl.pem'),
      SERVER_STATUS_TLS: process.env['SERVER_STATUS_TLS'] ?? 'on',
    },
    client: {
      CLI_TLS: 'on',
      CLI_TLS_CA_FILE: join(directory, 'ca.pem'),
      CLI_TLS_CERT_FILE: join(directory, 'agency-{id}.pem'),
      CLI_TLS_KEY_FILE: join(directory, 'agency-{id}.key.pem'),
    },
  };
}
