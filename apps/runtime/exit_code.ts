/** The exit code of a program, for its caller (a shell, make, a container engine). */
export const ExitCode = {
  /** Success, or an orderly stop by SIGTERM or SIGINT. */
  done: 0,
  /** Failure; also the code of an agency without its winners. */
  failed: 1,
  /** A setting or an argument is invalid. The program has done nothing. */
  unusableSettings: 2,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
