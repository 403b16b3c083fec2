import { type ExitCode } from '../../runtime/exit_code';

/** The work of a client process, from its first connection to its exit code. */
export interface Agency {
  /** @throws SettingsError before the first connection. */
  run(stop: AbortSignal): Promise<ExitCode>;
}
