/** What ends an agency's session, apart from the errors of sockets, of the protocol and of the source of bets. */
export abstract class AgencyError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The server ended the connection between two messages, while an answer was due. A new session may go on. */
export class ServerEndedError extends AgencyError {
  readonly code = 'SERVER_ENDED';
}

/** An answer that the protocol does not allow here, or a count that cannot be: no new session would mend it. */
export class UnexpectedResponseError extends AgencyError {
  readonly code = 'UNEXPECTED_ANSWER';
}

/** The agency was told to stop before it was done. */
export class StoppedError extends AgencyError {
  readonly code = 'STOPPED';
}

/**
 * The single bet was sent and not acknowledged; it may be stored or not. `cause` is the interruption, if there was one.
 */
export class OutcomeUnknownError extends AgencyError {
  readonly code = 'OUTCOME_UNKNOWN';
}
