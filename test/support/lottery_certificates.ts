import { type JsonGeneralName } from '@peculiar/x509';
import {
  CertificateAuthority,
  type Identity,
  type Validity,
  validFor,
} from '../../tools/certificates/certificate_authority';
import { type LotterySandbox } from './lottery_sandbox';

/** A part of a certificate that differs from a valid one. */
export interface Deviation {
  readonly validity?: Validity;
  readonly names?: readonly JsonGeneralName[];
  readonly authority?: CertificateAuthority;
}

const DAY_MS = 86_400_000;
const daysFromNow = (days: number): Date => new Date(Date.now() + days * DAY_MS);

export const EXPIRED: Validity = { notBefore: daysFromNow(-20), notAfter: daysFromNow(-10) };
export const FUTURE: Validity = { notBefore: daysFromNow(10), notAfter: daysFromNow(20) };

/** The name of an agency in its certificate. */
export function agencyName(agency: number | string): JsonGeneralName {
  return { type: 'url', value: `urn:lottery:agency:${agency}` };
}

/** The authority, the certificates and the revocation list of a test, as files of its sandbox. */
export class LotteryCertificates {
  private constructor(
    readonly authority: CertificateAuthority,
    private readonly sandbox: LotterySandbox,
  ) {}

  /** Writes `ca.pem`, `crl.pem`, `server.pem` and `agency-1.pem` to `agency-N.pem`, each with its `.key.pem`. */
  static async create(sandbox: LotterySandbox, agencies: number): Promise<LotteryCertificates> {
    const made = new LotteryCertificates(await CertificateAuthority.create('test CA', validFor(100)), sandbox);
    await sandbox.write('ca.pem', made.authority.certificate);
    await made.revoke([]);
    await made.writeServer();
    for (let agency = 1; agency <= agencies; agency++) await made.writeAgency(`agency-${agency}`, agency);
    return made;
  }

  async writeServer({
    validity = validFor(100),
    names,
    authority = this.authority,
  }: Deviation = {}): Promise<Identity> {
    const all = names ?? [{ type: 'ip' as const, value: '127.0.0.1' }];
    return this.write('server', await authority.issue({ name: 'server', names: all, role: 'server' }, validity));
  }

  async writeAgency(file: string, agency: number, deviation: Deviation = {}): Promise<Identity> {
    const { validity = validFor(100), names = [agencyName(agency)], authority = this.authority } = deviation;
    return this.write(file, await authority.issue({ name: file, names, role: 'client' }, validity));
  }

  /** Replaces the revocation list. */
  async revoke(identities: readonly Identity[]): Promise<void> {
    const serialNumbers = identities.map(({ serialNumber }) => serialNumber);
    await this.sandbox.write('crl.pem', await this.authority.revoke(serialNumbers, validFor(100)));
  }

  /** The settings of a server with these files. */
  get server(): Record<string, string> {
    return {
      SERVER_TLS: 'on',
      SERVER_TLS_CERT_FILE: this.sandbox.path('server.pem'),
      SERVER_TLS_KEY_FILE: this.sandbox.path('server.key.pem'),
      SERVER_TLS_CLIENT_CA_FILE: this.sandbox.path('ca.pem'),
      SERVER_TLS_CRL_FILE: this.sandbox.path('crl.pem'),
    };
  }

  /** The settings of the agencies with these files. */
  get client(): Record<string, string> {
    return {
      CLI_TLS: 'on',
      CLI_TLS_CA_FILE: this.sandbox.path('ca.pem'),
      CLI_TLS_CERT_FILE: this.sandbox.path('agency-{id}.pem'),
      CLI_TLS_KEY_FILE: this.sandbox.path('agency-{id}.key.pem'),
    };
  }

  private async write(file: string, identity: Identity): Promise<Identity> {
    await this.sandbox.write(`${file}.key.pem`, identity.key);
    await this.sandbox.write(`${file}.pem`, identity.certificate);
    return identity;
  }
}
