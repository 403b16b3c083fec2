import { StoreDamagedError } from '../../../domain/store_errors';

/** One commit: the range `start` to `end` of bets.csv, its CRC-32, and the number of bets per agency. */
export interface Commit {
  readonly start: number;
  readonly end: number;
  readonly checksum: number;
  readonly added: ReadonlyMap<number, number>;
}

/** Formats `commit START END CHECKSUM AGENCY:COUNT…`. */
export function formatCommit({ start, end, checksum, added }: Commit): string {
  const counts = Array.from(added, ([agency, count]) => `${agency}:${count}`);
  return `commit ${start} ${end} ${checksum} ${counts.join(' ')}`;
}

/** @throws StoreDamagedError this version writes no such record. */
export function parseCommit(record: string): Commit {
  const match = /^commit (\d+) (\d+) (\d+) ((?:\d+:\d+ ?)+)$/.exec(record);
  if (match === null) throw new StoreDamagedError(`bets.journal: ${JSON.stringify(record)} is no commit`);
  const added = match[4]!.split(' ').map((pair) => pair.split(':').map(Number) as [number, number]);
  return { start: Number(match[1]), end: Number(match[2]), checksum: Number(match[3]), added: new Map(added) };
}
