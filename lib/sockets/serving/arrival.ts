import { type Socket } from 'node:net';
import { type Address } from '../../address';
import { type RefusalReason } from './counters';

/** A new connection on its way to the program: raw, perhaps behind a proxy, perhaps in its TLS handshake. */
export interface Arrival {
  readonly raw: Socket;
  /** The address of the client. It is kept here: the system drops it at a reset. */
  readonly remote: Address | undefined;
  /** The address of the proxy that has sent the client's address. */
  readonly proxy?: Address | undefined;
  /** The decision of the service; undefined before it, and without one. */
  admission?: Admission | undefined;
}

/** The decision on a connection of `serve`: its handler runs, or `onRefused` answers it, for this reason. */
export type Admission = 'admitted' | RefusalReason;
