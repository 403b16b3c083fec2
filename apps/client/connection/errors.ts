import { CodedError } from '../../runtime/coded_error';

/** The server ended the connection between two messages, before a response. A new connection may succeed. */
export class ServerEndedError extends CodedError {
  readonly code = 'SERVER_ENDED';
}

/** A response that the protocol does not allow here, or a wrong count. A new connection would not help. */
export class UnexpectedResponseError extends CodedError {
  readonly code = 'UNEXPECTED_ANSWER';
}

/** The addresses of a server's name are not known: no such name, no response in time. Another look-up may succeed. */
export class NameLookupError extends CodedError {
  readonly code = 'NAME_LOOKUP_FAILED';
}
