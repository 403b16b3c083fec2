-- The servers that were seen, each with its last sign of life.
CREATE TABLE servers (
  name            text        PRIMARY KEY,
  draw            integer     NOT NULL,
  started_at      timestamptz NOT NULL,
  seen_at         timestamptz, -- NULL once it has stopped
  sessions        integer     NOT NULL CHECK (sessions >= 0),
  bets_per_second real        NOT NULL CHECK (bets_per_second >= 0)
);
