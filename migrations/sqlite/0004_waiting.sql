-- The waiting room: queues, the places of students in them (queuers), what happened to each, and FAQs.

CREATE TABLE queues (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    college_id       INTEGER NOT NULL REFERENCES colleges(id),
    advisor_id       INTEGER REFERENCES advisors(id),
    title            TEXT NOT NULL,
    greeting         TEXT,
    intake           TEXT NOT NULL,              -- open, paused, closed
    intake_message   TEXT,
    cap              INTEGER,                    -- places at most; null is no limit
    grace_seconds    INTEGER NOT NULL,           -- a called student has this long
    away_minutes     INTEGER NOT NULL,           -- a student may be away this long in all
    cooldown_minutes INTEGER NOT NULL,           -- after being served
    topics           TEXT,                       -- JSON list of texts
    location         TEXT,
    timezone         TEXT NOT NULL,              -- IANA name
    schedule         TEXT,                       -- JSON list of {day, from, to}; null or empty is always
    closed_dates     TEXT,                       -- JSON list of dates
    keep_overnight   INTEGER NOT NULL,           -- 1: places survive midnight
    next_key         INTEGER NOT NULL DEFAULT 0, -- the order key that was given last
    seq              INTEGER NOT NULL DEFAULT 0, -- rises with everything that happens in the queue: the version of live messages
    aside            INTEGER NOT NULL DEFAULT 0, -- rises when duties or announcements change
    version          INTEGER NOT NULL DEFAULT 1, -- of the settings
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    deleted_at       INTEGER
) STRICT;
CREATE INDEX queues_college ON queues(college_id);

CREATE TABLE queuers (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    queue_id        INTEGER NOT NULL REFERENCES queues(id),
    student_id      INTEGER NOT NULL REFERENCES students(id),
    ticket          TEXT NOT NULL,               -- for counters and displays instead of a name
    topic           TEXT,
    question        TEXT,
    note            TEXT,                        -- by staff, for staff
    state           TEXT NOT NULL,               -- waiting, away, called, serving; done, no_show, left, removed, expired, transferred
    order_key       INTEGER NOT NULL,            -- a counter of the queue: order is by arrival
    advisor_id      INTEGER REFERENCES advisors(id),
    user_id         INTEGER REFERENCES users(id), -- who called in their own name
    joined_at       INTEGER NOT NULL,            -- a place that was moved keeps it
    called_at       INTEGER,
    started_at      INTEGER,
    ended_at        INTEGER,
    coming_at       INTEGER,                     -- the called student said "I'm coming"
    due_at          INTEGER,                     -- when the sweep looks: end of the grace, or of being away
    away_since      INTEGER,
    away_ms         INTEGER NOT NULL DEFAULT 0,  -- used up of the allowance
    recalls         INTEGER NOT NULL DEFAULT 0,
    end_reason      TEXT,
    from_queuer_id  INTEGER REFERENCES queuers(id), -- the place in another queue that this one goes on
    walk_in         INTEGER NOT NULL DEFAULT 0,  -- 1: taken in by staff
    estimate_low    INTEGER,                     -- minutes, as told when joining; null: not known
    estimate_high   INTEGER,
    version         INTEGER NOT NULL DEFAULT 1,  -- rises with every step
    seq             INTEGER NOT NULL,            -- the queue's seq at the last step
    changed_by      TEXT NOT NULL,
    changed_at      INTEGER NOT NULL
) STRICT;
-- One active place of a student in a queue.
CREATE UNIQUE INDEX queuers_active ON queuers(queue_id, student_id) WHERE state IN ('waiting', 'away', 'called', 'serving');
-- One student at a time with an advisor, or with an account that is none.
CREATE UNIQUE INDEX queuers_advisor ON queuers(advisor_id) WHERE state IN ('called', 'serving');
CREATE UNIQUE INDEX queuers_user ON queuers(user_id) WHERE advisor_id IS NULL AND state IN ('called', 'serving');
-- Call-next reads its first row; the cap counts it.
CREATE INDEX queuers_line ON queuers(queue_id, state, order_key);
CREATE INDEX queuers_due ON queuers(due_at) WHERE due_at IS NOT NULL;
CREATE INDEX queuers_student ON queuers(student_id, queue_id, ended_at);
CREATE INDEX queuers_joined ON queuers(queue_id, joined_at);

-- The links of students to their places. A place that goes on in another queue takes its links along.
CREATE TABLE queuer_links (
    token_hash BLOB PRIMARY KEY,                -- SHA-256 of 128 random bits
    queuer_id  INTEGER NOT NULL REFERENCES queuers(id)
) STRICT;
CREATE INDEX queuer_links_queuer ON queuer_links(queuer_id);

-- What happened, append-only: the truth behind live updates, histories and Undo.
CREATE TABLE queue_events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    queue_id   INTEGER NOT NULL REFERENCES queues(id),
    seq        INTEGER NOT NULL,                 -- of the queue; what happens in one transaction shares it
    queuer_id  INTEGER REFERENCES queuers(id),   -- null: it concerns the queue
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,                    -- a name of staff, student, or system
    what       TEXT NOT NULL,                    -- join, call, …; intake, duty, message
    from_state TEXT,
    to_state   TEXT,
    reason     TEXT,
    before     TEXT                              -- JSON: what Undo puts back
) STRICT;
CREATE INDEX queue_events_seq ON queue_events(queue_id, seq);
CREATE INDEX queue_events_queuer ON queue_events(queuer_id, id);

-- Who serves which queue, from when to when.
CREATE TABLE duties (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    queue_id   INTEGER NOT NULL REFERENCES queues(id),
    advisor_id INTEGER REFERENCES advisors(id),
    user_id    INTEGER REFERENCES users(id),     -- an account that is no advisor
    since      INTEGER NOT NULL,
    until      INTEGER
) STRICT;
CREATE UNIQUE INDEX duties_advisor ON duties(queue_id, advisor_id) WHERE until IS NULL;
CREATE UNIQUE INDEX duties_user ON duties(queue_id, user_id) WHERE until IS NULL AND advisor_id IS NULL;

-- What everybody who waits is told.
CREATE TABLE announcements (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    queue_id   INTEGER NOT NULL REFERENCES queues(id),
    text       TEXT NOT NULL,
    author     TEXT NOT NULL,
    at         INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT;
CREATE INDEX announcements_queue ON announcements(queue_id) WHERE ended_at IS NULL;

CREATE TABLE faqs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    question    TEXT NOT NULL,
    answer      TEXT NOT NULL,                   -- Markdown
    college_id  INTEGER REFERENCES colleges(id), -- null, null, null: everybody
    major_id    INTEGER REFERENCES majors(id),
    queue_id    INTEGER REFERENCES queues(id),
    position    INTEGER,                         -- smaller ones first
    version     INTEGER NOT NULL DEFAULT 1,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    deleted_at  INTEGER
) STRICT;
