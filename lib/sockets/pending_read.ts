import { type Ends } from './errors';
import { type FrameReader } from './frame_reader';
import { type ReceiveOptions } from './receive_options';
import { Waiter } from './waiter';

/** The read that waits: what it needs, and its clocks. */
export class PendingRead<Content> extends Waiter<Content | null, ReceiveOptions> {
  private messageBegun = false;

  constructor(
    readonly reader: FrameReader<Content>,
    /** How many bytes must be there before it is worth looking again. */
    public needed: number,
    ends: Ends,
    options: ReceiveOptions | undefined,
    onGivenUp: (() => void) | undefined,
  ) {
    super('receive', ends, options, onGivenUp);
  }

  get hasMessageLimit(): boolean {
    return this.options?.messageTimeoutMs !== undefined;
  }

  /** Nothing of the message has come: the idle clock runs. */
  awaitFirstByte(): void {
    if (this.options?.idleTimeoutMs !== undefined) this.startPhase('idle', this.options.idleTimeoutMs);
  }

  /**
   * Part of the message is there: the message's own clock runs, and the idle clock no more.
   *
   * @param since when the first byte was seen, by the monotonic clock: perhaps by an earlier read, which gave up.
   */
  awaitRest(since: number | undefined): void {
    if (this.messageBegun || this.options === undefined) return;
    this.messageBegun = true;
    this.startPhase('message', this.options.messageTimeoutMs, since === undefined ? 0 : performance.now() - since);
  }
}
