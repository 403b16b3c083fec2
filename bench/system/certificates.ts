import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CertificateAuthority,
  type Identity,
  newKeys,
  type Validity,
  validFor,
} from '../../tools/certificates/certificate_authority';
import { writeCertificates } from '../../tools/certificates/certificate_files';

/** The settings of TLS with all certificates checked, of the server and of agencies. */
export type TlsSettings = Readonly<Record<string, string>>;

/** A certificate of each agency, with one key for all of them: a pair of keys for each would take a minute. */
export interface CrowdCertificates {
  readonly settings: TlsSettings;
  readonly ca: Buffer;
  readonly key: Buffer;
  /** In PEM, by the id of the agency. */
  readonly certificateOf: (agency: number) => string;
}

/** The files in the directory are kept for further runs. */
const VALID_DAYS = 3650;
const END_OF_CERTIFICATE = '-----END CERTIFICATE-----';

/** Makes the certificates of a few agencies, each with a key of its own. Replaces those of an earlier run. */
export async function makeCertificates(directory: string, agencies: number): Promise<TlsSettings> {
  const target = join(directory, 'certificates');
  rmSync(target, { recursive: true, force: true });
  await writeCertificates(target, agencies);
  return settingsOf(target);
}

/** The certificate and the key of an agency of `makeCertificates`. */
export function identityOf(directory: string, agency: number): { readonly cert: Buffer; readonly key: Buffer } {
  const file = (name: string): Buffer => readFileSync(join(directory, 'certificates', name));
  return { cert: file(`agency-${agency}.pem`), key: file(`agency-${agency}.key.pem`) };
}

/** Makes the certificates of many agencies, or reads those of an earlier run. */
export async function crowdCertificates(directory: string, agencies: number): Promise<CrowdCertificates> {
  const target = join(directory, `certificates-${agencies}`);
  if (!existsSync(target)) await writeCrowd(target, agencies);
  const certificates = readFileSync(join(target, 'agencies.pem'), 'latin1').split(END_OF_CERTIFICATE);
  return {
    settings: settingsOf(target),
    ca: readFileSync(join(target, 'ca.pem')),
    key: readFileSync(join(target, 'agencies.key.pem')),
    certificateOf: (agency) => certificates[agency - 1]! + END_OF_CERTIFICATE,
  };
}

function settingsOf(directory: string): TlsSettings {
  return {
    SERVER_TLS: 'on',
    SERVER_TLS_CERT_FILE: join(directory, 'server.pem'),
    SERVER_TLS_KEY_FILE: join(directory, 'server.key.pem'),
    SERVER_TLS_CLIENT_CA_FILE: join(directory, 'ca.pem'),
    SERVER_TLS_CRL_FILE: join(directory, 'crl.pem'),
    CLI_TLS: 'on',
    CLI_TLS_CA_FILE: join(directory, 'ca.pem'),
    CLI_TLS_CERT_FILE: join(directory, 'agency-{id}.pem'),
    CLI_TLS_KEY_FILE: join(directory, 'agency-{id}.key.pem'),
  };
}

async function writeCrowd(target: string, agencies: number): Promise<void> {
  const validity = validFor(VALID_DAYS);
  const authority = await CertificateAuthority.create('lottery CA', validity);
  const server = { name: 'server', names: [{ type: 'ip', value: '127.0.0.1' }], role: 'server' } as const;
  const { certificate, key } = await authority.issue(server, validity);
  const keys = await newKeys();
  const issue = (agency: number): Promise<Identity> => issueTo(agency, authority, validity, keys);
  const issued: Identity[] = [];
  for (let agency = 1; agency <= agencies; agency++) issued.push(await issue(agency));

  const part = `${target}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { mode: 0o700 });
  const files: Readonly<Record<string, string>> = {
    'ca.pem': authority.certificate,
    'crl.pem': await authority.revoke([], validity),
    'server.pem': certificate,
    'server.key.pem': key,
    'agencies.key.pem': issued[0]!.key,
    'agencies.pem': issued.map((identity) => identity.certificate).join(''),
  };
  for (const [file, content] of Object.entries(files)) writeFileSync(join(part, file), content, { mode: 0o600 });
  renameSync(part, target);
}

function issueTo(
  agency: number,
  authority: CertificateAuthority,
  validity: Validity,
  keys: CryptoKeyPair,
): Promise<Identity> {
  const names = [{ type: 'url', value: `urn:lottery:agency:${agency}` }] as const;
  return authority.issue({ name: `agency ${agency}`, names, role: 'client' }, validity, keys);
}
