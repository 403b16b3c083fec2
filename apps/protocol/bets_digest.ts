import { parseCanonicalNumber } from './canonical_number';

/** An agency's first bets: their number, and the SHA-256 of their rows in 64 lowercase hexadecimal digits. */
export interface BetsDigest {
  readonly count: number;
  readonly digest: string;
}

/** Formats the value of a `D` of the server, `count:digest`. */
export function formatBetsDigest({ count, digest }: BetsDigest): string {
  return `${count}:${digest}`;
}

/** Parses the value of a `D` of the server. Returns undefined for another form. */
export function parseBetsDigest(value: string): BetsDigest | undefined {
  const match = /^([0-9]+):([0-9a-f]{64})$/.exec(value);
  const count = match === null ? undefined : parseCanonicalNumber(match[1]!);
  return count === undefined ? undefined : { count, digest: match![2]! };
}
