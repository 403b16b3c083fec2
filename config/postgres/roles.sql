-- The roles of the lottery's database. The entry point of the image `postgres` runs this file with psql, once, after the
-- creation of an empty database in the volume.

\set owner_password `cat /run/secrets/owner_password`
\set server_password `cat /run/secrets/server_password`

-- The owner of the schema, for migrations.
CREATE ROLE lottery_owner LOGIN PASSWORD :'owner_password';
-- The servers' role: it reads, inserts and updates rows. It can neither delete rows nor change the schema.
CREATE ROLE lottery_server LOGIN PASSWORD :'server_password';

REVOKE ALL ON DATABASE lottery FROM PUBLIC;
GRANT CONNECT ON DATABASE lottery TO lottery_owner, lottery_server;

ALTER SCHEMA public OWNER TO lottery_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO lottery_server;
ALTER DEFAULT PRIVILEGES FOR ROLE lottery_owner IN SCHEMA public
  GRANT SELECT, INSERT, UPDATE ON TABLES TO lottery_server;
