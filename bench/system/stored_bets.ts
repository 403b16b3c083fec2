import { closeSync, openSync, readSync } from 'node:fs';
import { inputFile } from './input_files';

/** A summary of one agency's bets in a file. */
interface BetSummary {
  bets: number;
  /** A hash of the bets and their order. */
  digest: number;
  winners: number;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const COMMA = 0x2c;
const PIECE_BYTES = 4_194_304;

/**
 * Compares the bets of a store with the agencies' files: all bets of each agency, once and in order.
 *
 * @returns the number of winners of each agency, by its id.
 * @throws Error the bets of an agency differ. The message names the first such agency.
 */
export function verifyStore(storeFile: string, inputDirectory: string, agencies: number, winning: number): number[] {
  const stored = summarizeBets(storeFile, undefined, winning);
  const winners = [0];
  for (let agency = 1; agency <= agencies; agency++) {
    const expected = summarizeBets(inputFile(inputDirectory, agency), agency, winning).get(agency)!;
    const found = stored.get(agency);
    if (found?.bets !== expected.bets || found.digest !== expected.digest) {
      throw new Error(
        `agency ${agency}: its file has ${expected.bets} bets, and the store ${found?.bets ?? 0}, or others`,
      );
    }
    winners.push(expected.winners);
  }
  return winners;
}

/** @param agency the agency of all rows; undefined if each row begins with its agency. */
function summarizeBets(path: string, agency: number | undefined, winning: number): Map<number, BetSummary> {
  const summaries = new Map<number, BetSummary>();
  forEachRow(path, (bytes, start, end) => {
    let at = start;
    let id = agency ?? 0;
    if (agency === undefined) {
      while (bytes[at] !== COMMA) id = id * 10 + bytes[at++]! - 0x30;
      at++;
    }
    let summary = summaries.get(id);
    if (summary === undefined) summaries.set(id, (summary = { bets: 0, digest: 0, winners: 0 }));
    // FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo) over all bets of the agency.
    let hash = summary.digest ^ 0x811c9dc5;
    let number = 0;
    for (; at < end; at++) {
      const byte = bytes[at]!;
      hash = Math.imul(hash ^ byte, 0x01000193);
      number = byte === COMMA ? 0 : number * 10 + byte - 0x30;
    }
    summary.digest = hash;
    summary.bets++;
    if (number === winning) summary.winners++;
  });
  return summaries;
}

/** Calls `visit` with the position of each row in a buffer, without the line break. */
function forEachRow(path: string, visit: (bytes: Uint8Array, start: number, end: number) => void): void {
  const file = openSync(path, 'r');
  const bytes = Buffer.allocUnsafe(PIECE_BYTES);
  let filled = 0;
  for (;;) {
    const read = readSync(file, bytes, filled, PIECE_BYTES - filled, null);
    if (read === 0) break;
    filled += read;
    let start = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1 && end < filled; end = bytes.indexOf(LINE_FEED, start)) {
      visit(bytes, start, bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end);
      start = end + 1;
    }
    bytes.copyWithin(0, start, filled);
    filled -= start;
  }
  if (filled > 0) visit(bytes, 0, filled);
  closeSync(file);
}
