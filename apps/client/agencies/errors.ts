import { CodedError } from '../../runtime/coded_error';

/** The single bet was sent and not acknowledged; it may be stored or not. `cause` is the interruption, if any. */
export class OutcomeUnknownError extends CodedError {
  readonly code = 'OUTCOME_UNKNOWN';
}
