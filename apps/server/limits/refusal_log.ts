import { type Address, addressGroup } from '../../../lib/index';
import { type ActionLog, describePeer, type LogFields } from '../../runtime/action_log';

const LINE_INTERVAL_MS = 60_000;
/** The lines are at most so much later. */
const CHECK_INTERVAL_MS = 5_000;

/** The addresses and agencies with a line of their own. Those beyond share one, so that the memory is bounded. */
const MAX_SENDERS = 4096;
const OTHERS = 'others';

/** The refusals of one address or agency since its last line. */
interface Refusals {
  count: number;
  /** The earliest time of the next line (`performance.now()`). */
  nextLineAt: number;
  remote: Address | undefined;
  readonly agency: number | undefined;
  fields: LogFields;
}

/**
 * The lines of refused connections (or of another refused `action`), at most one a minute for each address (IPv6: for
 * each /64 prefix), and for each agency that its own limits refuse, from any address: the first refusal at once, all
 * others of the minute together at its end, with their number and the fields of the last one.
 */
export class RefusalLog {
  private readonly senders = new Map<string, Refusals>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly log: ActionLog,
    private readonly action = 'accept_connections',
    private readonly maxSenders = MAX_SENDERS,
  ) {}

  /**
   * @param remote undefined for a connection without an address.
   * @param agency whose limit it is; undefined for a limit of the address or the server.
   */
  refused(remote: Address | undefined, fields: LogFields, agency?: number): void {
    const group = this.groupOf(remote, agency);
    const refusals = this.senders.get(group);
    if (refusals !== undefined) {
      Object.assign(refusals, { count: refusals.count + 1, remote, fields });
      return;
    }
    const first = { count: 1, nextLineAt: 0, remote, agency, fields };
    this.senders.set(group, first);
    this.write(group, first);
    this.timer ??= setInterval(() => this.writeDueLines(), CHECK_INTERVAL_MS).unref();
  }

  /** Writes the lines of the last minute. */
  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    for (const [group, refusals] of this.senders) if (refusals.count > 0) this.write(group, refusals);
    this.senders.clear();
  }

  private groupOf(remote: Address | undefined, agency: number | undefined): string {
    const group = agency === undefined ? addressOf(remote) : `agency ${agency}`;
    return this.senders.has(group) || this.senders.size < this.maxSenders ? group : OTHERS;
  }

  private writeDueLines(): void {
    const now = performance.now();
    for (const [group, refusals] of this.senders) {
      if (now < refusals.nextLineAt) continue;
      if (refusals.count === 0) this.senders.delete(group);
      else this.write(group, refusals);
    }
    if (this.senders.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private write(group: string, refusals: Refusals): void {
    const { count, fields } = refusals;
    const peer = group === OTHERS ? { ip: OTHERS } : describe(refusals);
    this.log.warning(this.action, 'fail', { ...peer, ...fields, refused: count });
    refusals.count = 0;
    refusals.nextLineAt = performance.now() + LINE_INTERVAL_MS;
  }
}

function addressOf(remote: Address | undefined): string {
  return remote?.host === undefined ? '' : addressGroup(remote.host);
}

function describe({ agency, remote }: Refusals): LogFields {
  const peer = describePeer({ remoteAddress: remote });
  return agency === undefined ? peer : { agency, ...peer };
}
