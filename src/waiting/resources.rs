//! What the lists, forms and exports of records need to know of queues, FAQs and places.

use super::schedule;
use super::texts::{MAX_LINE, MAX_NOTE};
use crate::records::{COMMON, Column, Key, Kind, Reference, Resource};

/// Queues of the waiting room.
pub static QUEUES: Resource = Resource {
    name: "queues",
    title: "Queues",
    one: "queue",
    label: "title",
    columns: &[
        Column::new("title", "Title", Kind::Line(200)).required(),
        Column::new("college_id", "College", Kind::Reference(&crate::directory::COLLEGES)).required(),
        Column::new("advisor_id", "Advisor", Kind::Reference(&crate::directory::ADVISORS))
            .help("only if the queue is one advisor's"),
        Column::new("greeting", "Greeting", Kind::Text(2000)).help("what students read before they join"),
        Column::new("intake", "Intake", Kind::Choice(&["open", "paused", "closed"])).default("open"),
        Column::new("intake_message", "Message while it is not open", Kind::Line(300)),
        Column::new("location", "Location", Kind::Line(200)),
        Column::new("topics", "Topics", Kind::Nested(&schedule::TOPICS)).help("one a line"),
        Column::new("cap", "Places at most", Kind::Number(1, 100_000)).help("empty: no limit"),
        Column::new("grace_seconds", "Seconds a called student has", Kind::Number(10, 3600)).default("120"),
        Column::new("away_minutes", "Minutes a student may be away", Kind::Number(0, 240)).default("15"),
        Column::new("cooldown_minutes", "Minutes until a served student may join again", Kind::Number(0, 10_080))
            .default("0"),
        Column::new("timezone", "Time zone", Kind::Zone).default("UTC"),
        Column::new("schedule", "Hours", Kind::Nested(&schedule::HOURS))
            .help("one a line, such as mon 09:00-12:30; empty: always"),
        Column::new("closed_dates", "Closed on", Kind::Nested(&schedule::DATES)).help("such as 2026-12-24, one a line"),
        Column::new("keep_overnight", "Keep places overnight", Kind::Flag),
    ],
    common: &COMMON,
    public: true,
    live: &["open", "waiting", "on_duty", "estimate", "seq"],
    keys: &[Key { columns: &["title", "college_id"], alone: false }],
    links: &[("Board", "/board/{id}"), ("Page for students", "/rooms/{id}")],
};

/// Questions and answers, shown to those who wait.
pub static FAQS: Resource = Resource {
    name: "faqs",
    title: "FAQs",
    one: "FAQ",
    label: "question",
    columns: &[
        Column::new("question", "Question", Kind::Line(300)).required(),
        Column::new("answer", "Answer", Kind::Text(10_000)).required().help("Markdown"),
        Column::new("college_id", "College", Kind::Reference(&crate::directory::COLLEGES)).help("empty: for everybody"),
        Column::new("major_id", "Major", Kind::Reference(&crate::directory::MAJORS)),
        Column::new("queue_id", "Queue", Kind::Reference(&QUEUES)),
        Column::new("position", "Position", Kind::Number(0, 1_000_000)).help("smaller ones come first"),
    ],
    common: &COMMON,
    public: true,
    live: &[],
    keys: &[Key { columns: &["question", "college_id", "major_id", "queue_id"], alone: false }],
    links: &[],
};

static VERSION: [Column; 1] = [Column::new("version", "Version", Kind::Number(1, i64::MAX)).read_only()];

/// Places, to be listed and exported. They change only by steps.
pub static QUEUERS: Resource = Resource {
    name: "queuers",
    title: "Places",
    one: "place",
    label: "ticket",
    columns: &[
        Column::new("queue_id", "Queue", Kind::Reference(&QUEUES)).read_only(),
        Column::new("ticket", "Ticket", Kind::Line(10)).read_only(),
        Column::new("student_id", "Student", Kind::Reference(&crate::directory::STUDENTS)).read_only(),
        Column::new("state", "State", Kind::Line(20)).read_only(),
        Column::new("topic", "Topic", Kind::Line(200)).read_only(),
        Column::new("question", "Question", Kind::Text(1000)).read_only(),
        Column::new("note", "Note", Kind::Text(MAX_NOTE)).read_only(),
        Column::new("advisor_id", "Advisor", Kind::Reference(&crate::directory::ADVISORS)).read_only(),
        Column::new("user_id", "Account", Kind::Account).read_only(),
        Column::new("joined_at", "Joined", Kind::Moment).read_only(),
        Column::new("called_at", "Called", Kind::Moment).read_only(),
        Column::new("started_at", "Started", Kind::Moment).read_only(),
        Column::new("ended_at", "Ended", Kind::Moment).read_only(),
        Column::new("end_reason", "Reason", Kind::Line(MAX_LINE)).read_only(),
        Column::new("recalls", "Recalls", Kind::Number(0, i64::MAX)).read_only(),
        Column::new("away_ms", "Away, ms", Kind::Number(0, i64::MAX)).read_only(),
        Column::new("walk_in", "Walk-in", Kind::Flag).read_only(),
        Column::new("estimate_low", "Told at least, minutes", Kind::Number(0, i64::MAX)).read_only(),
        Column::new("estimate_high", "Told at most, minutes", Kind::Number(0, i64::MAX)).read_only(),
        Column::new("from_queuer_id", "Went on from", Kind::Number(1, i64::MAX)).read_only(),
        Column::new("order_key", "Order", Kind::Number(1, i64::MAX)).read_only(),
        Column::new("changed_by", "Changed by", Kind::Line(200)).read_only(),
        Column::new("changed_at", "Changed", Kind::Moment).read_only(),
    ],
    common: &VERSION,
    public: false,
    live: &[],
    keys: &[],
    links: &[],
};

/// A place refers to others while it is in the queue or at the desk.
const ACTIVE: &str = "state IN ('waiting', 'away', 'called', 'serving')";

/// What refers to records beside the columns of resources that keep deleted rows.
pub static REFERENCES: [Reference; 4] = [
    Reference { to: "queues", table: "queuers", column: "queue_id", active: ACTIVE, rows: "Places" },
    Reference { to: "students", table: "queuers", column: "student_id", active: ACTIVE, rows: "Places in a queue" },
    Reference { to: "advisors", table: "queuers", column: "advisor_id", active: ACTIVE, rows: "Students being served" },
    Reference {
        to: "advisors",
        table: "duties",
        column: "advisor_id",
        active: "until IS NULL",
        rows: "Queues they are on duty for",
    },
];
