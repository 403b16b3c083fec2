/**
 * The message of an error. If its cause was a lack of file descriptors, of the process or of the machine, the limit is
 * appended, as a hint for the operator.
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

/**
 * The limit of descriptors of this process. The report calls getrlimit(2); without free descriptors no file of /proc
 * can be opened.
 */
function openFileLimit(): number | string {
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork: boolean };
  // Without this option the report resolves the names of the peers.
  report.excludeNetwork = true;
  const { userLimits } = report.getReport() as { userLimits: { open_files: { soft: number | string } } };
  return userLimits.open_files.soft;
}
