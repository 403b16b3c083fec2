import { type ExitCode } from '../runtime/exit_code';

/** What a client program does, from its first connection to its exit code. */
export interface Agency {
  /** @throws SettingsError nothing was begun. */
  run(stop: AbortSignal): Promise<ExitCode>;
}
