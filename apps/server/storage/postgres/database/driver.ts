/* eslint-disable @typescript-eslint/no-require-imports */
import type * as pg from 'pg';
import type * as copyStreams from 'pg-copy-streams';
import type pgpass from 'pgpass';

/*
 * The packages of PostgreSQL, loaded at their first use: a server on files loads none of them. In a build each is a
 * bundle of its own (tools/build.js).
 */

export function loadPg(): typeof pg {
  return require('pg') as typeof pg;
}

export function loadCopyStreams(): typeof copyStreams {
  return require('pg-copy-streams') as typeof copyStreams;
}

export function loadPgpass(): typeof pgpass {
  return require('pgpass') as typeof pgpass;
}
