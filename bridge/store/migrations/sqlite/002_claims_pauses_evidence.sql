-- Who claimed: a number that every serving process draws anew. 0 is nobody, and all that claimed before this column.
ALTER TABLE deliveries ADD COLUMN claimed_by INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN match_key TEXT NOT NULL DEFAULT '';

DROP INDEX deliveries_open;
CREATE INDEX deliveries_open ON deliveries (destination, state, created_ms) WHERE is_open = 1;
CREATE INDEX deliveries_claimed ON deliveries (claimed_by, lease_ms) WHERE state = 'claimed';
CREATE INDEX deliveries_kept ON deliveries (state, seq) WHERE state IN ('dead', 'uncertain', 'quarantined');
CREATE INDEX deliveries_of_piece ON deliveries (inbox_seq);
CREATE INDEX deliveries_matched ON deliveries (match_key) WHERE state = 'uncertain' AND match_key <> '';
CREATE INDEX inbox_age ON inbox (received_ms);
CREATE INDEX dedup_keys_age ON dedup_keys (expires_ms);

CREATE TABLE pauses (
    destination TEXT    NOT NULL PRIMARY KEY,
    until_ms    INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    probes      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Proof that something with this key had its effect, for deliveries that become uncertain after the proof came.
CREATE TABLE evidence (
    match_key TEXT    NOT NULL PRIMARY KEY,
    at_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What retention deleted, by state, with `accepted` and `duplicate` beside it: counts never shrink.
CREATE TABLE retired (
    state  TEXT    NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE claimers (number INTEGER PRIMARY KEY AUTOINCREMENT) STRICT;
