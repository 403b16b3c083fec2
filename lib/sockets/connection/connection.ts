import { type Socket } from 'node:net';
import { type Duplex } from 'node:stream';
import { type Address, localAddressOf, remoteAddressOf } from '../../address';
import { Deferred } from '../../async/deferred';
import {
  type ConnectionLostError,
  type Endpoints,
  lossError,
  type Operation,
  SocketClosedError,
  type SocketError,
  SocketStateError,
} from '../../errors';
import { confirmEnd, destroyAfterNotice, destroyWithReset } from '../platform/stream_close';

/**
 * The life of a connection. docs/architecture.md draws the transitions.
 *
 * - `connecting`: there is no stream yet, or it is not ready for bytes.
 * - `open`: bytes can go both ways; each direction may have ended on its own.
 * - `closing`: this side has closed the connection, or it was lost; Node has not released the stream yet.
 * - `closed`: the stream is released.
 */
export type Phase = 'connecting' | 'open' | 'closing' | 'closed';

/** The direction that receives, as far as the connection drives it. */
export interface Incoming {
  /** Whether the peer has ended its side. */
  readonly isEnded: boolean;
  /** A chunk has come. Empty chunks are possible. */
  onData(chunk: Buffer): void;
  /** The peer has ended its side: no byte follows. */
  onEnd(): void;
  /** The connection is `closing` or `closed`: nothing may wait any more. May be called several times. */
  onConnectionEnd(): void;
}

/** The direction that sends, as far as the connection drives it. */
export interface Outgoing {
  /** Whether this side has ended its direction, or is about to. */
  readonly isEnded: boolean;
  /** As for `Incoming`. */
  onConnectionEnd(): void;
}

/** The call that waits for the connection to open. One of the three is called, once. */
export interface Opening {
  onOpen(): void;
  /** @param cause undefined if the stream was closed without an error. */
  onLost(cause: unknown): void;
  onClosedHere(): void;
}

/** Why a connection has ended, otherwise than by the end of both directions. */
interface Ending {
  readonly isClosedHere: boolean;
  /** Whether the connection was lost, perhaps before this side closed it. */
  readonly isLoss: boolean;
  /** For a loss, the stream's error; undefined if the stream was destroyed without one. */
  readonly cause: unknown;
}

const CLOSED_HERE: Ending = { isClosedHere: true, isLoss: false, cause: undefined };
const NO_ENDPOINTS: Endpoints = {};

/** The property of a stream that holds its connection. */
const CONNECTION = Symbol('connection');
type AdoptedStream = Duplex & { [CONNECTION]: Connection };

/**
 * A stream and its state: the phase, the endpoints, and why it ended. It handles all events of the stream, makes all
 * transitions between phases, and ends the two directions when the connection ends.
 *
 * **End of stream.** The peer's end is given to `Incoming`, once it is known not to be a reset. If both directions have
 * ended, Node closes the stream, and the phase goes from `open` to `closed` without a loss.
 *
 * **Errors.** An error of the stream, and a stream that closes before both directions have ended, are a loss. The first
 * loss counts.
 *
 * **Close on this side.** It outranks a loss: from then on every call fails with `SocketClosedError`.
 *
 * **Called twice.** `close` and `reset` have an effect once; whichever comes first decides how the stream is destroyed.
 */
export class Connection {
  /** One set of listeners for all streams: see docs/architecture.md, memory per connection. */
  private static readonly listeners = {
    onError(this: Duplex, cause: Error): void {
      (this as AdoptedStream)[CONNECTION].lose(cause);
    },
    onClose(this: Duplex): void {
      (this as AdoptedStream)[CONNECTION].onStreamClosed();
    },
    onEnd(this: Duplex): void {
      confirmEnd(this, () => (this as AdoptedStream)[CONNECTION].incoming.onEnd());
    },
    onData(this: Duplex, chunk: Buffer): void {
      (this as AdoptedStream)[CONNECTION].incoming.onData(chunk);
    },
  };

  private currentPhase: Phase = 'connecting';
  private knownEndpoints: Endpoints = NO_ENDPOINTS;
  private adoptedStream: Duplex | undefined;
  private incoming!: Incoming;
  private outgoing!: Outgoing;
  private opening: Opening | undefined;
  /** Why the connection ended; undefined before that, and if both directions ended in order. */
  private ending: Ending | undefined;
  private isUnref = false;
  private released: Deferred<SocketError | undefined> | undefined;

  get phase(): Phase {
    return this.currentPhase;
  }

  /** The addresses, from the moment when the connection is open; they stay known after its end. */
  get endpoints(): Endpoints {
    return this.knownEndpoints;
  }

  /** The stream. Only for a connection that was open once. */
  get stream(): Duplex {
    return this.adoptedStream!;
  }

  /** Whether this side has closed the connection. */
  get isClosedHere(): boolean {
    return this.ending?.isClosedHere === true;
  }

  /** Whether the connection was lost, and this side has not closed it since. */
  get isLost(): boolean {
    return this.ending?.isClosedHere === false;
  }

  /** Resolves, and never rejects, in the phase `closed`: with the error of the loss, if there was one. */
  get closed(): Promise<SocketError | undefined> {
    if (this.released === undefined) {
      this.released = new Deferred();
      if (this.currentPhase === 'closed') this.released.resolve(this.loss);
    }
    return this.released.promise;
  }

  private get loss(): SocketError | undefined {
    if (this.ending?.isLoss !== true) return undefined;
    return lossError('stay connected', this.knownEndpoints, this.ending.cause);
  }

  /** Names the two directions. Called once, before all else. */
  attach(incoming: Incoming, outgoing: Outgoing): void {
    this.incoming = incoming;
    this.outgoing = outgoing;
  }

  /** Names the call that waits until the connection is open. Called in the phase `connecting`. */
  awaitOpen(opening: Opening): void {
    this.opening = opening;
  }

  /**
   * Takes over a stream and handles its events from here on, `error` included. An end, an error or a close that came
   * before has its effect at once.
   *
   * @throws TypeError the stream gives strings or objects instead of bytes, or has a connection already.
   */
  adopt(stream: Duplex): void {
    requireByteStream(stream);
    if (CONNECTION in stream) throw new TypeError('the stream belongs to another socket already');
    this.adoptedStream = stream;
    // Without it Node ends this side, in the middle of an answer, when the peer ends its own.
    stream.allowHalfOpen = true;
    (stream as AdoptedStream)[CONNECTION] = this;
    if (this.isUnref) this.setRef(false);
    // eslint-disable-next-line @typescript-eslint/unbound-method -- an emitter calls them with the stream as `this`
    const { onError, onClose, onEnd, onData } = Connection.listeners;
    stream.on('error', onError).on('close', onClose).on('end', onEnd).on('data', onData);

    if (stream.readableEnded) this.incoming.onEnd();
    if (stream.destroyed) this.lose(stream.errored ?? undefined);
    if (stream.closed) this.onStreamClosed();
  }

  /**
   * From `connecting` to `open`. Both addresses are read here, because the system drops them at a reset; on a stream
   * that has ended already nothing else happens. After `beginUpgrade` they stay as they are.
   *
   * @param known `local` if it is known without a system call; `remote` for a stream without one, as a Unix socket; `client`
   * if the address of the peer is known in any case, by its proxy for instance.
   */
  open(known: Endpoints & { readonly client?: Address | undefined } = NO_ENDPOINTS): void {
    const stream = this.adoptedStream!;
    if (this.knownEndpoints === NO_ENDPOINTS) {
      this.knownEndpoints = {
        local: known.local ?? localAddressOf(stream),
        remote: known.client ?? remoteAddressOf(stream) ?? known.remote,
      };
    }
    if (this.currentPhase !== 'connecting') return;
    this.currentPhase = 'open';
    this.opening?.onOpen();
    this.opening = undefined;
  }

  /** Whether the connection keeps the process alive. Streams that have no such choice are left as they are. */
  setRef(isRef: boolean): void {
    this.isUnref = !isRef;
    const stream = this.adoptedStream as Partial<Socket> | undefined;
    if (isRef) stream?.ref?.();
    else stream?.unref?.();
  }

  /**
   * From `open` back to `connecting`, for a TLS handshake. Until `completeUpgrade` the stream is that of the handshake,
   * whose errors are its own; a close on this side destroys it.
   */
  beginUpgrade(opening: Opening): Duplex {
    const stream = this.stream;
    // eslint-disable-next-line @typescript-eslint/unbound-method -- as in `adopt`
    const { onError, onEnd, onData } = Connection.listeners;
    stream.off('error', onError).off('end', onEnd).off('data', onData).pause();
    this.currentPhase = 'connecting';
    this.opening = opening;
    return stream;
  }

  /** From `connecting` to `open`: the secure stream takes the place of the one under it. */
  completeUpgrade(secure: Duplex): void {
    // eslint-disable-next-line @typescript-eslint/unbound-method -- as in `adopt`
    this.stream.off('close', Connection.listeners.onClose);
    this.stream.allowHalfOpen = true;
    this.adopt(secure);
    this.open();
  }

  /** To `closing`, by a loss: both directions end, and the stream is destroyed. */
  lose(cause: unknown): void {
    // An attempt to connect that fails has nothing to lose, and an error of its own.
    this.ending ??= { isClosedHere: false, isLoss: this.opening === undefined, cause };
    this.enterClosing();
    this.endDirections();
    this.opening?.onLost(cause);
    this.opening = undefined;
    this.adoptedStream!.destroy();
  }

  /** To `closing`, on this side: both directions end, and the stream is destroyed. Without a stream, to `closed`. */
  close(): void {
    this.closeBy(destroyAfterNotice);
  }

  /** As `close`, with a reset where the stream has one. */
  reset(): void {
    this.closeBy(destroyWithReset);
  }

  /**
   * To `closing`, on this side, with the stream still at work: the incoming direction ends, the outgoing one goes on.
   * The phase is `closed` when both directions of the stream have ended, or after `destroy`.
   */
  beginClosing(): void {
    this.ending = this.isLost ? { ...this.ending!, isClosedHere: true } : (this.ending ?? CLOSED_HERE);
    this.enterClosing();
    this.incoming.onConnectionEnd();
    this.opening?.onClosedHere();
    this.opening = undefined;
  }

  /** Destroys the stream after `beginClosing`. */
  destroy(): void {
    this.adoptedStream!.destroy();
  }

  /**
   * Checks that the connection has been open, and that this side has not closed it. It may have been lost or have ended,
   * which each direction checks.
   *
   * @throws SocketStateError, SocketClosedError
   */
  requireOpened(operation: Operation): void {
    if (this.isClosedHere) throw new SocketClosedError(operation, this.knownEndpoints);
    if (this.currentPhase !== 'connecting') return;
    const problem = this.isUpgrading ? 'the TLS handshake goes on' : 'not connected';
    throw new SocketStateError(operation, this.knownEndpoints, problem);
  }

  /**
   * The error of a call on a connection that has ended.
   *
   * @param cause for a loss that has no cause of its own, or is only now noticed.
   */
  endError(operation: Operation, cause?: unknown, progress?: ConnectionLostError['progress']): SocketError {
    if (this.isClosedHere) return new SocketClosedError(operation, this.knownEndpoints);
    return lossError(operation, this.knownEndpoints, this.ending?.cause ?? cause ?? undefined, progress);
  }

  private closeBy(destroy: (stream: Duplex) => void): void {
    this.beginClosing();
    this.outgoing.onConnectionEnd();
    // The stream of a handshake may be closed already.
    if (this.adoptedStream === undefined || this.adoptedStream.closed) this.enterClosed();
    else destroy(this.adoptedStream);
  }

  /** From any phase to `closed`: Node has released the stream. */
  private onStreamClosed(): void {
    // The handshake gives the reason.
    if (this.isUpgrading) return;
    if (this.ending === undefined) {
      // The end may still be under confirmation.
      if (this.adoptedStream!.readableEnded) this.incoming.onEnd();
      if (!this.incoming.isEnded || !this.outgoing.isEnded) this.lose(undefined);
    }
    this.endDirections();
    this.enterClosed();
  }

  /** Whether a TLS handshake goes on after `beginUpgrade`. */
  private get isUpgrading(): boolean {
    return this.currentPhase === 'connecting' && this.knownEndpoints !== NO_ENDPOINTS;
  }

  private endDirections(): void {
    this.incoming.onConnectionEnd();
    this.outgoing.onConnectionEnd();
  }

  private enterClosing(): void {
    if (this.currentPhase !== 'closed') this.currentPhase = 'closing';
  }

  private enterClosed(): void {
    this.currentPhase = 'closed';
    this.released?.resolve(this.loss);
  }
}

function requireByteStream(stream: Duplex): void {
  if (!stream.readableObjectMode && !stream.writableObjectMode && stream.readableEncoding === null) return;
  throw new TypeError('a stream of bytes is needed, without object mode and without an encoding');
}
