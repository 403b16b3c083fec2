import { type BigIntStats } from 'node:fs';

/** A file or a directory, as stat(2) describes it. */
export interface FileEntry {
  /** Its device and inode. No other entry has the same for as long as this one is open. */
  readonly identity: string;
  /** How many names lead to it: 0 once it is removed. */
  readonly links: number;
  /** The permission bits. */
  readonly mode: number;
}

const PERMISSION_BITS = 0o7777n;

/** Of an inode's 64 bits a number would lose some, so the statistics are those with `bigint: true`. */
export function toFileEntry({ dev, ino, nlink, mode }: BigIntStats): FileEntry {
  return { identity: `${dev}:${ino}`, links: Number(nlink), mode: Number(mode & PERMISSION_BITS) };
}
