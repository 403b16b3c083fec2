/** The size of `sun_path` in `sockaddr_un` without the final zero (unix(7)): 108 - 1 on Linux, 104 - 1 on macOS and BSD. */
const MOST_BYTES = process.platform === 'linux' ? 107 : 103;

/**
 * Refuses the path of a Unix socket that is longer than the system allows. Node 20 would truncate it without an error, and
 * bind or connect to another file.
 *
 * @throws Error with the code ENAMETOOLONG.
 */
export function requirePathFits(path: string): void {
  const length = Buffer.byteLength(path);
  if (process.platform === 'win32' || length <= MOST_BYTES) return;
  const problem = `ENAMETOOLONG: a path of ${length} bytes for a socket, at most ${MOST_BYTES} are possible`;
  throw Object.assign(new Error(problem), { code: 'ENAMETOOLONG' });
}
