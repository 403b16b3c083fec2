/** The longest line, its line feed included, in bytes. A longer line ends the connection. */
export const LINE_LIMIT = 65_536;

/** The text of a received line for the log, without its line break. Bytes other than UTF-8 become U+FFFD. */
export function textOfLine(line: Buffer): string {
  return line.toString('utf8').replace(/\r?\n$/, '');
}
