//! The directory: colleges with their majors, advisors and students. FAQs, which may belong to a queue, are declared in
//! `waiting`.
//!
//! What always holds is what holds for all [`crate::records`]; what a resource has is declared here, once.

use crate::domain::Domain;
use crate::records::{COMMON, Column, Described, Key, Kind, Resource};
use crate::staff::{Area, NavGroup, NavLink, Role, Scope};
use crate::web::Icon;

/// Reading and changing the directory.
pub static SCOPE: Scope =
    Scope { name: "directory", meaning: "Colleges, majors, advisors, students, FAQs", role: Role::Viewer };

static AREAS: [Area; 4] = [
    Area::of("/api/v1/colleges", &SCOPE),
    Area::of("/api/v1/majors", &SCOPE),
    Area::of("/api/v1/advisors", &SCOPE),
    Area::of("/api/v1/students", &SCOPE),
];

static NAVIGATION: [NavLink; 1] = [NavLink {
    name: "Directory",
    icon: Icon::People,
    group: NavGroup::Work,
    href: "/directory",
    places: &["directory", "students"],
    key: Some('d'),
    role: Role::Viewer,
    rank: 30,
}];

/// Everything that the application needs to know of the directory.
pub fn domain() -> Domain {
    let students = Described::new(&STUDENTS, "Student", "directory");
    Domain {
        records: vec![
            Described::new(&COLLEGES, "College", "directory"),
            Described::new(&MAJORS, "Major", "directory"),
            Described::new(&ADVISORS, "Advisor", "directory"),
            Described { reads: Some(Role::Viewer), ..students },
        ],
        areas: &AREAS,
        tags: &[("directory", "Colleges, majors, advisors, students and FAQs")],
        navigation: &NAVIGATION,
        ..Domain::new("directory")
    }
}

/// Colleges of the institution.
pub static COLLEGES: Resource = Resource {
    name: "colleges",
    title: "Colleges",
    one: "college",
    label: "name",
    columns: &[
        Column::new("name", "Name", Kind::Line(200)).required().unique(),
        Column::new("short_name", "Short name", Kind::Line(40)),
        Column::new("email", "Email", Kind::Email),
        Column::new("phone", "Phone", Kind::Line(40)),
        Column::new("location", "Location", Kind::Line(200)),
        Column::new("website", "Website", Kind::Url),
    ],
    common: &COMMON,
    public: true,
    live: &[],
    keys: &[Key { columns: &["name"], alone: false }],
    links: &[],
};

/// Subjects that students study.
pub static MAJORS: Resource = Resource {
    name: "majors",
    title: "Majors",
    one: "major",
    label: "name",
    columns: &[
        Column::new("college_id", "College", Kind::Reference(&COLLEGES)).required(),
        Column::new("name", "Name", Kind::Line(200)).required(),
        Column::new("degree", "Degree", Kind::Line(40)),
    ],
    common: &COMMON,
    public: true,
    live: &[],
    keys: &[Key { columns: &["name", "college_id"], alone: false }],
    links: &[],
};

/// People whom students come to see.
pub static ADVISORS: Resource = Resource {
    name: "advisors",
    title: "Advisors",
    one: "advisor",
    label: "name",
    columns: &[
        Column::new("name", "Name", Kind::Line(200)).required(),
        Column::new("title", "Title", Kind::Line(100)),
        Column::new("college_id", "College", Kind::Reference(&COLLEGES)),
        Column::new("location", "Location", Kind::Line(200)).help("the desk or room a called student goes to"),
        Column::new("video_url", "Video link", Kind::Url).help("shown to a called student"),
        Column::new("photo_url", "Photo", Kind::Url),
        Column::new("email", "Email", Kind::Email).private(),
        Column::new("user_id", "Staff account", Kind::Account)
            .private()
            .unique()
            .help("the account that calls as this advisor"),
    ],
    common: &COMMON,
    public: true,
    live: &[],
    keys: &[
        Key { columns: &["user_id"], alone: false },
        Key { columns: &["email"], alone: false },
        Key { columns: &["name", "college_id"], alone: false },
    ],
    links: &[],
};

/// People who queue.
pub static STUDENTS: Resource = Resource {
    name: "students",
    title: "Students",
    one: "student",
    label: "name",
    columns: &[
        Column::new("name", "Name", Kind::Line(200)).required(),
        Column::new("preferred_name", "Preferred name", Kind::Line(200)),
        Column::new("email", "Email", Kind::Email).unique(),
        Column::new("student_number", "Student number", Kind::Line(40)).unique(),
        Column::new("phone", "Phone", Kind::Line(40)),
        Column::new("college_id", "College", Kind::Reference(&COLLEGES)),
        Column::new("major_id", "Major", Kind::Reference(&MAJORS)),
        Column::new("notes", "Notes", Kind::Text(5000)).help("only staff see them"),
        Column::new("status", "Status", Kind::Choice(&["active", "inactive"])).default("active"),
    ],
    common: &COMMON,
    public: false,
    live: &[],
    keys: &[
        Key { columns: &["student_number"], alone: false },
        Key { columns: &["email"], alone: false },
        Key { columns: &["name", "college_id", "major_id"], alone: true },
    ],
    links: &[("Visits", "/students/{id}/visits")],
};
