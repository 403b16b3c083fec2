import { type Writable } from 'node:stream';
import { printable, printableLines } from './printable';

/**
 * Writes one line to stdout or stderr, with unprintable characters escaped. A lost reader (a closed pipe) is no error.
 */
export function writeLine(stream: Writable, line: string): void {
  ignoreLostReader(stream);
  stream.write(`${printable(line)}\n`);
}

/** Writes lines in the same way. The text ends with a line feed. */
export function writeText(stream: Writable, text: string): void {
  ignoreLostReader(stream);
  stream.write(printableLines(text));
}

/** Keeps the process alive after the loss of its output's reader. */
export function ignoreLostReader(stream: Writable): void {
  if (!stream.listeners('error').includes(ignore)) stream.on('error', ignore);
}

/** Resolves once the system has taken all bytes written to the stream, or the reader is gone. */
export function written(stream: Writable): Promise<void> {
  if (stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => stream.write('', () => resolve()));
}

function ignore(): void {}
