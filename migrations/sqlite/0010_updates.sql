-- Updates: posts in Markdown for visitors. Whether one is to be seen is a comparison with the clock, made when it is read.

CREATE TABLE updates (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid        TEXT NOT NULL UNIQUE,            -- in feeds; made once, whatever else changes
    slug        TEXT NOT NULL,                   -- in its address
    slug_made   INTEGER NOT NULL,                -- 1: made of the title, not chosen
    title       TEXT NOT NULL,
    body        TEXT NOT NULL,                   -- Markdown
    tags        TEXT NOT NULL,                   -- JSON: a list of words
    pinned      INTEGER NOT NULL,                -- 1: shown first, and to those who wait
    draft       INTEGER NOT NULL,                -- 1: nobody but staff sees it
    publish_at  INTEGER,                         -- to be seen from then on; none while it is a draft
    public_at   INTEGER,                         -- when it was first seen, once that is over and it was changed
    timezone    TEXT NOT NULL,                   -- IANA; in which publish_at was meant
    author      TEXT NOT NULL,                   -- name, for readers
    edited_at   INTEGER NOT NULL,                -- when title or text changed last
    working     TEXT,                            -- JSON: changes that are written and not published yet
    version     INTEGER NOT NULL DEFAULT 1,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    deleted_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX updates_slug ON updates (slug) WHERE deleted_at IS NULL;
CREATE INDEX updates_publish_at ON updates (publish_at, id);

-- Addresses that updates had: they lead on to the present one.
CREATE TABLE former_slugs (
    slug        TEXT PRIMARY KEY,
    update_id   INTEGER NOT NULL REFERENCES updates(id)
) STRICT;

-- The ids of feeds (RFC 4287, 4.2.6): made once.
CREATE TABLE feeds (
    name        TEXT PRIMARY KEY,
    uuid        TEXT NOT NULL
) STRICT;
INSERT INTO feeds (name, uuid) VALUES ('updates', lower(
    hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a' ||
    substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))));
