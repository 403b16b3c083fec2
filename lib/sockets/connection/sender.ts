import { requireByteArray, requireWholeNumber } from '../../arguments';
import { checkWaitOptions, type WaitOptions } from '../../async/deadlines';
import { Deferred, quiet, rejection } from '../../async/deferred';
import { Waiter } from '../../async/waiter';
import { type Operation, SocketError, SocketStateError } from '../../errors';
import { type Connection, type Outgoing } from './connection';
import { DrainWaits } from './drain_waits';
import { WriteBatch } from './write_batch';

/**
 * The outgoing direction of a connection: the batch of this turn of the event loop, the batches in flight, and the end.
 *
 * **Sends.** All sends of one turn are one batch: they are written together, at the end of the turn, and settled
 * together. A send resolves when the stream has passed its batch on to the kernel. An expired deadline or a fired
 * signal resets the connection, because part of the bytes may have left.
 *
 * **Unsent bytes.** They are counted from the call of a send to the moment that settles its batch. The end of the
 * connection drops them. A call that waits for few of them changes nothing.
 *
 * **Shutdown.** The end leaves after the bytes of all earlier sends; a later send fails with `SocketStateError`. A
 * second shutdown waits for the same end.
 *
 * **Loss, close on this side.** Pending calls and all later ones fail with `ConnectionLostError` or
 * `SocketClosedError`. After a successful shutdown, a further shutdown still succeeds.
 *
 * **Unawaited calls.** Their failure is no unhandled rejection: the next read, or `closed`, gives the loss. A
 * mistake in the call is one, since nothing else shows it.
 */
export class Sender implements Outgoing {
  /** The batch of this turn of the event loop, not written yet. */
  private batch: WriteBatch | undefined;
  /** The batches that are written and that the stream has not passed on yet: a list from the oldest to the newest. */
  private oldestInFlight: WriteBatch | undefined;
  private newestInFlight: WriteBatch | undefined;
  /** The callback of all writes; made by the first, since many connections never write. */
  private onWritten: ((error: Error | null | undefined) => void) | undefined;
  private end: Deferred<void> | undefined;
  private unsent = 0;
  /** Made by the first call that waits, since most connections have none. */
  private drainWaits: DrainWaits | undefined;

  constructor(private readonly connection: Connection) {}

  get isEnded(): boolean {
    return this.end !== undefined;
  }

  /** The number of bytes of the batch of this turn and of those in flight. */
  get unsentBytes(): number {
    return this.unsent;
  }

  /** Whether bytes wait that the stream has not passed on yet. */
  get isSending(): boolean {
    return this.batch !== undefined || this.oldestInFlight !== undefined;
  }

  /**
   * Sends all of `bytes`.
   *
   * @throws SocketClosedError, ConnectionLostError, SocketStateError (not connected, or after a shutdown), TimedOutError,
   * AbortedError, TypeError (no bytes); always by the promise.
   */
  send(bytes: Uint8Array, options: WaitOptions | undefined): Promise<void> {
    try {
      this.requireSendable(options);
      requireByteArray(bytes);
    } catch (error) {
      return refusal(error);
    }
    return this.withDeadlines(options, 'send', this.gather(bytes).outcome.promise);
  }

  /** Sends several buffers, all in one batch. Throws as `send` does. */
  sendMany(buffers: readonly Uint8Array[], options: WaitOptions | undefined): Promise<void> {
    try {
      this.requireSendable(options);
      for (const buffer of buffers) requireByteArray(buffer);
    } catch (error) {
      return refusal(error);
    }
    let batch: WriteBatch | undefined;
    for (const buffer of buffers) batch = this.gather(buffer);
    return batch === undefined ? Promise.resolve() : this.withDeadlines(options, 'send', batch.outcome.promise);
  }

  /**
   * Waits until at most `limitBytes` bytes are unsent.
   *
   * @throws SocketClosedError, ConnectionLostError, SocketStateError (not connected), TimedOutError, AbortedError,
   * RangeError; always by the promise.
   */
  drained(limitBytes: number, options: WaitOptions | undefined): Promise<void> {
    const { endpoints } = this.connection;
    try {
      requireWholeNumber('limitBytes', limitBytes, 0);
      checkWaitOptions('drain', endpoints, options);
      this.requireOpen('drain');
    } catch (error) {
      return refusal(error);
    }
    if (this.unsent <= limitBytes) return Promise.resolve();
    this.drainWaits ??= new DrainWaits();
    return this.drainWaits.add(limitBytes, endpoints, options);
  }

  /**
   * Ends this direction, and waits until the end has left.
   *
   * @throws SocketClosedError, ConnectionLostError, SocketStateError (not connected), TimedOutError, AbortedError
   */
  shutdown(options: WaitOptions | undefined): Promise<void> {
    try {
      checkWaitOptions('shut down writing', this.connection.endpoints, options);
      if (this.end === undefined) this.requireOpen('shut down writing');
      const end = this.end ?? this.beginEnd();
      return this.withDeadlines(options, 'shut down writing', end.promise);
    } catch (error) {
      return refusal(error);
    }
  }

  /** Ends this direction of an open or closing connection without waiting. Where the end cannot leave, a loss follows. */
  finish(): void {
    if (this.end === undefined) this.beginEnd();
  }

  onConnectionEnd(): void {
    this.batch?.outcome.rejectQuietly(this.connection.endError('send'));
    this.batch = undefined;
    for (let batch = this.oldestInFlight; batch !== undefined; batch = batch.next) {
      batch.outcome.rejectQuietly(this.connection.endError('send'));
    }
    this.oldestInFlight = undefined;
    this.newestInFlight = undefined;
    this.unsent = 0;
    this.drainWaits?.fail(this.connection.endError('drain'));
    this.drainWaits = undefined;
    // The error of an end that has left already would be made for nothing.
    if (this.end !== undefined && !this.connection.stream.writableFinished) {
      this.end.rejectQuietly(this.connection.endError('shut down writing'));
    }
  }

  private requireSendable(options: WaitOptions | undefined): void {
    checkWaitOptions('send', this.connection.endpoints, options);
    this.requireOpen('send');
    if (this.end === undefined) return;
    throw new SocketStateError('send', this.connection.endpoints, 'writing was shut down');
  }

  private requireOpen(operation: Operation): void {
    this.connection.requireOpened(operation);
    if (this.connection.isLost) throw this.connection.endError(operation);
  }

  /** Adds bytes to the batch of this turn, and returns the batch. */
  private gather(bytes: Uint8Array): WriteBatch {
    this.unsent += bytes.length;
    if (this.batch === undefined) {
      this.batch = new WriteBatch(bytes);
      process.nextTick(Sender.flush, this);
    } else {
      this.batch.add(bytes);
    }
    return this.batch;
  }

  private static flush(this: void, sender: Sender): void {
    sender.flush();
  }

  /** Writes the batch of this turn, unless it was written or rejected before. */
  private flush(): void {
    const { batch } = this;
    if (batch === undefined) return;
    this.batch = undefined;
    if (this.oldestInFlight === undefined) this.oldestInFlight = batch;
    else this.newestInFlight!.next = batch;
    this.newestInFlight = batch;
    this.onWritten ??= (error) => this.settleOldest(error);
    try {
      batch.writeTo(this.connection.stream, this.onWritten);
    } catch (thrown) {
      this.connection.lose(thrown);
    }
  }

  /** Settles the oldest batch: a stream calls back in the order of the writes. */
  private settleOldest(error: Error | null | undefined): void {
    const batch = this.oldestInFlight;
    // The end of the connection has settled it already.
    if (batch === undefined) return;
    this.oldestInFlight = batch.next;
    if (batch.next === undefined) this.newestInFlight = undefined;
    this.unsent -= batch.size;
    // Node reports a write that was under way when the stream was destroyed as done, without an error.
    if (error || this.connection.stream.destroyed) {
      batch.outcome.rejectQuietly(this.connection.endError('send', error));
    } else {
      batch.outcome.resolve();
      this.drainWaits?.onUnsentBytes(this.unsent);
    }
  }

  private beginEnd(): Deferred<void> {
    const end = new Deferred<void>();
    this.flush();
    this.end = end;
    this.connection.stream.end((error?: Error | null) => {
      if (error) end.rejectQuietly(this.connection.endError('shut down writing', error));
      else end.resolve();
    });
    return end;
  }

  /** The outcome, or the error of a deadline or signal, which resets the connection. */
  private withDeadlines(options: WaitOptions | undefined, operation: Operation, outcome: Promise<void>): Promise<void> {
    if (options?.timeoutMs === undefined && options?.signal === undefined) return outcome;
    const waiter = new Waiter<void>(operation, this.connection.endpoints, options, () => this.connection.reset());
    outcome.then(
      () => waiter.resolve(),
      (error: unknown) => waiter.reject(error),
    );
    return quiet(waiter.promise);
  }
}

/** The promise of a call that has had no effect. */
function refusal(error: unknown): Promise<never> {
  const isMistake = !(error instanceof SocketError) || error instanceof SocketStateError;
  return isMistake ? rejection(error) : quiet(rejection(error));
}
