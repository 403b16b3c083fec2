import { migrateSchema } from '../../../apps/server/storage/postgres/schema_migration';
import { MIGRATIONS, openDatabase } from '../../support/postgres_server';
import { AUDIT_OF_DRAWS } from './database_oracle';
import { type PostgresNode, SUPERUSER } from './postgres_node';

/** The role of the lottery's servers: it owns no table, and deletes nothing. */
export const SERVER_ROLE = 'lottery';

const TEMPLATE = 'migrated';

/** Several PostgreSQL nodes, one of which accepts writes. */
export interface ReplicatedDatabase {
  readonly nodes: readonly PostgresNode[];
  /** The node that accepts writes, once there is one. */
  primary(): Promise<PostgresNode>;
}

/** The URL of a database with all nodes. */
export function databaseUrl({ nodes }: ReplicatedDatabase, database: string, role: string): string {
  const hosts = nodes.map(({ host }) => `${host}:5432`).join();
  return `postgresql://${role}@${hosts}/${database}?target_session_attrs=read-write`;
}

/** Makes the role of the servers and a migrated database, which each case copies. */
export async function prepareDatabases(nodes: ReplicatedDatabase): Promise<void> {
  const primary = await nodes.primary();
  await primary.query(`CREATE ROLE ${SERVER_ROLE} LOGIN`);
  await primary.query(`CREATE DATABASE ${TEMPLATE}`);
  const owner = openDatabase(databaseUrl(nodes, TEMPLATE, SUPERUSER));
  try {
    await migrateSchema(owner, MIGRATIONS);
  } finally {
    await owner.close();
  }
  await primary.query(`GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO ${SERVER_ROLE}`, [], TEMPLATE);
  await primary.query(AUDIT_OF_DRAWS, [], TEMPLATE);
}

/** Makes a new and empty database with the current schema. */
export async function createDatabase(nodes: ReplicatedDatabase, name: string): Promise<void> {
  await (await nodes.primary()).query(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
}
