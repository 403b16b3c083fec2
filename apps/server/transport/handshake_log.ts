import { type ActionLog } from '../../runtime/action_log';

/** The log has one line a minute of one address. */
const WINDOW_MS = 60_000;

/** The number of addresses with a line of their own; all others share one. */
const MOST_ADDRESSES = 256;
const OTHERS = 'others';

/** The failures of an address since its last line. */
interface Failures {
  count: number;
  error: string;
}

/**
 * The lines of failed TLS handshakes: the first failure of an address at once, and the number of further ones once a
 * minute. An address without failures in a minute begins anew.
 */
export class HandshakeLog {
  private readonly addresses = new Map<string, Failures>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly log: Pick<ActionLog, 'warning'>) {}

  /** @param ip the address of the peer; undefined if it is unknown. */
  add(ip: string | undefined, error: string): void {
    const address = this.addressFor(ip ?? OTHERS);
    const known = this.addresses.get(address);
    if (known !== undefined) {
      known.count++;
      known.error = error;
      return;
    }
    this.addresses.set(address, { count: 0, error });
    this.log.warning('tls_handshake', 'fail', { ip: address, error });
    this.timer ??= setInterval(() => this.writeCounts(), WINDOW_MS).unref();
  }

  /** Writes the counts that have no line yet. */
  close(): void {
    this.writeCounts();
    clearInterval(this.timer);
  }

  private addressFor(ip: string): string {
    return this.addresses.has(ip) || this.addresses.size < MOST_ADDRESSES ? ip : OTHERS;
  }

  private writeCounts(): void {
    for (const [ip, failures] of this.addresses) {
      const { count, error } = failures;
      if (count === 0) {
        this.addresses.delete(ip);
        continue;
      }
      failures.count = 0;
      this.log.warning('tls_handshake', 'fail', { ip, failures: count, error });
    }
    if (this.addresses.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
