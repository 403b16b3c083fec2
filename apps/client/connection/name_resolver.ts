import { inject, injectable } from 'inversify';
import { type ActionLog } from '../../runtime/action_log';
import { CodedError } from '../../runtime/coded_error';
import { raceStop, StoppedError } from '../stop';
import { TOKENS } from '../tokens';

/** The look-up of a server's name failed: no such name, or no response in time. Another look-up may succeed. */
export class NameLookupError extends CodedError {
  readonly code = 'NAME_LOOKUP_FAILED';
}

/** Finds all addresses of a host name, at least one. */
export type LookUp = (host: string) => Promise<readonly string[]>;

/** Looks a name up with getaddrinfo(3), with the hint of `net.connect`: IPv6 only on a machine with an IPv6 address. */
export function lookUpInSystem(host: string): Promise<readonly string[]> {
  // An agency with the IP address of its server does not load the module: 1 ms of a start, dns/promises another one.
  const { ADDRCONFIG, lookup } = process.getBuiltinModule('node:dns');
  return new Promise((resolve, reject) => {
    lookup(host, { all: true, hints: ADDRCONFIG }, (error, found) => {
      if (error === null) resolve(found.map(({ address }) => address));
      else reject(error);
    });
  });
}

/** Milliseconds for a look-up, and for one with an alternative: another server, or addresses from before. */
const TIMEOUT_MS = 5_000;
const TIMEOUT_WITH_ALTERNATIVE_MS = 1_500;

/** Looks names up. A name keeps its last addresses while its name server fails. */
@injectable()
export class NameResolver {
  /** The look-ups in progress, one for each name: they cannot be cancelled, and would fill Node's thread pool. */
  private readonly pending = new Map<string, Promise<readonly string[]>>();
  /** The addresses of the last successful look-up of each name. */
  private readonly known = new Map<string, readonly string[]>();

  constructor(
    @inject(TOKENS.LookUp) private readonly lookUp: LookUp,
    @inject(TOKENS.ActionLog) private readonly log: ActionLog,
  ) {}

  /**
   * The addresses of a name, sorted: many name servers rotate them.
   *
   * @param isOnly whether the agency has no other server. The time limit is longer then.
   * @throws NameLookupError no such name, or a failure of the name server without addresses from before.
   * @throws StoppedError as soon as `stop` fires.
   */
  async addressesOf(host: string, isOnly: boolean, stop: AbortSignal): Promise<readonly string[]> {
    const timeoutMs = isOnly && !this.known.has(host) ? TIMEOUT_MS : TIMEOUT_WITH_ALTERNATIVE_MS;
    try {
      return await this.lookUpInTime(host, timeoutMs, stop);
    } catch (cause) {
      if (cause instanceof StoppedError) throw cause;
      const { message, code } = cause as NodeJS.ErrnoException;
      const error = new NameLookupError(`look up ${host}: ${message}`, { cause });
      // The response of the name server: there is no such name.
      if (code === 'ENOTFOUND') this.known.delete(host);
      const known = this.known.get(host);
      if (known === undefined) throw error;
      this.log.warning('look_up', 'fail', { error: error.message, known: known.join(' ') });
      return known;
    }
  }

  private async lookUpInTime(host: string, timeoutMs: number, stop: AbortSignal): Promise<readonly string[]> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`timed out after ${timeoutMs} ms`)), timeoutMs);
    });
    try {
      return await raceStop(Promise.race([this.lookUpOnce(host), late]), stop);
    } finally {
      clearTimeout(timer);
    }
  }

  private lookUpOnce(host: string): Promise<readonly string[]> {
    const lookUp = this.pending.get(host) ?? this.lookUpAnew(host).finally(() => this.pending.delete(host));
    this.pending.set(host, lookUp);
    return lookUp;
  }

  private async lookUpAnew(host: string): Promise<readonly string[]> {
    const addresses = Array.from(await this.lookUp(host)).sort();
    this.known.set(host, addresses);
    return addresses;
  }
}
