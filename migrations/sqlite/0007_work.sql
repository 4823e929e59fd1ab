-- Entries that staff work on: their state, who does it, a note, and what was changed.

ALTER TABLE entries ADD COLUMN state TEXT;       -- null: the first of its collection's states
ALTER TABLE entries ADD COLUMN assignee_id INTEGER REFERENCES users(id);
ALTER TABLE entries ADD COLUMN note TEXT;
-- Few entries are; whether any is decides which columns an export has.
CREATE INDEX entries_worked ON entries(collection_id) WHERE state IS NOT NULL OR assignee_id IS NOT NULL OR note IS NOT NULL;

ALTER TABLE collections ADD COLUMN states TEXT NOT NULL DEFAULT '["new","open","done"]';  -- JSON: names, in their order

-- Goes with its entry: it holds what stood there.
CREATE TABLE entry_changes (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    entry_id INTEGER NOT NULL REFERENCES entries(id) ON DELETE CASCADE,
    at       INTEGER NOT NULL,
    user_id  INTEGER,                              -- null: the command line
    actor    TEXT NOT NULL,                      -- the email at that time
    what     TEXT NOT NULL,                      -- data, state, assignee, note
    before   TEXT,                               -- null: nothing stood there
    after    TEXT
) STRICT;
CREATE INDEX entry_changes_entry ON entry_changes(entry_id);
