/** What only newer versions of Node have. An older one would ignore the option without an error. */
/** @throws TypeError `server.listen` does not know `reusePort` (Node 22.12 and 23.1 brought it). */
export function requireReusePort(): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)) return;
  throw new TypeError(`reusePort needs Node 22.12 or 23.1 at least; this is ${process.version}`);
}
