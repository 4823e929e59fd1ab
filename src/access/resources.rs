//! What the lists of records need to know of accounts, tokens and the audit trail.

use serde_json::Value;

use crate::records::{COMMON, Column, Kind, Nested, Resource};

/// Accounts. They change only by the verbs of [`crate::staff::Accounts`].
pub static USERS: Resource = Resource {
    name: "users",
    title: "People",
    one: "account",
    label: "email",
    columns: &[
        Column::new("email", "Email", Kind::Email).read_only(),
        Column::new("name", "Name", Kind::Line(100)).read_only(),
        Column::new("role", "Role", Kind::Choice(&["viewer", "staff", "owner"])).read_only(),
        Column::new("status", "Status", Kind::Choice(&["active", "disabled", "invited", "removed"])).looked_up(
            "(CASE WHEN r.deleted_at IS NOT NULL THEN 'removed' WHEN r.disabled_at IS NOT NULL THEN 'disabled' \
             WHEN r.password_hash = '' THEN 'invited' ELSE 'active' END)",
        ),
        Column::new("disabled_at", "Disabled", Kind::Moment).read_only(),
        Column::new("last_seen_at", "Last seen", Kind::Moment)
            .looked_up("(SELECT max(s.last_seen_at) FROM sessions s WHERE s.user_id = r.id)"),
    ],
    common: &COMMON,
    public: false,
    live: &[],
    keys: &[],
    links: &[],
};

static SCOPES: Nested = Nested {
    check: |value| Ok(value.clone()),
    from_text: |text| Ok(Value::from(text.split_whitespace().collect::<Vec<_>>())),
    to_text: |value| value.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
};

/// API tokens; of their text only a hint is known.
pub static TOKENS: Resource = Resource {
    name: "tokens",
    title: "API tokens",
    one: "token",
    label: "name",
    columns: &[
        Column::new("name", "Name", Kind::Line(100)).read_only(),
        Column::new("user_id", "Account", Kind::Account).read_only(),
        Column::new("scopes", "Scopes", Kind::Nested(&SCOPES)).read_only(),
        Column::new("hint", "Last characters", Kind::Line(4)).read_only(),
        Column::new("created_at", "Created", Kind::Moment).read_only(),
        Column::new("expires_at", "Ends", Kind::Moment).read_only(),
        Column::new("last_used_at", "Last used", Kind::Moment).read_only(),
        Column::new("revoked_at", "Revoked", Kind::Moment).read_only(),
        Column::new("version", "Version", Kind::Number(1, i64::MAX)).read_only(),
    ],
    common: &[],
    public: false,
    live: &[],
    keys: &[],
    links: &[],
};

/// The audit trail, newest first.
pub static AUDIT: Resource = Resource {
    name: "audit",
    title: "Audit trail",
    one: "line",
    label: "actor",
    columns: &[
        Column::new("actor", "Who", Kind::Line(254)).read_only(),
        Column::new("at", "When", Kind::Moment).read_only(),
        Column::new("action", "What", Kind::Line(50)).read_only(),
        Column::new("record", "Records", Kind::Line(50)).read_only(),
        Column::new("record_id", "Which", Kind::Line(200)).read_only(),
        Column::new("detail", "Detail", Kind::Line(1000)).read_only(),
        Column::new("token_id", "Token", Kind::Number(1, i64::MAX)).read_only(),
        Column::new("user_id", "Account", Kind::Account).read_only(),
    ],
    common: &[],
    public: false,
    live: &[],
    keys: &[],
    links: &[],
};
