-- Collections and what clients send to them.

CREATE TABLE collections (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    name            TEXT NOT NULL UNIQUE,        -- [a-z0-9][a-z0-9_-]{0,62}, part of URLs
    title           TEXT NOT NULL,
    publishable_key TEXT NOT NULL UNIQUE,        -- pk_…; stands in pages, so it is no secret
    kind            TEXT NOT NULL,               -- entries, readings
    open            INTEGER NOT NULL,            -- accepts entries without the key
    public_read     INTEGER NOT NULL,            -- anyone may list it
    retention_days  INTEGER,                     -- entries older than this are removed for good; null keeps them
    daily_quota     INTEGER,                     -- entries a UTC day; null is no limit
    checks          TEXT NOT NULL,               -- JSON: {"field": {"type": "number", "mode": "warn"}}
    created_at      INTEGER NOT NULL
) STRICT;

INSERT INTO collections (name, title, publishable_key, kind, open, public_read, checks, created_at)
VALUES ('default', 'Default', 'pk_' || lower(hex(randomblob(12))), 'entries', 1, 0, '{}',
        CAST(unixepoch('subsec') * 1000 AS INTEGER));

-- Web origins that may send to a collection. None listed: every origin may.
CREATE TABLE allowed_origins (
    collection_id INTEGER NOT NULL REFERENCES collections(id),
    origin        TEXT NOT NULL,                 -- scheme://host[:port], lower case
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (collection_id, origin)
) STRICT, WITHOUT ROWID;

-- Origins that were turned away, so that staff can allow them.
CREATE TABLE refused_origins (
    collection_id INTEGER NOT NULL REFERENCES collections(id),
    origin        TEXT NOT NULL,
    times         INTEGER NOT NULL,
    last_at       INTEGER NOT NULL,
    PRIMARY KEY (collection_id, origin)
) STRICT, WITHOUT ROWID;

CREATE TABLE entries (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    collection_id INTEGER NOT NULL REFERENCES collections(id),
    received_at   INTEGER NOT NULL,              -- the server's clock
    at            INTEGER,                       -- the client's clock, corrected by its own skew
    session       TEXT,                          -- public session id
    origin        TEXT,                          -- the Origin header
    flags         TEXT,                          -- spam
    flagged_at    INTEGER,                       -- when the flag was set: what Undo goes by
    deleted_at    INTEGER,                       -- what Undo of a deletion goes by
    version       INTEGER NOT NULL DEFAULT 1,    -- rises with every change; the ETag
    data          TEXT NOT NULL                  -- a JSON object: names, order and numbers as sent, white space removed
) STRICT;
-- Newest first. All collections together are walked one by one, so that no entry pays for a second index.
CREATE INDEX entries_newest ON entries(collection_id, received_at);
CREATE INDEX entries_session ON entries(collection_id, session) WHERE session IS NOT NULL;

-- Client ids, in a table of their own so that entries without one pay nothing.
-- A row outlives its entry, so that a late retry cannot bring it back.
CREATE TABLE entry_uids (
    collection_id INTEGER NOT NULL,
    uid           TEXT NOT NULL,
    entry_id      INTEGER NOT NULL,
    digest        INTEGER NOT NULL,              -- first 8 bytes of the SHA-256 of the data as first sent
    PRIMARY KEY (collection_id, uid)
) STRICT, WITHOUT ROWID;

-- The field registry: every path ever seen in a collection. The order of ids is the order of columns.
CREATE TABLE fields (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    collection_id INTEGER NOT NULL REFERENCES collections(id),
    path          TEXT NOT NULL,                 -- a.b, with \. and \\ escaped
    strings       INTEGER NOT NULL,
    numbers       INTEGER NOT NULL,
    bools         INTEGER NOT NULL,
    nulls         INTEGER NOT NULL,
    arrays        INTEGER NOT NULL,
    objects       INTEGER NOT NULL,              -- empty ones: others are seen through their fields
    first_at      INTEGER NOT NULL,
    last_at       INTEGER NOT NULL,
    UNIQUE (collection_id, path)
) STRICT;

-- Fields with an index of their own, named pin_ID.
CREATE TABLE pins (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    collection_id INTEGER NOT NULL REFERENCES collections(id),
    path          TEXT NOT NULL,
    automatic     INTEGER NOT NULL,              -- made because its filters were slow
    created_at    INTEGER NOT NULL,
    ready_at      INTEGER,                       -- null while the index is being built
    UNIQUE (collection_id, path)
) STRICT;

CREATE TABLE saved_views (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    query      TEXT NOT NULL,                    -- the query string of /list
    created_by INTEGER REFERENCES users(id),
    created_at INTEGER NOT NULL
) STRICT;

-- Which columns a person wants to see of a collection.
CREATE TABLE column_choices (
    user_id       INTEGER NOT NULL REFERENCES users(id),
    collection_id INTEGER NOT NULL REFERENCES collections(id),
    columns       TEXT NOT NULL,                 -- a _fields value
    PRIMARY KEY (user_id, collection_id)
) STRICT, WITHOUT ROWID;
