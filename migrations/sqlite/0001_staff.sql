-- Who may sign in, and their sessions.
-- Every moment in this schema is Unix time in milliseconds.

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    email         TEXT NOT NULL UNIQUE,          -- lower case
    name          TEXT NOT NULL,
    role          TEXT NOT NULL,                 -- owner, staff, viewer
    password_hash TEXT NOT NULL,                 -- argon2id, PHC string
    created_at    INTEGER NOT NULL,
    disabled_at   INTEGER
) STRICT;

CREATE TABLE sessions (
    token_hash   BLOB PRIMARY KEY,               -- SHA-256 of the cookie's 256 random bits
    user_id      INTEGER NOT NULL REFERENCES users(id),
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL                -- rounded: written at most once a minute
) STRICT;
CREATE INDEX sessions_user ON sessions(user_id);

CREATE TABLE one_time_links (
    token_hash BLOB PRIMARY KEY,                 -- SHA-256 of the random part of the URL
    purpose    TEXT NOT NULL,                    -- setup
    created_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;
