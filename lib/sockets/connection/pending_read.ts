import { Deferred } from '../../async/deferred';
import { type Endpoints, type SocketError } from '../../errors';
import { type FrameDecoder } from './frame_decoder';
import { type StreamSocket } from '../stream_socket';
import { type Cancellable, Deadlines, type ReceiveOptions } from '../../async/deadlines';

/**
 * The read that waits: what it needs, and its clocks. One is made for every message that is not there yet, so it extends
 * nothing: calling the constructor of a base class costs as much as all else here.
 */
export class PendingRead<Content> implements Cancellable {
  private readonly outcome = new Deferred<Content | null>();
  private readonly limits: Deadlines | undefined;
  private messageBegun = false;

  /** @param forget called with `socket` when a limit has ended the read, before it fails: a closure would cost memory. */
  constructor(
    readonly decoder: FrameDecoder<Content>,
    /** How many bytes must be there before it is worth looking again. */
    public needed: number,
    endpoints: Endpoints,
    private readonly options: ReceiveOptions | undefined,
    private readonly socket: StreamSocket,
    private readonly forget: (socket: StreamSocket) => void,
  ) {
    if (options !== undefined) this.limits = new Deadlines('receive', endpoints, options, this);
  }

  get promise(): Promise<Content | null> {
    return this.outcome.promise;
  }

  get hasMessageLimit(): boolean {
    return this.options?.messageTimeoutMs !== undefined;
  }

  /** Nothing of the message has come: the idle clock runs. */
  awaitFirstByte(): void {
    this.limits?.startReadClock('idle', this.options?.idleTimeoutMs);
  }

  /**
   * Part of the message is there: the message's own clock runs, and the idle clock no more.
   *
   * @param since when the first byte was seen, by the monotonic clock: perhaps by an earlier read, which gave up.
   */
  awaitRest(since: number | undefined): void {
    if (this.messageBegun || this.limits === undefined) return;
    this.messageBegun = true;
    const elapsedMs = since === undefined ? 0 : performance.now() - since;
    this.limits.startReadClock('message', this.options?.messageTimeoutMs, elapsedMs);
  }

  cancel(error: SocketError): void {
    this.forget(this.socket);
    this.outcome.reject(error);
  }

  resolve(content: Content | null): void {
    this.limits?.stop();
    this.outcome.resolve(content);
  }

  reject(error: unknown): void {
    this.limits?.stop();
    this.outcome.reject(error);
  }
}
