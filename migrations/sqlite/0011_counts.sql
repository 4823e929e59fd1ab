-- How many entries there are, kept while they come and go, so that no page has to count them. Entries that come in are counted by
-- whoever stores them, with one statement for all of them; every other change is counted by the triggers.

CREATE TABLE entry_counts (
    collection_id INTEGER NOT NULL,
    quarter       INTEGER NOT NULL,              -- of an hour, since 1970 in UTC: received_at / 900000
    visible       INTEGER NOT NULL,              -- neither deleted nor spam
    stored        INTEGER NOT NULL,              -- all of them
    PRIMARY KEY (collection_id, quarter)
) STRICT, WITHOUT ROWID;

CREATE TABLE entry_totals (
    collection_id INTEGER PRIMARY KEY,
    visible       INTEGER NOT NULL,
    stored        INTEGER NOT NULL
) STRICT;

CREATE TRIGGER entry_counts_inserted AFTER INSERT ON entry_counts BEGIN
    INSERT INTO entry_totals (collection_id, visible, stored) VALUES (new.collection_id, new.visible, new.stored)
    ON CONFLICT (collection_id) DO UPDATE
    SET visible = entry_totals.visible + excluded.visible, stored = entry_totals.stored + excluded.stored;
END;

CREATE TRIGGER entry_counts_updated AFTER UPDATE ON entry_counts BEGIN
    UPDATE entry_totals SET visible = visible + new.visible - old.visible, stored = stored + new.stored - old.stored
    WHERE collection_id = new.collection_id;
END;

CREATE TRIGGER entries_marked AFTER UPDATE OF deleted_at, flags ON entries
WHEN (old.deleted_at IS NULL AND old.flags IS NULL) <> (new.deleted_at IS NULL AND new.flags IS NULL) BEGIN
    UPDATE entry_counts SET visible = visible + iif(new.deleted_at IS NULL AND new.flags IS NULL, 1, -1)
    WHERE collection_id = new.collection_id AND quarter = new.received_at / 900000;
END;

CREATE TRIGGER entries_removed AFTER DELETE ON entries BEGIN
    UPDATE entry_counts SET visible = visible - (old.deleted_at IS NULL AND old.flags IS NULL), stored = stored - 1
    WHERE collection_id = old.collection_id AND quarter = old.received_at / 900000;
END;

INSERT INTO entry_counts (collection_id, quarter, visible, stored)
SELECT collection_id, received_at / 900000, sum(deleted_at IS NULL AND flags IS NULL), count(*) FROM entries GROUP BY 1, 2;

-- What Undo goes by. Of all other entries nothing is in them.
CREATE INDEX entries_deleted ON entries(deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX entries_flagged ON entries(flagged_at) WHERE flagged_at IS NOT NULL;
