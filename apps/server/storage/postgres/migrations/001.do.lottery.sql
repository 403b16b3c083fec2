-- A draw with its terms. One is current; the others are kept.
CREATE TABLE draws (
  draw           integer     PRIMARY KEY,
  winning_number integer     NOT NULL CHECK (winning_number BETWEEN 0 AND 9999),
  agencies       integer     NOT NULL CHECK (agencies >= 1),
  is_current     boolean     UNIQUE CHECK (is_current), -- true, or NULL once put aside
  finished       integer     NOT NULL DEFAULT 0 CHECK (finished BETWEEN 0 AND agencies), -- how many agencies
  held_at        timestamptz
);

-- An agency of a draw. The epoch is that of its newest session; an older one stores nothing more.
-- Each commit updates rows here: half-filled pages leave room for it beside the old version.
CREATE TABLE agencies (
  draw          integer NOT NULL REFERENCES draws,
  agency        integer NOT NULL CHECK (agency >= 1),
  epoch         bigint  NOT NULL,
  stored        bigint  NOT NULL CHECK (stored >= 0),
  finished_with bigint  CHECK (finished_with = stored),
  PRIMARY KEY (draw, agency)
) WITH (fillfactor = 50);

-- The bets as they came. No foreign key and no index of the number: they would cost a third of the speed.
CREATE TABLE bets (
  draw       integer NOT NULL,
  agency     integer NOT NULL,
  seq        bigint  NOT NULL CHECK (seq >= 1), -- 1, 2, 3 ... of its agency
  first_name text    NOT NULL,
  last_name  text    NOT NULL,
  document   text    NOT NULL,
  birthdate  text    NOT NULL,
  number     text    NOT NULL,
  PRIMARY KEY (draw, agency, seq)
);

CREATE TABLE winners (
  draw     integer NOT NULL,
  agency   integer NOT NULL,
  seq      bigint  NOT NULL,
  document text    NOT NULL,
  PRIMARY KEY (draw, agency, seq)
);
