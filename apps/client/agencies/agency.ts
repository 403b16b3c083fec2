import { type ExitCode } from '../../runtime/exit_code';

/** What a client program does, from its first connection to its exit code. */
export interface Agency {
  /** @throws SettingsError before the first connection. */
  run(stop: AbortSignal): Promise<ExitCode>;
}
