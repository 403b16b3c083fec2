import { readdirSync, readFileSync } from 'node:fs';

/** The file descriptors of a process: how many are open, and how many the system allows (getrlimit(2), RLIMIT_NOFILE). */
export interface DescriptorUse {
  readonly open: number;
  /** Infinity where the system sets no limit, or does not tell it. */
  readonly allowed: number;
}

/** The connections that the server may hold at once, by kind; each takes one descriptor. */
export interface DescriptorBudget {
  /** Sessions of agencies. */
  readonly sessions: number;
  /** Connections that are refused with `busy`, until the agency has read that. */
  readonly rejections: number;
  /** Connections to the status page. */
  readonly status: number;
}

/** Descriptors that are open for moments: of a directory that is read, of a bundle that is loaded, of an accept. */
const RESERVED = 8;

/** The share of each of the smaller kinds where descriptors are few: one of eight. */
const SMALL_SHARE = 8;
/** The status page needs two: one of them is for health. */
const LEAST_SMALL_SHARE = 2;

/**
 * Divides the descriptors that are left. A process that has none left cannot even refuse a connection: libuv accepts it
 * and closes it without a word, and no error is reported (uv__emfile_trick). So the server never comes that far.
 *
 * @param wanted the connections of each kind where descriptors are plenty.
 * @returns undefined where there are too few for a session.
 */
export function divideDescriptors(use: DescriptorUse, wanted: DescriptorBudget): DescriptorBudget | undefined {
  const left = use.allowed - use.open - RESERVED;
  const smallShare = Math.max(LEAST_SMALL_SHARE, Math.floor(left / SMALL_SHARE));
  const rejections = Math.min(wanted.rejections, smallShare);
  const status = Math.min(wanted.status, smallShare);
  const sessions = Math.min(wanted.sessions, left - rejections - status);
  return sessions < 1 ? undefined : { sessions, rejections, status };
}

/** The descriptors of this process, as Linux tells them in /proc (proc(5)). */
export function readDescriptorUse(): DescriptorUse {
  return { open: countOpenDescriptors(), allowed: allowedDescriptors() };
}

/** 0 where there is no /proc. */
export function countOpenDescriptors(): number {
  try {
    // The descriptor of the directory itself is among them.
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return 0;
  }
}

/** Infinity where there is no limit, or no /proc. */
export function allowedDescriptors(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    const digits = /^Max open files +(\d+)/m.exec(limits)?.[1];
    return digits === undefined ? Infinity : Number(digits);
  } catch {
    return Infinity;
  }
}
