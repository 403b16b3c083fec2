import { type AbortableWait, AbortWatch } from '../async/abort_watch';
import { checkWaitOptions, type ReceiveOptions } from '../async/deadlines';
import { AbortedError, type Endpoints, PipeFailedError, type SocketError, TimedOutError } from '../errors';
import { type StreamSocket } from './stream_socket';

/** The options of a pipe. */
export interface PipeOptions extends Pick<ReceiveOptions, 'signal'> {
  /**
   * Milliseconds without any progress, in either direction, until the pipe fails. Progress is a chunk of up to 64 KiB
   * that has been received or sent on. Default: no limit.
   */
  readonly idleTimeoutMs?: number | undefined;
}

/** The number of bytes that a pipe has sent on in each direction. */
export interface PipedBytes {
  readonly aToB: number;
  readonly bToA: number;
}

/** The longest delay that a Node timer can hold, in milliseconds. */
const MAX_TIMER_MS = 2_147_483_647;

/**
 * Sends everything that is received from `a` on to `b`, and the other way round. Each direction keeps the pace of its
 * receiver: at most `receiveBufferBytes` and a chunk of 64 KiB are held. The end of one direction is sent on, and the
 * other one goes on.
 *
 * @returns the bytes of both directions, when both have ended. Both sockets are closed then.
 * @throws PipeFailedError a socket was lost or closed, or the idle timeout was exceeded: `side` is the socket,
 * `cause` why. Both sockets are reset, so that neither peer takes the bytes so far for all.
 * @throws AbortedError the signal fired, and both sockets are reset; a signal that had fired before has no effect on them.
 * @throws TypeError, RangeError an option cannot be used, or `a` is `b`.
 */
export async function pipe(a: StreamSocket, b: StreamSocket, options: PipeOptions = {}): Promise<PipedBytes> {
  checkWaitOptions('pipe', {}, options);
  if (a === b) throw new TypeError('a pipe needs two sockets');
  return new Pipe(a, b, options).run();
}

class Pipe implements AbortableWait {
  private readonly aToB: Direction;
  private readonly bToA: Direction;
  private readonly idleTimer: NodeJS.Timeout | undefined;
  private failure: SocketError | undefined;

  constructor(
    private readonly a: StreamSocket,
    private readonly b: StreamSocket,
    private readonly options: PipeOptions,
  ) {
    const onProgress = (): unknown => this.idleTimer?.refresh();
    this.aToB = new Direction(a, b, onProgress);
    this.bToA = new Direction(b, a, onProgress);
    const { idleTimeoutMs = Infinity } = options;
    if (idleTimeoutMs <= MAX_TIMER_MS) this.idleTimer = setTimeout(() => this.onIdle(idleTimeoutMs), idleTimeoutMs);
  }

  async run(): Promise<PipedBytes> {
    const { a, b } = this;
    const watch = this.options.signal === undefined ? undefined : AbortWatch.of(this.options.signal);
    watch?.add(this);
    await Promise.all([this.runDirection(this.aToB), this.runDirection(this.bToA)]);
    clearTimeout(this.idleTimer);
    watch?.remove(this);
    await Promise.all([a.close(), b.close()]);
    if (this.failure !== undefined) throw this.failure;
    return this.piped;
  }

  onAbort(reason: unknown): void {
    this.fail(new AbortedError('pipe', {}, reason));
  }

  /** Never rejects. */
  private async runDirection(direction: Direction): Promise<void> {
    try {
      await direction.run();
    } catch (error) {
      this.failAt([direction.active!], error as SocketError);
    }
  }

  private onIdle(timeoutMs: number): void {
    const directions = [this.aToB, this.bToA].filter(({ active }) => active !== undefined);
    const sides = Array.from(new Set(directions.map(({ active }) => active!)));
    const operation = directions.every(({ isSending }) => isSending) ? 'send' : 'receive';
    const endpoints = sides.length === 1 ? endpointsOf(sides[0]!) : {};
    this.failAt(sides, new TimedOutError(operation, endpoints, timeoutMs, 'idle'));
  }

  private failAt(sockets: readonly StreamSocket[], cause: SocketError): void {
    const [socket, other] = sockets;
    if (other !== undefined) this.fail(new PipeFailedError({}, 'both', this.piped, cause));
    else this.fail(new PipeFailedError(endpointsOf(socket!), socket === this.a ? 'a' : 'b', this.piped, cause));
  }

  /** The first failure counts: the reset fails whatever else waits. */
  private fail(error: SocketError): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    this.a.reset();
    this.b.reset();
  }

  private get piped(): PipedBytes {
    return { aToB: this.aToB.bytes, bToA: this.bToA.bytes };
  }
}

/** One direction of a pipe. */
class Direction {
  /** The number of bytes that were sent on. */
  bytes = 0;
  /** The socket that this direction waits for; undefined after its end. */
  active: StreamSocket | undefined;

  constructor(
    private readonly from: StreamSocket,
    private readonly to: StreamSocket,
    private readonly onProgress: () => void,
  ) {
    this.active = from;
  }

  get isSending(): boolean {
    return this.active === this.to;
  }

  /** Sends everything on, and the end behind it. If it throws, `active` is the socket that has failed. */
  async run(): Promise<void> {
    const { from, to } = this;
    for await (const bytes of from) {
      this.active = to;
      this.onProgress();
      await to.sendAll(bytes);
      this.bytes += bytes.length;
      this.active = from;
      this.onProgress();
    }
    this.active = to;
    await to.shutdownWrite();
    this.active = undefined;
  }
}

function endpointsOf({ localAddress, remoteAddress }: StreamSocket): Endpoints {
  return { local: localAddress, remote: remoteAddress };
}
