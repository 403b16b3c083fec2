import { createWriteStream, fstatSync } from 'node:fs';
import { type Writable } from 'node:stream';
import { CodedError } from './coded_error';
import { ignoreLostReader } from './standard_streams';

/** The data could not be written to their end. */
export class OutputError extends CodedError {
  readonly code = 'OUTPUT_FAILED';
}

/**
 * Standard output for data. Node's own stream for a file ignores the number of written bytes, so a full disk could cut
 * the last piece without an error.
 */
export function dataOutput(): Writable {
  const isFile = fstatSync(process.stdout.fd).isFile();
  return isFile ? createWriteStream('', { fd: process.stdout.fd, autoClose: false }) : process.stdout;
}

/**
 * Writes pieces of data. The next piece is requested once the system has taken the one before, so a slow reader slows
 * down the source, and a piece may be valid until that request only.
 *
 * @throws OutputError a write failed, the reader has closed its end, or `stop` has fired.
 */
export async function writePieces(
  pieces: AsyncIterable<Uint8Array>,
  output: Writable,
  stop: AbortSignal,
): Promise<void> {
  // Each write reports its own error.
  ignoreLostReader(output);
  for await (const piece of pieces) await writePiece(piece, output, stop);
}

function writePiece(piece: Uint8Array, output: Writable, stop: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onStop = (): void => reject(new OutputError('stopped before the end of the output'));
    if (stop.aborted) return onStop();
    stop.addEventListener('abort', onStop, { once: true });
    output.write(piece, (cause) => {
      stop.removeEventListener('abort', onStop);
      if (cause instanceof Error) reject(outputError(cause));
      else resolve();
    });
  });
}

function outputError(cause: NodeJS.ErrnoException): OutputError {
  if (cause.code === 'EPIPE') return new OutputError('the reader has closed the output before its end', { cause });
  return new OutputError(`the output cannot be written: ${cause.message}`, { cause });
}
