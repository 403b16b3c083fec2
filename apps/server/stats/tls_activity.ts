/** The ends of validity of the certificates and lists in use. */
export interface TlsExpiry {
  /** Of the server's certificate. */
  readonly certificate: Date;
  /** Of the first authority to end. */
  readonly clientCa: Date;
  /** Of the first revocation list to end; undefined without one. */
  readonly revocations: Date | undefined;
}

/** The counters of a server with TLS since its start. */
export class TlsActivity {
  /** The failed handshakes and refused certificates, by the reason. */
  readonly failures = new Map<string, number>();
  /** Undefined before the files are read. */
  expiry: TlsExpiry | undefined;
  reloads = 0;
  failedReloads = 0;

  handshakeFailed(reason: string): void {
    this.failures.set(reason, (this.failures.get(reason) ?? 0) + 1);
  }
}
