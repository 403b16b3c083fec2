/** Options that only newer versions of Node have. An older one would ignore them without an error. */
import { Socket } from 'node:net';

/** @throws TypeError `server.listen` does not know `reusePort`. */
export function requireReusePort(): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)) return;
  throw new TypeError(`reusePort needs Node 22.12 or 23.1 at least; this is ${process.version}`);
}

/** @throws TypeError `socket.setKeepAlive` has neither an interval nor a count. */
export function requireKeepAliveProbes(): void {
  // Its parameters: enable, initialDelay, interval, count.
  if (Socket.prototype.setKeepAlive.length >= 4) return;
  const needed = 'a newer Node, 24.21 or 26.10 for instance';
  throw new TypeError(`keepAliveIntervalMs and keepAliveCount need ${needed}; this is ${process.version}`);
}
