import { type Address } from '../../address';
import { describeCause, ProxyHeaderRefusedError } from '../../errors';
import { destroyWithReset } from '../platform/stream_close';
import { type Arrival } from '../serving/arrival';
import { type RefusalReason } from '../serving/counters';
import { HeaderRead } from './header_read';
import { type ProxyHeader } from './proxy_header';
import { type ProxySettings } from './proxy_options';

/** What the PROXY headers of a listener lead to. */
export interface ProxyResults {
  /** The addresses of a connection are known; behind a proxy, they are those of its header. */
  onDone(arrival: Arrival): void;
  /** The connection was reset. */
  onRefused(arrival: Arrival, reason: RefusalReason): void;
}

/** The connections of a listener that wait for their PROXY header. */
export class ProxyHeaders {
  private readonly pending = new Map<HeaderRead, Arrival>();

  constructor(
    private readonly settings: ProxySettings,
    private readonly results: ProxyResults,
    private readonly local: () => Address | undefined,
  ) {}

  /** Begins to read the header of a connection, if it comes from a proxy. */
  begin(arrival: Arrival): void {
    if (!this.isProxy(arrival.remote)) {
      if (this.settings.isDirectAllowed) this.results.onDone(arrival);
      else this.refuse(arrival, 'untrustedProxy', 'is not accepted from this address');
    } else if (this.pending.size >= this.settings.maxWaiting) {
      this.reset(arrival, 'maxProxyHeaders');
    } else {
      this.read(arrival);
    }
  }

  /** Resets every connection that waits for its header. */
  close(): void {
    const pending = Array.from(this.pending);
    this.pending.clear();
    for (const [read, arrival] of pending) {
      read.stop();
      this.reset(arrival, 'listenerClosed');
    }
  }

  /** A TCP connection has no address either after a reset. */
  private isProxy(remote: Address | undefined): boolean {
    const local = this.local();
    if (local?.path !== undefined) return true;
    return remote?.host !== undefined && this.settings.trusted.includes(remote.host);
  }

  private read(arrival: Arrival): void {
    const read = new HeaderRead(arrival.raw, this.settings.timeoutMs, {
      onHeader: ({ source }: ProxyHeader) => {
        this.pending.delete(read);
        this.results.onDone({ raw: arrival.raw, remote: source ?? arrival.remote, proxy: arrival.remote });
      },
      onFailed: (problem, cause) => {
        this.pending.delete(read);
        this.refuse(arrival, 'proxyHeader', problem, cause);
      },
    });
    this.pending.set(read, arrival);
    read.start();
  }

  /** @param problem continues "the PROXY header …". */
  private refuse(arrival: Arrival, reason: RefusalReason, problem: string, cause?: Error): void {
    this.reset(arrival, reason);
    const endpoints = { local: this.local(), remote: arrival.remote };
    const detail = cause === undefined ? problem : `${problem} (${describeCause(cause)})`;
    this.settings.onRefused?.(new ProxyHeaderRefusedError(endpoints, detail, cause));
  }

  private reset(arrival: Arrival, reason: RefusalReason): void {
    destroyWithReset(arrival.raw);
    this.results.onRefused(arrival, reason);
  }
}
