-- People who are invited, changed and removed; API tokens; the audit trail; answers that are given again.

ALTER TABLE users ADD COLUMN version    INTEGER NOT NULL DEFAULT 1;
ALTER TABLE users ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN deleted_at INTEGER;
UPDATE users SET updated_at = created_at;

-- An empty password_hash: invited, and nobody has signed in yet.

-- Sessions get a number by which they are listed and ended.
CREATE TABLE numbered_sessions (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    token_hash   BLOB NOT NULL UNIQUE,           -- SHA-256 of the cookie's 256 random bits
    user_id      INTEGER NOT NULL REFERENCES users(id),
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,               -- rounded: written at most once a minute
    browser      TEXT NOT NULL                   -- what the browser calls itself, shortened
) STRICT;
INSERT INTO numbered_sessions (token_hash, user_id, created_at, last_seen_at, browser)
    SELECT token_hash, user_id, created_at, last_seen_at, '' FROM sessions ORDER BY created_at;
DROP TABLE sessions;
ALTER TABLE numbered_sessions RENAME TO sessions;
CREATE INDEX sessions_user ON sessions(user_id);

ALTER TABLE one_time_links ADD COLUMN user_id    INTEGER REFERENCES users(id);
ALTER TABLE one_time_links ADD COLUMN expires_at INTEGER;

-- Browsers that signed in as an account before: strangers who guess cannot lock them out.
CREATE TABLE known_browsers (
    token_hash BLOB PRIMARY KEY,                 -- SHA-256 of the cookie's 256 random bits
    user_id    INTEGER NOT NULL REFERENCES users(id),
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX known_browsers_user ON known_browsers(user_id);

CREATE TABLE tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    token_hash   BLOB NOT NULL UNIQUE,           -- SHA-256 of the whole token
    user_id      INTEGER NOT NULL REFERENCES users(id),
    name         TEXT NOT NULL,
    scopes       TEXT NOT NULL,                  -- JSON list of names
    hint         TEXT NOT NULL,                  -- its last four characters, by which people tell tokens apart
    version      INTEGER NOT NULL DEFAULT 1,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER,                        -- rounded: written at most once a minute
    revoked_at   INTEGER
) STRICT;
CREATE INDEX tokens_user ON tokens(user_id);

CREATE TABLE audit (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    user_id   INTEGER,                           -- NULL: the command line
    actor     TEXT NOT NULL,                     -- the email at that time
    token_id  INTEGER,                           -- the API token that was used
    action    TEXT NOT NULL,                     -- made, changed, deleted, restored, signed in, ...
    record    TEXT NOT NULL,                     -- what it was done to: students, entries, users, ...
    record_id TEXT NOT NULL,                     -- its number or name; empty: several
    detail    TEXT NOT NULL                      -- in a few words; never what was stored
) STRICT;
CREATE INDEX audit_record ON audit(record, record_id);
CREATE INDEX audit_at ON audit(at);
-- Append-only.
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

-- Answers to requests with an Idempotency-Key, to be given again.
CREATE TABLE replays (
    key_hash    BLOB PRIMARY KEY,                -- SHA-256 of who asked, and the key
    fingerprint BLOB NOT NULL,                   -- SHA-256 of method, address and body
    created_at  INTEGER NOT NULL,
    status      INTEGER,                         -- NULL: not answered yet
    answer      BLOB                             -- headers and body, readable only with the key itself
) STRICT;
CREATE INDEX replays_created ON replays(created_at);

ALTER TABLE collections ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
