-- Relays: one public address in front of external endpoints. A definition is one JSON document; every one that was is kept.

CREATE TABLE relays (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL UNIQUE,
    relay_key   TEXT NOT NULL,                   -- rk_..., what clients send if access is by key
    definition  TEXT NOT NULL,                   -- JSON
    secrets     TEXT NOT NULL,                   -- JSON: values of secret headers by name, encrypted
    version     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    deleted_at  INTEGER
) STRICT;

CREATE TABLE relay_editions (
    relay_id    INTEGER NOT NULL REFERENCES relays(id),
    version     INTEGER NOT NULL,
    definition  TEXT NOT NULL,
    author      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (relay_id, version)
) STRICT;
