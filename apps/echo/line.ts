/** The longest line, its line feed included, in bytes; a longer one ends the connection. */
export const LINE_LIMIT = 65_536;

/** The text of a received line, for the log: without its line break; bytes that are not UTF-8 are shown as U+FFFD. */
export function textOfLine(line: Buffer): string {
  return line.toString('utf8').replace(/\r?\n$/, '');
}
