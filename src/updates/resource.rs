//! What the lists and exports of records need to know of updates.

use serde_json::Value;

use crate::records::{COMMON, Column, Kind, Nested, Resource};

static TAGS: Nested = Nested {
    check: |value| Ok(value.clone()),
    from_text: |text| Ok(Value::from(text.split(',').map(str::trim).collect::<Vec<_>>())),
    to_text: |value| value.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
};

/// Updates. They change only by the verbs of [`super::Updates`].
pub static UPDATES: Resource = Resource {
    name: "updates",
    title: "Updates",
    one: "update",
    label: "title",
    columns: &[
        Column::new("title", "Title", Kind::Line(200)).default("").read_only(),
        Column::new("slug", "Address", Kind::Line(80)).required().read_only(),
        Column::new("body", "Text", Kind::Text(100_000)).default("").read_only().help("Markdown"),
        Column::new("tags", "Tags", Kind::Nested(&TAGS)).read_only(),
        Column::new("pinned", "Pinned", Kind::Flag).read_only(),
        Column::new("draft", "Draft", Kind::Flag).read_only(),
        Column::new("publish_at", "To be seen from", Kind::Moment).read_only(),
        Column::new("public_at", "First seen, as changes noted it", Kind::Moment).read_only(),
        Column::new("timezone", "Time zone", Kind::Zone).required().read_only(),
        Column::new("author", "Author", Kind::Line(100)).default("").read_only(),
        Column::new("uuid", "Name in feeds", Kind::Line(36)).required().read_only(),
        Column::new("edited_at", "Edited", Kind::Moment).required().read_only(),
    ],
    common: &COMMON,
    public: false,
    live: &["state", "url"],
    keys: &[],
    links: &[],
};
