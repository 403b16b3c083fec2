import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../../apps/runtime/coded_error';
import { MAX_SERVERS } from '../max_servers';
import { CertificateAuthority, type Identity, validFor } from './certificate_authority';

/** The certificates of a lottery are valid for a year; those of production come from the operator's own authority. */
const DAYS = 365;

const DIRECTORY_MODE = 0o700;
const KEY_MODE = 0o600;
const PUBLIC_MODE = 0o644;

/**
 * The names of the server: those in the network of the containers, where `server` also is the name of several servers
 * together, and those of this machine.
 */
const SERVER_NAMES = [
  { type: 'dns', value: 'server' },
  ...Array.from({ length: MAX_SERVERS }, (_, index) => ({ type: 'dns', value: `server${index + 1}` }) as const),
  { type: 'dns', value: 'localhost' },
  { type: 'ip', value: '127.0.0.1' },
  { type: 'ip', value: '::1' },
] as const;

/** The directory has files already. Nothing was written. */
export class ExistingCertificatesError extends CodedError {
  readonly code = 'EXISTING_CERTIFICATES';
}

/**
 * Writes the certificates and keys of a lottery: `ca`, `server` and `agency-1` to `agency-N`, each as `.pem` and
 * `.key.pem`, and `crl.pem`, a revocation list without entries. A key is readable by its owner only.
 *
 * @returns the paths of the files.
 * @throws ExistingCertificatesError
 */
export async function writeCertificates(directory: string, agencies: number): Promise<readonly string[]> {
  await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
  if ((await readdir(directory)).length > 0) {
    throw new ExistingCertificatesError(`${directory} has files already: remove it, or choose another DIR`);
  }
  await chmod(directory, DIRECTORY_MODE);
  const validity = validFor(DAYS);
  const authority = await CertificateAuthority.create('lottery CA', validity);
  const written: string[] = [];
  const write = async (name: string, content: string, mode: number): Promise<void> => {
    const path = join(directory, name);
    await writeFile(path, content, { flag: 'wx', mode });
    written.push(path);
  };
  const writeIdentity = async (name: string, { certificate, key }: Pick<Identity, 'certificate' | 'key'>) => {
    await write(`${name}.key.pem`, key, KEY_MODE);
    await write(`${name}.pem`, certificate, PUBLIC_MODE);
  };
  await writeIdentity('ca', authority);
  await write('crl.pem', await authority.revoke([], validity), PUBLIC_MODE);
  const server = { name: 'lottery server', names: SERVER_NAMES, role: 'server' } as const;
  await writeIdentity('server', await authority.issue(server, validity));
  for (let agency = 1; agency <= agencies; agency++) {
    const names = [{ type: 'url', value: `urn:lottery:agency:${agency}` }] as const;
    const identity = await authority.issue({ name: `agency ${agency}`, names, role: 'client' }, validity);
    await writeIdentity(`agency-${agency}`, identity);
  }
  return written;
}
