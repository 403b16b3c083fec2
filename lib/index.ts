/** Object-oriented TCP sockets with promises, and messages on them. */
export { type Address, formatAddress } from './sockets/address';
export { ConnectSocket, type ConnectSocketOptions, type ConnectTarget } from './sockets/connect_socket';
export { ListenSocket, type ListenSocketOptions, type ListenTarget } from './sockets/listen_socket';
export { PeerSocket } from './sockets/peer_socket';
export { type FrameDecoder, type FrameLength } from './sockets/frame_decoder';
export { type ReceiveOptions } from './sockets/receive_options';
export { type BufferOptions, StreamSocket } from './sockets/stream_socket';
export { type TcpOptions } from './sockets/tcp_options';
export { type WaitOptions } from './sockets/deadlines';
export {
  AbortedError,
  AcceptFailedError,
  ConcurrentReadError,
  ConnectFailedError,
  ConnectionLostError,
  DelimiterNotFoundError,
  type Endpoints,
  ListenFailedError,
  type Operation,
  SocketClosedError,
  SocketError,
  SocketStateError,
  TimedOutError,
  UnexpectedEofError,
} from './sockets/errors';
export { FramedSocket } from './messages/framed_socket';
export { type Codec } from './messages/codec';
export {
  FrameRefusedError,
  FrameTooLongError,
  InvalidTextError,
  InvalidTypeError,
  UnknownTypeError,
} from './messages/errors';
export { TlvCodec, type TypedMessage, type TlvLayout } from './messages/tlv_codec';
export { decodeUtf8, rawBytes, utf8Text, type ValueFormat } from './messages/value_format';
