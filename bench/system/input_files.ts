import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** The numbers of bets of the five agencies in the course's data. */
export const COURSE_BETS: readonly number[] = [26_936, 25_518, 16_014, 9_238, 991];

/** Numbers of bets in the same proportions, with the sum `total`. */
export function scaledBets(total: number): readonly number[] {
  const whole = COURSE_BETS.reduce((sum, bets) => sum + bets, 0);
  const [, ...others] = COURSE_BETS.map((bets) => Math.round((bets / whole) * total));
  return [total - others.reduce((sum, bets) => sum + bets, 0), ...others];
}

const FIRST_NAMES = 'Santiago Lionel|Agustin Emanuel|Tiago Nicolás|Camila Rocío|Juan|María José|Sofía|Iñaki'.split('|');
const LAST_NAMES = 'Lorca|Zambrano|Rivera|Peña|Fernández|Di Tella|Quiroga|Ibáñez|Gómez|Sosa'.split('|');
const CHUNK_ROWS = 4096;

/**
 * Makes the files `agency-N.csv` in a new directory below `directory`, in the form of the course's data: about 45 bytes
 * a row, accents, lines ended by `\r\n`. The content is the same each time. Existing files are kept.
 *
 * @returns the new directory.
 */
export function makeInputFiles(directory: string, bets: readonly number[]): string {
  const total = bets.reduce((sum, count) => sum + count, 0);
  const target = join(directory, `input-${total}`);
  mkdirSync(target, { recursive: true });
  for (const [index, count] of bets.entries()) {
    const path = inputFile(target, index + 1);
    if (existsSync(path)) continue;
    const file = openSync(`${path}.part`, 'w');
    for (const chunk of rows(index + 1, count)) writeSync(file, chunk);
    closeSync(file);
    renameSync(`${path}.part`, path);
  }
  return target;
}

/** The path of an agency's file in a directory of `makeInputFiles`. */
export function inputFile(directory: string, agency: number): string {
  return join(directory, `agency-${agency}.csv`);
}

function* rows(seed: number, count: number): Generator<string> {
  const random = xorshift(seed);
  for (let done = 0; done < count; done += CHUNK_ROWS) {
    let chunk = '';
    for (let row = done; row < Math.min(count, done + CHUNK_ROWS); row++) {
      const name = `${FIRST_NAMES[random(8)]},${LAST_NAMES[random(10)]}`;
      const birthdate = `${1950 + random(55)}-${twoDigits(1 + random(12))}-${twoDigits(1 + random(28))}`;
      chunk += `${name},${20_000_000 + random(25_000_000)},${birthdate},${random(10_000)}\r\n`;
    }
    yield chunk;
  }
}

/** Pseudo-random whole numbers below a limit, the same on every machine (G. Marsaglia, "Xorshift RNGs", 2003). */
function xorshift(seed: number): (limit: number) => number {
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
