-- The directory: colleges with their majors, advisors and students.
-- A row with deleted_at is kept, and may be restored. version rises with every change; it is the ETag.

CREATE TABLE colleges (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL,
    short_name  TEXT,
    email       TEXT,
    phone       TEXT,
    location    TEXT,
    website     TEXT,
    version     INTEGER NOT NULL DEFAULT 1,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    deleted_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX colleges_name ON colleges(name) WHERE deleted_at IS NULL;

CREATE TABLE majors (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    college_id  INTEGER NOT NULL REFERENCES colleges(id),
    name        TEXT NOT NULL,
    degree      TEXT,                            -- BA, BSc, …
    version     INTEGER NOT NULL DEFAULT 1,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    deleted_at  INTEGER
) STRICT;
CREATE INDEX majors_college ON majors(college_id);

CREATE TABLE advisors (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL,
    title       TEXT,
    college_id  INTEGER REFERENCES colleges(id),
    email       TEXT,
    location    TEXT,                            -- a desk, a room
    video_url   TEXT,                            -- where a called student goes when the advisor sits elsewhere
    photo_url   TEXT,
    user_id     INTEGER REFERENCES users(id),    -- the staff account that calls as this advisor
    version     INTEGER NOT NULL DEFAULT 1,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    deleted_at  INTEGER
) STRICT;
CREATE INDEX advisors_college ON advisors(college_id);
CREATE UNIQUE INDEX advisors_user ON advisors(user_id) WHERE deleted_at IS NULL;

CREATE TABLE students (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT NOT NULL,
    preferred_name TEXT,
    email          TEXT,                         -- lower case
    student_number TEXT,
    phone          TEXT,
    college_id     INTEGER REFERENCES colleges(id),
    major_id       INTEGER REFERENCES majors(id),
    notes          TEXT,
    status         TEXT NOT NULL,                -- active, inactive
    version        INTEGER NOT NULL DEFAULT 1,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    deleted_at     INTEGER
) STRICT;
-- A student is recognised by either, so each is one student's only.
CREATE UNIQUE INDEX students_email ON students(email) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX students_number ON students(student_number) WHERE deleted_at IS NULL;
CREATE INDEX students_college ON students(college_id);
CREATE INDEX students_major ON students(major_id);
