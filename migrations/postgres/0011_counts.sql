-- How many entries there are, kept while they come and go, so that no page has to count them. Entries that come in are counted by
-- whoever stores them, with one statement for all of them; every other change is counted by the triggers.

CREATE TABLE entry_counts (
    collection_id BIGINT NOT NULL,
    quarter       BIGINT NOT NULL,               -- of an hour, since 1970 in UTC: received_at / 900000
    visible       BIGINT NOT NULL,               -- neither deleted nor spam
    stored        BIGINT NOT NULL,               -- all of them
    PRIMARY KEY (collection_id, quarter)
) WITH (fillfactor = 50);

CREATE TABLE entry_totals (
    collection_id BIGINT PRIMARY KEY,
    visible       BIGINT NOT NULL,
    stored        BIGINT NOT NULL
) WITH (fillfactor = 50);

CREATE FUNCTION entry_counts_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO entry_totals (collection_id, visible, stored) VALUES (new.collection_id, new.visible, new.stored)
        ON CONFLICT (collection_id) DO UPDATE
        SET visible = entry_totals.visible + excluded.visible, stored = entry_totals.stored + excluded.stored;
    ELSE
        UPDATE entry_totals SET visible = visible + new.visible - old.visible, stored = stored + new.stored - old.stored
        WHERE collection_id = new.collection_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER entry_counts_changed AFTER INSERT OR UPDATE ON entry_counts
FOR EACH ROW EXECUTE FUNCTION entry_counts_changed();

-- Both take the rows of the counts in their order, as whoever stores entries does: two of them at once wait for each other.
CREATE FUNCTION entries_marked() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change record;
BEGIN
    FOR change IN
        SELECT now.collection_id, now.received_at / 900000 AS quarter,
               count(*) FILTER (WHERE now.deleted_at IS NULL AND now.flags IS NULL)
               - count(*) FILTER (WHERE before.deleted_at IS NULL AND before.flags IS NULL) AS visible
        FROM marked_before before JOIN marked now ON now.id = before.id
        GROUP BY 1, 2 ORDER BY 1, 2
    LOOP
        IF change.visible <> 0 THEN
            UPDATE entry_counts SET visible = visible + change.visible
            WHERE collection_id = change.collection_id AND quarter = change.quarter;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER entries_marked AFTER UPDATE ON entries REFERENCING OLD TABLE AS marked_before NEW TABLE AS marked
FOR EACH STATEMENT EXECUTE FUNCTION entries_marked();

CREATE FUNCTION entries_removed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    change record;
BEGIN
    FOR change IN
        SELECT collection_id, received_at / 900000 AS quarter, count(*) AS stored,
               count(*) FILTER (WHERE deleted_at IS NULL AND flags IS NULL) AS visible
        FROM removed GROUP BY 1, 2 ORDER BY 1, 2
    LOOP
        UPDATE entry_counts SET visible = visible - change.visible, stored = stored - change.stored
        WHERE collection_id = change.collection_id AND quarter = change.quarter;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER entries_removed AFTER DELETE ON entries REFERENCING OLD TABLE AS removed
FOR EACH STATEMENT EXECUTE FUNCTION entries_removed();

INSERT INTO entry_counts (collection_id, quarter, visible, stored)
SELECT collection_id, received_at / 900000, count(*) FILTER (WHERE deleted_at IS NULL AND flags IS NULL), count(*)
FROM entries GROUP BY 1, 2;

-- What Undo goes by. Of all other entries nothing is in them.
CREATE INDEX entries_deleted ON entries(deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX entries_flagged ON entries(flagged_at) WHERE flagged_at IS NOT NULL;
