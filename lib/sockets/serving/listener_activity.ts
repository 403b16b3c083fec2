import { channel } from 'node:diagnostics_channel';
import { type Address } from '../../address';
import { type AcceptFailedError } from '../../errors';
import { type PeerSocket } from '../peer_socket';
import { type HandshakeFailedError } from '../tls/errors';
import { type ListenerCounters, noRefusals, type RefusalReason } from './counters';

/**
 * The events of all listeners. A channel without a subscriber costs one comparison: no message is made. (Node's own
 * sockets load `node:diagnostics_channel` in any case.)
 */
const HANDLER_START = channel('sockwright:handler:start');
const HANDLER_END = channel('sockwright:handler:end');
const CONNECTION_REFUSED = channel('sockwright:connection:refused');
const HANDSHAKE_FAILED = channel('sockwright:handshake:failed');
const ACCEPT_FAILED = channel('sockwright:accept:failed');

/** What has happened on a listener: its counters, and its events by `node:diagnostics_channel`. */
export class ListenerActivity {
  private accepted = 0;
  private active = 0;
  private handlersFailed = 0;
  private acceptsFailed = 0;
  private handshakesFailed = 0;
  private readonly refused = noRefusals();

  /** @param listener a property of each event. */
  constructor(private readonly listener: object) {}

  get counters(): ListenerCounters {
    const { accepted, active, handlersFailed, acceptsFailed, handshakesFailed, refused } = this;
    return { accepted, active, handlersFailed, acceptsFailed, handshakesFailed, refused: { ...refused } };
  }

  connectionAccepted(): void {
    this.accepted++;
  }

  connectionRefused(reason: RefusalReason, remoteAddress: Address | undefined): void {
    this.refused[reason]++;
    if (!CONNECTION_REFUSED.hasSubscribers) return;
    CONNECTION_REFUSED.publish({ listener: this.listener, reason, remoteAddress });
  }

  handlerStarted(peer: PeerSocket): void {
    this.active++;
    if (HANDLER_START.hasSubscribers) HANDLER_START.publish({ listener: this.listener, peer });
  }

  handlerFailed(): void {
    this.handlersFailed++;
  }

  /** @param error undefined if the handler has not failed. */
  handlerEnded(peer: PeerSocket, error: unknown): void {
    this.active--;
    if (HANDLER_END.hasSubscribers) HANDLER_END.publish({ listener: this.listener, peer, error });
  }

  handshakeFailed(error: HandshakeFailedError): void {
    this.handshakesFailed++;
    if (HANDSHAKE_FAILED.hasSubscribers) HANDSHAKE_FAILED.publish({ listener: this.listener, error });
  }

  acceptFailed(error: AcceptFailedError): void {
    this.acceptsFailed++;
    if (ACCEPT_FAILED.hasSubscribers) ACCEPT_FAILED.publish({ listener: this.listener, error });
  }
}
