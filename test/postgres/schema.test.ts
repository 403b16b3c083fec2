import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { type Database } from '../../apps/server/storage/postgres/database/database';
import { requireKnownSchema, SCHEMA_VERSION } from '../../apps/server/storage/postgres/schema';
import { migrateSchema } from '../../apps/server/storage/postgres/schema_migration';
import { MIGRATIONS, openDatabase, type PostgresServer, sharedPostgres } from '../support/postgres_server';
import { expectCode } from '../support/rejection';

const MISMATCH = 'STORE_SCHEMA_UNKNOWN';

/** The catalogues' description of the tables of a database. */
const DESCRIPTION = `
  SELECT 'column' AS kind, table_name::text, column_name::text AS name,
         concat_ws(' ', ordinal_position, data_type, is_nullable, column_default) AS definition
    FROM information_schema.columns WHERE table_schema = 'public'
  UNION ALL
  SELECT 'constraint', conrelid::regclass::text, conname::text, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
  UNION ALL
  SELECT 'index', tablename::text, indexname::text, indexdef FROM pg_indexes WHERE schemaname = 'public'
  UNION ALL
  SELECT 'options', relname::text, relkind::text, reloptions::text FROM pg_class
   WHERE relnamespace = 'public'::regnamespace
  ORDER BY 1, 2, 3, 4`;

describe('the schema of the PostgreSQL store', () => {
  let server: PostgresServer;
  let databases: Database[];

  beforeEach(async function () {
    databases = [];
    server = await sharedPostgres(this);
  });

  afterEach(async () => {
    await Promise.all(databases.map((database) => database.close()));
  });

  function open(name: string, user?: string): Database {
    const database = openDatabase(server.url(name, user), { connections: 1 });
    databases.push(database);
    return database;
  }

  const openNew = async () => open(await server.createEmptyDatabase());
  const describeTables = (database: Database) => database.query(DESCRIPTION);

  it('has the version of the last migration', () => {
    const versions = readdirSync(MIGRATIONS).map((file) => Number.parseInt(file, 10));
    expect(versions.sort((a, b) => a - b)).to.deep.equal(
      Array.from({ length: SCHEMA_VERSION }, (_, index) => index + 1),
    );
  });

  it('is made from nothing, and not twice', async () => {
    const database = await openNew();
    expect(await migrateSchema(database, MIGRATIONS)).to.deep.equal({ before: 0, after: SCHEMA_VERSION });
    const tables = await describeTables(database);
    const names = new Set(tables.map(({ table_name }) => table_name as string));
    for (const name of ['agencies', 'bets', 'draws', 'schemaversion', 'servers', 'winners'])
      expect(names).to.include(name);
    await requireKnownSchema(database);
    expect(await migrateSchema(database, MIGRATIONS)).to.deep.equal({ before: SCHEMA_VERSION, after: SCHEMA_VERSION });
    expect(await describeTables(database)).to.deep.equal(tables);
  });

  for (let version = 1; version < SCHEMA_VERSION; version++) {
    it(`is the same from version ${version} as from nothing`, async () => {
      const [stepwise, atOnce] = [await openNew(), await openNew()];
      expect(await migrateSchema(stepwise, MIGRATIONS, version)).to.deep.equal({ before: 0, after: version });
      const { message } = await expectCode(requireKnownSchema(stepwise), MISMATCH);
      expect(message).to.match(
        new RegExp(`has version ${version}, and this program needs ${SCHEMA_VERSION}: run make migrate$`),
      );
      const earlier = await describeTables(stepwise);
      expect(await migrateSchema(stepwise, MIGRATIONS)).to.deep.equal({ before: version, after: SCHEMA_VERSION });
      await migrateSchema(atOnce, MIGRATIONS);
      const expected = await describeTables(atOnce);
      expect(await describeTables(stepwise)).to.deep.equal(expected);
      expect(earlier).not.to.deep.equal(expected);
    });
  }

  it('is made once by concurrent programs', async () => {
    const name = await server.createEmptyDatabase();
    const results = await Promise.all(
      [open(name), open(name), open(name)].map((one) => migrateSchema(one, MIGRATIONS)),
    );
    const before = results.map((result) => result.before).sort((a, b) => a - b);
    expect(before).to.deep.equal([0, SCHEMA_VERSION, SCHEMA_VERSION]);
    await requireKnownSchema(open(name));
  });

  it('is refused if it is missing or newer, with the next step', async () => {
    const database = await openNew();
    expect((await expectCode(requireKnownSchema(database), MISMATCH)).message).to.match(
      /^the database .* has no schema yet: run make migrate$/,
    );
    await migrateSchema(database, MIGRATIONS);
    await database.write('INSERT INTO schemaversion (version) VALUES ($1)', [SCHEMA_VERSION + 1]);
    const newer = new RegExp(`has version ${SCHEMA_VERSION + 1}, and this program needs .*: run a newer release$`);
    for (const attempt of [requireKnownSchema(database), migrateSchema(database, MIGRATIONS)]) {
      expect((await expectCode(attempt, MISMATCH)).message).to.match(newer);
    }
  });

  it('is refused if other files have made it', async () => {
    const database = await openNew();
    await migrateSchema(database, MIGRATIONS);
    await database.write("UPDATE schemaversion SET md5 = 'other' WHERE version = 1");
    const { message } = await expectCode(migrateSchema(database, MIGRATIONS), MISMATCH);
    expect(message).to.match(/cannot be migrated: MD5 checksum failed for migration \[1\]$/);
  });

  it('is unchanged after a failed migration', async () => {
    const database = await openNew();
    await migrateSchema(database, MIGRATIONS, 1);
    const tables = await describeTables(database);
    await database.write('CREATE VIEW servers AS SELECT 1 AS one');
    await expectCode(migrateSchema(database, MIGRATIONS), 'DATABASE_STATEMENT_FAILED');
    await database.write('DROP VIEW servers');
    expect(await describeTables(database)).to.deep.equal(tables);
    await migrateSchema(database, MIGRATIONS);
  });

  it('has an owner other than the role of the servers, which can only read, insert and update', async () => {
    const name = await server.createEmptyDatabase();
    const [owner, clerk] = [`owner_of_${name}`, `clerk_of_${name}`];
    await server.run(
      `CREATE ROLE ${owner} LOGIN; CREATE ROLE ${clerk} LOGIN;
       REVOKE CREATE ON SCHEMA public FROM PUBLIC;
       GRANT CREATE ON SCHEMA public TO ${owner};
       ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA public GRANT SELECT, INSERT, UPDATE ON TABLES TO ${clerk}`,
      name,
    );
    const [owned, used] = [open(name, owner), open(name, clerk)];
    await expectCode(migrateSchema(used, MIGRATIONS), 'DATABASE_STATEMENT_FAILED');
    expect(await migrateSchema(owned, MIGRATIONS)).to.deep.equal({ before: 0, after: SCHEMA_VERSION });
    await requireKnownSchema(used);
    await used.write("INSERT INTO servers VALUES ('a', 1, now(), now(), 0, 0)");
    await used.write('UPDATE servers SET sessions = sessions + 1');
    expect(await used.query('SELECT name, sessions FROM servers')).to.deep.equal([{ name: 'a', sessions: 1 }]);
    for (const forbidden of ['DELETE FROM servers', 'TRUNCATE servers', 'DROP TABLE servers', 'CREATE TABLE x ()']) {
      const error = await expectCode(used.write(forbidden), 'DATABASE_STATEMENT_FAILED');
      expect(error).to.have.property('sqlState', '42501');
    }
  });
});
