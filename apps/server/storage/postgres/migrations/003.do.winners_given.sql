-- Whether the agency has received its winners: for the status pages of all servers.
ALTER TABLE agencies ADD COLUMN has_winners boolean NOT NULL DEFAULT false;
