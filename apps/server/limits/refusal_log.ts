import { type Address, addressGroup } from '../../../lib/index';
import { type ActionLog, describePeer, type LogFields } from '../../runtime/action_log';

const LINE_INTERVAL_MS = 60_000;
/** The lines are at most so much later. */
const CHECK_INTERVAL_MS = 5_000;

/** The addresses with a line of their own. Those beyond share one, so that the memory is bounded. */
const MAX_ADDRESSES = 4096;
const OTHERS = 'others';

/** The refusals of one address since its last line. */
interface Refusals {
  count: number;
  /** The earliest time of the next line (`performance.now()`). */
  nextLineAt: number;
  remote: Address | undefined;
  fields: LogFields;
}

/**
 * The lines of refused connections (or of another refused `action`), at most one a minute for each address (IPv6: for each /64 prefix): the first refusal
 * at once, all others of the minute together at its end, with their number and the fields of the last one.
 */
export class RefusalLog {
  private readonly addresses = new Map<string, Refusals>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly log: ActionLog,
    private readonly action = 'accept_connections',
    private readonly maxAddresses = MAX_ADDRESSES,
  ) {}

  /** @param remote undefined for a connection without an address. */
  refused(remote: Address | undefined, fields: LogFields): void {
    const group = this.groupOf(remote);
    const refusals = this.addresses.get(group);
    if (refusals !== undefined) {
      Object.assign(refusals, { count: refusals.count + 1, remote, fields });
      return;
    }
    const first = { count: 1, nextLineAt: 0, remote, fields };
    this.addresses.set(group, first);
    this.write(group, first);
    this.timer ??= setInterval(() => this.writeDueLines(), CHECK_INTERVAL_MS).unref();
  }

  /** Writes the lines of the last minute. */
  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    for (const [group, refusals] of this.addresses) if (refusals.count > 0) this.write(group, refusals);
    this.addresses.clear();
  }

  private groupOf(remote: Address | undefined): string {
    const group = remote?.host === undefined ? '' : addressGroup(remote.host);
    return this.addresses.has(group) || this.addresses.size < this.maxAddresses ? group : OTHERS;
  }

  private writeDueLines(): void {
    const now = performance.now();
    for (const [group, refusals] of this.addresses) {
      if (now < refusals.nextLineAt) continue;
      if (refusals.count === 0) this.addresses.delete(group);
      else this.write(group, refusals);
    }
    if (this.addresses.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private write(group: string, refusals: Refusals): void {
    const { count, remote, fields } = refusals;
    const peer = group === OTHERS ? { ip: OTHERS } : describePeer({ remoteAddress: remote });
    this.log.warning(this.action, 'fail', { ...peer, ...fields, refused: count });
    refusals.count = 0;
    refusals.nextLineAt = performance.now() + LINE_INTERVAL_MS;
  }
}
