import { type Endpoints, type SocketError } from '../../errors';

/** The calls of a `StreamSocket` that its streams use. */
export interface ByteConnection {
  readonly endpoints: Endpoints;
  readonly bufferedBytes: number;
  readonly isClosed: boolean;
  readonly closed: Promise<SocketError | undefined>;
  recvSome(limit: number): Promise<Buffer | null>;
  sendAll(bytes: Uint8Array): Promise<void>;
  sendMany(buffers: readonly Uint8Array[]): Promise<void>;
  shutdownWrite(): Promise<void>;
  close(): Promise<void>;
  reset(): void;
}

/** The most bytes that a stream takes from the socket at a time, and that wait in it to be sent. */
export const STREAM_CHUNK_BYTES = 65_536;
