-- Files that are imported: uploaded, running, done. Each of their rows has a client id, import:NUMBER:ROW or
-- known:NUMBER:ROW (a colon: no client can send one), so that a run that broke off goes on where it was, a later version of
-- the file is compared with what this one held, and a run that is cancelled is taken back.

CREATE TABLE imports (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    collection  TEXT NOT NULL,                   -- its name; the import makes it
    file_name   TEXT NOT NULL,
    upload      TEXT,                            -- file in the data folder, until it is imported; null from the command line
    options     TEXT NOT NULL,                   -- how it is read, as a query string
    digest      BLOB,                            -- SHA-256 of the file and of how it was read
    rule        TEXT NOT NULL,                   -- new, same, version, all
    state       TEXT NOT NULL,                   -- uploaded, running, done, cancelled, failed
    total       INTEGER NOT NULL,                -- rows
    handled     INTEGER NOT NULL,
    report      TEXT NOT NULL,                   -- JSON: what became of the rows
    user_id     INTEGER REFERENCES users(id),    -- null: the command line
    created_at  INTEGER NOT NULL,
    seen_at     INTEGER NOT NULL                 -- a sign of life of whoever runs it
) STRICT;
CREATE INDEX imports_collection ON imports(collection, state);

-- A collection that is deleted can be restored for 30 days; then it is removed with its entries.
ALTER TABLE collections ADD COLUMN deleted_at INTEGER;
