import { ExitCode } from '../apps/runtime/exit_code';
import { writeLine, writeText } from '../apps/runtime/standard_streams';
import { ArgumentError, parseOptions, parseWholeNumber } from './arguments';
import { ExistingCertificatesError, writeCertificates } from './certificates/certificate_files';

/** `make certificates`: an authority, and the certificates of a server and its agencies, for a trial of TLS. */
async function main(): Promise<ExitCode> {
  const values = parseOptions({
    agencies: { type: 'string', default: '5' },
    directory: { type: 'string', default: '.data/certificates' },
  });
  const agencies = parseWholeNumber('AGENCIES', values.agencies, 1, 100_000);
  const files = await writeCertificates(values.directory, agencies);
  writeLine(process.stdout, `${values.directory}: ${files.length} files for a server and ${agencies} agencies`);
  return ExitCode.done;
}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    const { message, stack, code } = error as NodeJS.ErrnoException;
    const isClear = code !== undefined;
    if (isClear) writeLine(process.stderr, `certificates: ${message}`);
    else writeText(process.stderr, `certificates: ${stack}\n`);
    const isUnusable = error instanceof ArgumentError || error instanceof ExistingCertificatesError;
    process.exitCode = isUnusable ? ExitCode.unusableSettings : ExitCode.failed;
  },
);
