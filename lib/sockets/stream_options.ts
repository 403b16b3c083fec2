import { requireObject, requireOptionalBoolean, requireWholeNumber } from '../arguments';
import { requireKeepAliveProbes } from './platform/node_versions';
import { needsSocketOptions, type TcpOptions } from './platform/tcp_options';

/** How received bytes are kept until a call takes them. */
export interface BufferOptions {
  /**
   * Reading from the network pauses while more bytes than this are buffered, or than the waiting read needs if that is
   * more. One chunk of the stream (at most 64 KiB for TCP) may come on top. Default: 65536.
   */
  readonly receiveBufferBytes?: number | undefined;
}

export const DEFAULT_RECEIVE_BUFFER_BYTES = 65_536;

/** Checks what a connection has in common on both ends. */
export function requireStreamOptions(options: TcpOptions & BufferOptions): void {
  requireObject('options', options);
  requireOptionalBoolean('noDelay', options.noDelay);
  requireOptionalBoolean('keepAlive', options.keepAlive);
  requireWholeNumber('keepAliveInitialDelayMs', options.keepAliveInitialDelayMs ?? 0, 0);
  requireWholeNumber('keepAliveIntervalMs', options.keepAliveIntervalMs ?? 1000, 1000);
  requireWholeNumber('keepAliveCount', options.keepAliveCount ?? 1, 1);
  if (needsSocketOptions(options)) requireKeepAliveProbes();
  requireWholeNumber('receiveBufferBytes', options.receiveBufferBytes ?? DEFAULT_RECEIVE_BUFFER_BYTES, 1);
}
