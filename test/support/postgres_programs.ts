import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where Debian's packages put the programs of each version. */
const DEBIAN = '/usr/lib/postgresql';

/** The directory with these programs of PostgreSQL: one of PATH, or that of Debian's newest version. */
export function findPostgresPrograms(programs: readonly string[] = ['initdb', 'postgres']): string | undefined {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).map(Number) : [];
  const installed = versions.sort((a, b) => b - a).map((version) => join(DEBIAN, String(version), 'bin'));
  return [...onPath, ...installed].find((directory) => {
    return programs.every((program) => existsSync(join(directory, program)));
  });
}
