-- One piece of a webhook. `outcomes` is written with its deliveries and checked against them by the count.
CREATE TABLE inbox (
    seq           INTEGER PRIMARY KEY,
    source        TEXT    NOT NULL,
    dedup_key     TEXT    NOT NULL,
    engagement_id TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    place         TEXT    NOT NULL,
    received_ms   INTEGER NOT NULL,
    outcomes      INTEGER NOT NULL,
    repeats       INTEGER NOT NULL DEFAULT 0,
    raw           BLOB    NOT NULL
) STRICT;

CREATE TABLE dedup_keys (
    source     TEXT    NOT NULL,
    dedup_key  TEXT    NOT NULL,
    inbox_seq  INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    PRIMARY KEY (source, dedup_key)
) STRICT, WITHOUT ROWID;

-- `is_head`: first of its lane, or of no lane. A flag, because looking for the head of a lane costs ten times as much.
-- `is_open`: pending or claimed.
CREATE TABLE deliveries (
    seq         INTEGER PRIMARY KEY,
    inbox_seq   INTEGER NOT NULL REFERENCES inbox (seq),
    destination TEXT    NOT NULL,
    operation   TEXT    NOT NULL,
    path        TEXT    NOT NULL,
    lane        TEXT    NOT NULL,
    body        BLOB    NOT NULL,
    state       TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    is_open     INTEGER NOT NULL,
    is_head     INTEGER NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    fence       INTEGER NOT NULL DEFAULT 0,
    created_ms  INTEGER NOT NULL,
    due_ms      INTEGER NOT NULL,
    started_ms  INTEGER,
    lease_ms    INTEGER,
    settled_ms  INTEGER
) STRICT;

CREATE INDEX deliveries_due ON deliveries (destination, due_ms, seq) WHERE state = 'pending' AND is_head = 1;
CREATE INDEX deliveries_lanes ON deliveries (destination, lane, seq) WHERE is_open = 1 AND lane <> '';
CREATE INDEX deliveries_open ON deliveries (destination) WHERE is_open = 1;

CREATE TABLE identities (
    user_id       TEXT    NOT NULL,
    email         TEXT    NOT NULL,
    address       TEXT    NOT NULL,
    identified_ms INTEGER NOT NULL,
    inbox_seq     INTEGER NOT NULL,
    PRIMARY KEY (user_id, email)
) STRICT, WITHOUT ROWID;

CREATE INDEX identities_by_user ON identities (user_id, identified_ms, inbox_seq);
CREATE INDEX identities_by_email ON identities (email, identified_ms, inbox_seq);
