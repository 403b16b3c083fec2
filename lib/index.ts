/** Object-oriented TCP sockets with promises, and framed messages on them. */
export { type Address, formatAddress } from './address';
export { ConnectSocket } from './sockets/connect_socket';
export { type ConnectSocketOptions, type ConnectTarget } from './sockets/connect_options';
export { ListenSocket } from './sockets/listen_socket';
export { type ListenSocketOptions, type ListenTarget } from './sockets/listen_options';
export { PeerSocket } from './sockets/peer_socket';
export { pipe, type PipedBytes, type PipeOptions } from './sockets/pipe';
export { type BackoffOptions, reconnecting, type ReconnectOptions, type TargetRounds } from './sockets/reconnecting';
export { type FrameDecoder, type FrameLength } from './sockets/connection/frame_decoder';
export { StreamSocket } from './sockets/stream_socket';
export { type BufferOptions } from './sockets/stream_options';
export { type TcpOptions } from './sockets/platform/tcp_options';
export { type TlsConnectOptions } from './sockets/platform/tls_connection';
export { type ReceiveOptions, type WaitOptions } from './async/deadlines';
export {
  AbortedError,
  AcceptFailedError,
  CallLostError,
  CertificateRefusedError,
  ConcurrentReadError,
  ConnectFailedError,
  ConnectionLostError,
  DelimiterNotFoundError,
  type Endpoints,
  HandshakeFailedError,
  ListenFailedError,
  type Operation,
  PipeFailedError,
  SocketClosedError,
  SocketError,
  SocketStateError,
  TimedOutError,
  UnexpectedEofError,
} from './errors';
export { FramedSocket } from './framing/framed_socket';
export { type Codec } from './framing/codec';
export {
  FrameRefusedError,
  FrameTooLongError,
  InvalidTextError,
  InvalidTypeError,
  UnknownTypeError,
} from './framing/errors';
export { TlvCodec, type TlvLayout, type TypedMessage } from './framing/tlv_codec';
export { decodeUtf8, rawBytes, utf8Text, type ValueFormat } from './framing/value_format';
export { RequestChannel, type RequestChannelOptions, type UnmatchedResponse } from './requests/request_channel';
export {
  type ClientProtocol,
  type DecodedResponse,
  type MessageSocket,
  type RequestProtocol,
  type ServerProtocol,
} from './requests/request_protocol';
export { type RequestHandler, serveRequests, type ServeRequestsOptions } from './requests/serve_requests';
