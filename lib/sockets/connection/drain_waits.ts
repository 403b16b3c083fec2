import { type WaitOptions } from '../../async/deadlines';
import { quiet } from '../../async/deferred';
import { Waiter } from '../../async/waiter';
import { type Endpoints, type SocketError } from '../../errors';

/** A call that waits until the number of unsent bytes is at most `limitBytes`. */
interface DrainWait {
  readonly limitBytes: number;
  readonly waiter: Waiter<void>;
}

/** The calls of one connection that wait until few bytes are unsent. A deadline or signal ends one call, and nothing else. */
export class DrainWaits {
  private readonly waits = new Set<DrainWait>();

  /** Waits for `onUnsentBytes` with at most `limitBytes`. */
  add(limitBytes: number, endpoints: Endpoints, options: WaitOptions | undefined): Promise<void> {
    const waiter = new Waiter<void>('drain', endpoints, options, () => this.waits.delete(wait));
    const wait = { limitBytes, waiter };
    this.waits.add(wait);
    return quiet(waiter.promise);
  }

  /** The number of unsent bytes has gone down. */
  onUnsentBytes(unsentBytes: number): void {
    for (const wait of this.waits) {
      if (unsentBytes > wait.limitBytes) continue;
      this.waits.delete(wait);
      wait.waiter.resolve();
    }
  }

  /** The connection has ended: all calls fail. */
  fail(error: SocketError): void {
    for (const { waiter } of this.waits) waiter.reject(error);
    this.waits.clear();
  }
}
