import { Counter, Gauge, type Registry } from 'prom-client';
import { type TlsActivity } from '../../stats/tls_activity';
import { addCounter, HERE } from './read_metrics';

const DAY_MS = 86_400_000;

/** The reasons of the library's handshakes, and `no-agency`. Each is present from the start. */
const REASONS = [
  'certificate-missing',
  'certificate-expired',
  'certificate-not-yet-valid',
  'certificate-revoked',
  'certificate-unknown-authority',
  'certificate-invalid',
  'certificate-refused',
  'no-agency',
  'not-tls',
  'ended',
  'timeout',
  'protocol-version',
  'no-agreement',
  'other',
];

/** Adds the metrics of a server with TLS. */
export function addTlsMetrics(registers: Registry[], tls: TlsActivity): void {
  new Counter({
    name: 'lottery_tls_handshake_failures_total',
    help: `${HERE}failed TLS handshakes and refused certificates, by the reason.`,
    labelNames: ['reason'],
    registers,
    collect(): void {
      this.reset();
      for (const reason of new Set([...REASONS, ...tls.failures.keys()])) {
        this.inc({ reason }, tls.failures.get(reason) ?? 0);
      }
    },
  });
  new Gauge({
    name: 'lottery_tls_days_to_expiry',
    help: `${HERE}days until the end of what is in use: certificate, client_ca, crl (revocation list).`,
    labelNames: ['file'],
    registers,
    collect(): void {
      const now = Date.now();
      this.set({ file: 'certificate' }, (tls.expiry!.certificate.getTime() - now) / DAY_MS);
      this.set({ file: 'client_ca' }, (tls.expiry!.clientCa.getTime() - now) / DAY_MS);
      const { revocations } = tls.expiry!;
      if (revocations !== undefined) this.set({ file: 'crl' }, (revocations.getTime() - now) / DAY_MS);
    },
  });
  addCounter(
    registers,
    'lottery_tls_reloads_total',
    `${HERE}changes of the TLS files that are in use.`,
    () => tls.reloads,
  );
  addCounter(
    registers,
    'lottery_tls_failed_reloads_total',
    `${HERE}changes of the TLS files that cannot be used.`,
    () => tls.failedReloads,
  );
}
