import { type BigIntStats } from 'node:fs';

/** A file or a directory, as stat(2) describes it. */
export interface FileEntry {
  /** Its device and inode. The pair is unique while the entry is open. */
  readonly identity: string;
  /** The number of its hard links, 0 after its removal. */
  readonly links: number;
  /** The permission bits. */
  readonly mode: number;
}

const PERMISSION_BITS = 0o7777n;

/** The statistics have the option `bigint: true`, because a number cannot hold all 64 bits of an inode. */
export function toFileEntry({ dev, ino, nlink, mode }: BigIntStats): FileEntry {
  return { identity: `${dev}:${ino}`, links: Number(nlink), mode: Number(mode & PERMISSION_BITS) };
}
