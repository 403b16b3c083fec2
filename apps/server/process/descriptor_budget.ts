import { readdirSync, readFileSync } from 'node:fs';

/**
 * The file descriptors of a process: the number of open ones, and the limit of the system (getrlimit(2),
 * RLIMIT_NOFILE).
 */
export interface DescriptorUse {
  readonly open: number;
  /** Infinity without a limit, or if the limit is unknown. */
  readonly allowed: number;
}

/** The maximum number of simultaneous connections by kind. Each takes one descriptor. */
export interface DescriptorBudget {
  /** Sessions of agencies, those in their TLS handshake included. */
  readonly sessions: number;
  /** Connections refused with `busy`, until the delivery of the message. */
  readonly rejections: number;
  /** Connections to the status page. */
  readonly status: number;
  /** Connections whose PROXY header has not come. The listener has this bound already, so it is not divided. */
  readonly proxyHeaders: number;
}

/** Reserve for short-lived descriptors: reading a directory, loading a bundle, an accept. */
const RESERVED = 8;

/** The share of each smaller kind under a low limit: one eighth. */
const SMALL_SHARE = 8;
/** The minimum for the status page: one connection is reserved for health checks. */
const LEAST_SMALL_SHARE = 2;

/**
 * Divides the remaining descriptors. The limit must not be reached: without a free descriptor libuv accepts a
 * connection and closes it at once, without an error (uv__emfile_trick), so it cannot even be refused.
 *
 * @param wanted the connections of each kind under an ample limit.
 * @returns undefined if there are too few for a session.
 */
export function divideDescriptors(use: DescriptorUse, wanted: DescriptorBudget): DescriptorBudget | undefined {
  const { proxyHeaders } = wanted;
  const smallShare = smallShareOf(use);
  const rejections = Math.min(wanted.rejections, smallShare);
  const status = Math.min(wanted.status, smallShare);
  const sessions = Math.min(wanted.sessions, descriptorsLeft(use) - rejections - status - proxyHeaders);
  return sessions < 1 ? undefined : { sessions, rejections, status, proxyHeaders };
}

/** The most connections of a kind beside the sessions. */
export function smallShareOf(use: DescriptorUse): number {
  return Math.max(LEAST_SMALL_SHARE, Math.floor(descriptorsLeft(use) / SMALL_SHARE));
}

function descriptorsLeft({ open, allowed }: DescriptorUse): number {
  return allowed - open - RESERVED;
}

/** The descriptors of the store, of its lock and of the listener, rounded up. */
const START = 32;

/** Whether `held` connections can wait during the start, and every kind has its wanted number after it. */
export function hasRoomBeside({ open, allowed }: DescriptorUse, wanted: DescriptorBudget, held: number): boolean {
  const budget = divideDescriptors({ open: open + START + held, allowed }, wanted);
  return (
    budget?.sessions === wanted.sessions && budget.rejections === wanted.rejections && budget.status === wanted.status
  );
}

/** The descriptors of this process according to /proc (proc(5)) on Linux. */
export function readDescriptorUse(): DescriptorUse {
  return { open: countOpenDescriptors(), allowed: allowedDescriptors() };
}

/** The number of open descriptors, 0 without /proc. */
export function countOpenDescriptors(): number {
  try {
    // The list includes the descriptor of the directory itself.
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return 0;
  }
}

/** The limit of descriptors, Infinity without a limit or without /proc. */
export function allowedDescriptors(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    const digits = /^Max open files +(\d+)/m.exec(limits)?.[1];
    return digits === undefined ? Infinity : Number(digits);
  } catch {
    return Infinity;
  }
}
