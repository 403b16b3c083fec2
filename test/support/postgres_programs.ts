import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where Debian's packages put the programs of each version. */
const DEBIAN = '/usr/lib/postgresql';

/** The programs of a server. */
const SERVER_PROGRAMS = ['initdb', 'postgres'];

/** Those of several nodes too. */
export const REPLICATION_PROGRAMS = [...SERVER_PROGRAMS, 'pg_ctl', 'pg_basebackup', 'pg_rewind'];

/** The directory with these programs of PostgreSQL: one of PATH, or that of Debian's newest version. */
export function findPostgresPrograms(programs: readonly string[] = SERVER_PROGRAMS): string | undefined {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).map(Number) : [];
  const installed = versions.sort((a, b) => b - a).map((version) => join(DEBIAN, String(version), 'bin'));
  return [...onPath, ...installed].find((directory) => {
    return programs.every((program) => existsSync(join(directory, program)));
  });
}
