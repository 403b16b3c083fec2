import { CodedError } from '../../runtime/coded_error';
import { type ExitCode } from '../../runtime/exit_code';

/** The work of a client process, from its first connection to its exit code. */
export interface Agency {
  /**
   * Runs the agency to its end. A failure after the first connection is logged, and is the exit code 1.
   *
   * @param stop ends the run; the exit code is then 0.
   * @throws SettingsError before the first connection.
   */
  run(stop: AbortSignal): Promise<ExitCode>;
}

/** The single bet was sent and not acknowledged; it may be stored or not. `cause` is the interruption, if any. */
export class OutcomeUnknownError extends CodedError {
  readonly code = 'OUTCOME_UNKNOWN';
}
