import { type Cancellable, Deadlines, type ReceiveOptions } from '../../async/deadlines';
import { Deferred } from '../../async/deferred';
import { type Endpoints } from '../../errors';
import { type FrameDecoder } from './frame_decoder';

/**
 * The read that waits for bytes: its decoder, its promise and its clocks.
 *
 * One is made for each message that is not there yet. It extends no class: the constructor of a base class would cost as
 * much as all else here.
 */
export class PendingRead<Content> {
  private readonly outcome = new Deferred<Content | null>();
  private readonly deadlines: Deadlines | undefined;
  private isMessageClockStarted = false;

  /** @param owner cancels the read, by `reject`, if a deadline or the signal of `options` fires. */
  constructor(
    readonly decoder: FrameDecoder<Content>,
    /** The number of buffered bytes below which the frame cannot be complete. */
    public needed: number,
    private readonly options: ReceiveOptions | undefined,
    endpoints: Endpoints,
    owner: Cancellable,
  ) {
    if (options !== undefined) this.deadlines = new Deadlines('receive', endpoints, options, owner);
  }

  get promise(): Promise<Content | null> {
    return this.outcome.promise;
  }

  get hasMessageClock(): boolean {
    return this.options?.messageTimeoutMs !== undefined;
  }

  /** Starts the idle clock, which runs until the first byte of the message. */
  startIdleClock(): void {
    this.deadlines?.startReadClock('idle', this.options?.idleTimeoutMs);
  }

  /**
   * Starts the message clock in the place of the idle clock. Only the first call has an effect.
   *
   * @param begunAt when the first byte of the message was seen, by `performance.now()`; perhaps by an earlier read.
   */
  startMessageClock(begunAt: number | undefined): void {
    if (this.isMessageClockStarted || this.deadlines === undefined) return;
    this.isMessageClockStarted = true;
    const elapsedMs = begunAt === undefined ? 0 : performance.now() - begunAt;
    this.deadlines.startReadClock('message', this.options?.messageTimeoutMs, elapsedMs);
  }

  resolve(content: Content | null): void {
    this.deadlines?.stop();
    this.outcome.resolve(content);
  }

  reject(error: unknown): void {
    this.deadlines?.stop();
    this.outcome.reject(error);
  }
}
