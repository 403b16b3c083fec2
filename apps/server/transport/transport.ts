import { type ListenSocket, type PeerSocket } from '../../../lib/index';
import { type ProtocolError } from '../../protocol/protocol_error';

/** The maximum number of TLS handshakes at the same time. */
export const MAX_HANDSHAKES = 2048;

/** The transport of the sessions: plain TCP, or TLS with the certificates of the agencies. */
export interface Transport {
  /** Makes the listener, which is not bound yet. */
  createListener(): ListenSocket;

  /** Begins the work beside the listener: the reading of changed files, for instance. */
  start(): void;

  /** Ends that work. */
  close(): void;

  /**
   * The agency of an accepted connection, by its certificate.
   *
   * @returns undefined if the connection may name any agency; the reason if it must be refused.
   */
  agencyOf(peer: PeerSocket): number | undefined | ProtocolError;
}
