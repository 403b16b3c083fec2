import { type ListenSocket, type PeerSocket } from '../../../lib/index';
import { type ProtocolError } from '../../protocol/protocol_error';

/** A certificate of the server with its chain, and its private key, in PEM. */
export interface ServerIdentity {
  readonly cert: string;
  readonly key: string;
}

/** The reason to refuse a connection, if there is one. */
export type PeerCheck = (peer: Pick<PeerSocket, 'tls'>) => ProtocolError | undefined;

/** The transport of the sessions: plain TCP, or TLS with the certificates of the agencies. */
export interface Transport {
  /** The present certificate: the same object until a change of the files. Undefined with plain TCP. */
  readonly identity: ServerIdentity | undefined;

  /** Makes the listener, which is not bound yet. */
  createListener(): ListenSocket;

  /**
   * Begins the work beside the listener: the reading of changed files, for instance.
   *
   * @param recheck called with a check of the open sessions, after a change of the files.
   */
  start(recheck: (refusalOf: PeerCheck) => void): void;

  /** Ends that work. */
  close(): void;

  /**
   * The agency of an accepted connection, by its certificate.
   *
   * @returns undefined if the connection may name any agency; the reason if it must be refused.
   */
  agencyOf(peer: PeerSocket): number | undefined | ProtocolError;
}
