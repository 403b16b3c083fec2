import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Faker } from '@faker-js/faker';

/** The parameters of sample data: agencies 1 to `agencies`, each with `bets` bets, in `directory`. */
export interface SampleDataRequest {
  readonly directory: string;
  readonly agencies: number;
  readonly bets: number;
  /** Skip existing files. */
  readonly onlyMissing: boolean;
}

/** The path of a sample contains a foreign file, which is not overwritten. */
export class ForeignFileError extends Error {
  readonly code = 'FOREIGN_FILE';

  constructor(readonly path: string) {
    super(`${path} is no sample data of ours, and is not overwritten: move it away, or use another directory`);
    this.name = 'ForeignFileError';
  }
}

/** The seed of all sample data. Agency N's file depends only on this seed and N, so it is the same on every machine. */
const SEED = 7574;
const ROWS_PER_CHUNK = 1000;
const MANIFEST = '.samples.json';

/** The checksums of the generated files, by name. */
type Manifest = Record<string, string>;

/**
 * Generates the agencies' files `agency-N.csv` with invented persons.
 *
 * @returns the paths of the generated files.
 * @throws ForeignFileError
 */
export async function makeSampleData(request: SampleDataRequest): Promise<string[]> {
  const { directory, agencies, bets, onlyMissing } = request;
  await mkdir(directory, { recursive: true });
  const manifest = await readManifest(directory);
  const made: string[] = [];
  for (let agency = 1; agency <= agencies; agency++) {
    const name = `agency-${agency}.csv`;
    const path = join(directory, name);
    if (onlyMissing && existsSync(path)) continue;
    const present = await checksumOf(path);
    if (present !== undefined && present !== manifest[name]) throw new ForeignFileError(path);
    // Its lists of names take longer to load than all else of a program, so they are loaded on demand.
    const { fakerES } = await import('@faker-js/faker');
    // The checksum is saved before the rename: an interruption leaves no partial file, and none that looks foreign.
    const unfinished = `${path}.part`;
    await pipeline(sampleRows(fakerES, agency, bets), createWriteStream(unfinished));
    manifest[name] = (await checksumOf(unfinished))!;
    await writeFile(join(directory, MANIFEST), `${JSON.stringify(manifest, undefined, 2)}\n`);
    await rename(unfinished, path);
    made.push(path);
  }
  return made;
}

/** The rows of an agency's file, in chunks. */
function* sampleRows(faker: Faker, agency: number, bets: number): Generator<string> {
  faker.seed([SEED, agency]);
  for (let done = 0; done < bets; done += ROWS_PER_CHUNK) {
    let chunk = '';
    for (let row = done; row < Math.min(bets, done + ROWS_PER_CHUNK); row++) chunk += `${sampleRow(faker)}\n`;
    yield chunk;
  }
}

const FIRST_BIRTHDATE = Date.UTC(1950, 0, 1);
const BIRTHDATES = 55 * 365;
const DAY_MS = 86_400_000;

function sampleRow(faker: Faker): string {
  const birthdate = new Date(FIRST_BIRTHDATE + faker.number.int({ max: BIRTHDATES }) * DAY_MS);
  return [
    faker.person.firstName(),
    faker.person.lastName(),
    faker.number.int({ min: 20_000_000, max: 45_000_000 }),
    birthdate.toISOString().slice(0, 10),
    faker.number.int({ max: 9999 }),
  ].join(',');
}

async function readManifest(directory: string): Promise<Manifest> {
  const text = await readFile(join(directory, MANIFEST), 'utf8').catch(() => '{}');
  return JSON.parse(text) as Manifest;
}

/** @throws ForeignFileError the path is no regular file. The content of a pipe may never end. */
async function checksumOf(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    if (!(await stat(path)).isFile()) throw new ForeignFileError(path);
    await pipeline(createReadStream(path), hash);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return hash.digest('hex');
}
