/** The package has no types of its own. */
declare module 'pgpass' {
  /**
   * Looks up a password in the file of PGPASSFILE, or ~/.pgpass. A file that others may read is ignored, with a warning
   * on stderr.
   */
  function pgpass(
    connection: { readonly host: string; readonly port: number; readonly database: string; readonly user: string },
    callback: (password: string | undefined) => void,
  ): void;
  export = pgpass;
}
