/**
 * What an error says, with the limit where the process, or the machine, had no file descriptor left: of use to whoever
 * can raise it.
 */
export function describeWithFileLimit(error: Error): string {
  const code = codeOfShortage(error);
  if (code === undefined) return error.message;
  const limit = code === 'EMFILE' ? `ulimit -n allows ${openFileLimit()}` : 'of the whole machine, fs.file-max';
  return `too many open files (${limit}): ${error.message}`;
}

/** The code of the error or of one of its causes: EMFILE (this process) or ENFILE (the machine), see open(2). */
function codeOfShortage(error: unknown): 'EMFILE' | 'ENFILE' | undefined {
  for (let reason = error; reason instanceof Error; reason = reason.cause) {
    const { code } = reason as NodeJS.ErrnoException;
    if (code === 'EMFILE' || code === 'ENFILE') return code;
  }
  return undefined;
}

/** How many descriptors this process may have. The report asks getrlimit(2): a file of /proc could not be opened. */
function openFileLimit(): number | string {
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork: boolean };
  // The names of the peers would be looked up.
  report.excludeNetwork = true;
  const { userLimits } = report.getReport() as { userLimits: { open_files: { soft: number | string } } };
  return userLimits.open_files.soft;
}
