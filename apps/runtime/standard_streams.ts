import { type Writable } from 'node:stream';
import { printable, printableLines } from './printable';

/**
 * Writes one line to stdout or stderr, its unprintable characters escaped. A reader that has gone away (a closed pipe) is
 * no error.
 */
export function writeLine(stream: Writable, line: string): void {
  ignoreLostReader(stream);
  stream.write(`${printable(line)}\n`);
}

/** Writes lines in the same way; the text ends with a line feed. */
export function writeText(stream: Writable, text: string): void {
  ignoreLostReader(stream);
  stream.write(printableLines(text));
}

/** Keeps the process alive when the reader of its output goes away. */
export function ignoreLostReader(stream: Writable): void {
  if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore);
}

/** Resolves once all that was written to the stream is in the hands of the system, or lost with its reader. */
export function written(stream: Writable): Promise<void> {
  if (stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => stream.write('', () => resolve()));
}

function ignore(): void {}
