/** The counters of a server with TLS since its start. */
export class TlsActivity {
  /** The failed handshakes and refused certificates, by the reason. */
  readonly failures = new Map<string, number>();
  /** The end of validity of the certificates that are in use. */
  expiry: { readonly certificate: Date; readonly clientCa: Date } | undefined;
  reloads = 0;
  failedReloads = 0;

  handshakeFailed(reason: string): void {
    this.failures.set(reason, (this.failures.get(reason) ?? 0) + 1);
  }
}
