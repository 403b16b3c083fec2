/** What a program tells its caller (a shell, make, a container engine) when it ends. */
export const ExitCode = {
  /** All done, or stopped by SIGTERM or SIGINT in good order. */
  done: 0,
  /** It could not do what it is there for; an agency without its winners has failed. */
  failed: 1,
  /** A setting or an argument cannot be used; nothing was begun. */
  unusableSettings: 2,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
