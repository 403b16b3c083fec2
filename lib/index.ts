/** Object-oriented TCP sockets with promises, and framed messages on them. */
export { type Address, formatAddress } from './address';
export { ConnectSocket } from './sockets/connect_socket';
export { type ConnectSocketOptions, type ConnectTarget } from './sockets/connect_options';
export { ListenSocket } from './sockets/listen_socket';
export { type ListenSocketOptions, type ListenTarget } from './sockets/listen_options';
export { PeerSocket } from './sockets/peer_socket';
export { type FrameDecoder, type FrameLength } from './sockets/connection/frame_decoder';
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
  CertificateRefusedError,
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
} from './errors';
export {
  type HandshakeFailure,
  HandshakeFailedError,
  TlsOptionsError,
  UnexpectedPlaintextError,
} from './sockets/tls/errors';
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
