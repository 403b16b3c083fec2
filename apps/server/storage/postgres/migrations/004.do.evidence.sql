-- The SHA-256 of an agency's rows at its finish; NULL if the server kept no evidence.
ALTER TABLE agencies ADD COLUMN finish_digest text CHECK (finish_digest ~ '^[0-9a-f]{64}$');

-- The signed record of a held draw, as in draw.json. It is written once.
CREATE TABLE draw_evidence (
  draw   integer PRIMARY KEY REFERENCES draws,
  record text    NOT NULL
);
