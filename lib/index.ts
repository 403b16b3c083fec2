/**
 * Object-oriented TCP sockets with promises, and framed messages on them.
 *
 * @module sockwright
 */
export { type Address, formatAddress } from './address';
export { ConnectSocket } from './sockets/connect_socket';
export { type ConnectSocketOptions, type ConnectTarget } from './sockets/connect_options';
export { ListenSocket } from './sockets/listen_socket';
export { type ListenSocketOptions, type ListenTarget } from './sockets/listen_options';
export { pipe, type PipedBytes, type PipeOptions } from './sockets/pipe';
export {
  type BackoffOptions,
  isTransient,
  reconnecting,
  type ReconnectOptions,
  type TargetRounds,
} from './sockets/reconnecting';
export { type ListenerCounters, type RefusalReason } from './sockets/serving/counters';
export { addressGroup } from './sockets/serving/address_group';
export { type ConnectionHandler, type Refusal, type ServeOptions } from './sockets/serving/serve_options';
export { type ProxyProtocolOptions } from './sockets/proxy_protocol/proxy_options';
export { type TrustedAddressList } from './sockets/proxy_protocol/trusted_addresses';
export { type PeerOrigin, PeerSocket } from './sockets/peer_socket';
export { type FrameDecoder, type FrameLength, type IncompleteFrame } from './sockets/connection/frame_decoder';
export { StreamSocket } from './sockets/stream_socket';
export { type BufferOptions } from './sockets/stream_options';
export { type TcpOptions } from './sockets/platform/tcp_options';
export { type StartTlsOptions, type TlsConnectOptions, type TlsListenOptions } from './sockets/tls/tls_options';
export { type TlsInfo } from './sockets/tls/tls_info';
export { type PeerCertificate } from './sockets/tls/peer_certificate';
export { type SubjectAltName } from './sockets/tls/subject_alt_name';
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
  ListenFailedError,
  type Operation,
  PipeFailedError,
  ProxyHeaderRefusedError,
  SocketClosedError,
  SocketError,
  SocketStateError,
  SockwrightError,
  TimedOutError,
  UnexpectedEofError,
} from './errors';
export {
  type HandshakeFailure,
  HandshakeFailedError,
  TlsOptionsError,
  UnexpectedPlaintextError,
} from './sockets/tls/errors';
export { FramedSocket, type FramedSocketOptions } from './framing/framed_socket';
export { type Codec } from './framing/codec';
export {
  FrameRefusedError,
  FrameTooLongError,
  InvalidFrameError,
  InvalidTextError,
  InvalidTypeError,
  InvalidValueError,
  UnknownTypeError,
} from './framing/errors';
export { LengthPrefixCodec, type LengthPrefixLayout } from './framing/length_prefix_codec';
export { LineCodec, type LineLayout } from './framing/line_codec';
export { NetstringCodec, type NetstringLayout } from './framing/netstring_codec';
export { TlvCodec, type TlvLayout, type TypedMessage } from './framing/tlv_codec';
export { VarintCodec, type VarintLayout } from './framing/varint_codec';
export { numericType, textType, type TypeFormat } from './framing/message_type';
export { type ByteOrder } from './framing/unsigned_integer';
export { json } from './framing/json';
export { decodeUtf8, type EncodedValue, rawBytes, utf8Text, type ValueFormat } from './framing/value_format';
export { RequestChannel, type RequestChannelOptions, type UnmatchedResponse } from './requests/request_channel';
export {
  type ClientProtocol,
  type DecodedResponse,
  type MessageSocket,
  type RequestProtocol,
  type ServerProtocol,
} from './requests/request_protocol';
export { type RequestHandler, serveRequests, type ServeRequestsOptions } from './requests/serve_requests';
