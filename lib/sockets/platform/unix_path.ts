/** What `sockaddr_un` holds besides the closing zero (unix(7)): 108 bytes on Linux, 104 on macOS and the BSDs. */
const MOST_BYTES = process.platform === 'linux' ? 107 : 103;

/**
 * Refuses the path of a Unix socket that the system has no room for: Node 20 cuts it off without a word, and would bind
 * or connect to another file.
 *
 * @throws Error with the code ENAMETOOLONG.
 */
export function requirePathFits(path: string): void {
  const length = Buffer.byteLength(path);
  if (process.platform === 'win32' || length <= MOST_BYTES) return;
  const problem = `ENAMETOOLONG: a path of ${length} bytes for a socket, at most ${MOST_BYTES} are possible`;
  throw Object.assign(new Error(problem), { code: 'ENAMETOOLONG' });
}
