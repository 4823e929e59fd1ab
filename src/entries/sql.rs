//! A query over entries as SQL, for both databases.
//!
//! Every value is bound. Names of fields stand in the text as escaped literals, so that a condition on a
//! pinned field reads exactly as its index does.

use super::look::{on_data, push_word};
use super::path_sql;
use super::pin::{Walk, Walks, walks};
use super::scope::Scope;
use super::system;
use crate::collections::CollectionId;
use crate::db::Pool;
use crate::filter::{
    Condition, Deleted, Field, Op, Operand, Query, Sql, SystemField, SystemKind, each, on_moment, on_text,
    push_conditions, sign,
};
use crate::json::Path;

/// Entries among which the values of a field are counted, the newest.
pub const FACETED: u32 = 10_000;

/// A query's `WHERE`, and the ways to walk it.
#[derive(Clone)]
pub struct Filter {
    pub sql: Sql,
    /// The same as whole conditions, one per arm of a `UNION ALL`, each of which an index answers in order. An entry is in one of
    /// them only.
    pub arms: Vec<String>,
    /// The collections whose entries these are, if they are all that is neither deleted nor spam: nothing has to be counted then.
    pub all_of: Option<Vec<CollectionId>>,
    /// The first field compared for equality without an index; it counts as the cause of a slow answer.
    pub unpinned: Option<Path>,
}

impl Filter {
    /// Narrows it down by a condition that binds nothing.
    pub fn and(&mut self, condition: &str) {
        for text in self.arms.iter_mut().chain([&mut self.sql.text]) {
            text.push_str(" AND ");
            text.push_str(condition);
        }
    }
}

/// The conditions of a query over `entries e`.
pub fn filter(pool: &Pool, query: &Query, scope: &Scope<'_>) -> Filter {
    let mut sql = Sql::new(pool);
    push_all(&mut sql, query, scope, &[]);
    let Walks { walks, decided, unpinned } = walks(&mut sql, query, scope);
    let lean = if walks.iter().any(|walk| walk.decides) {
        let whole = std::mem::take(&mut sql.text);
        push_all(&mut sql, query, scope, &decided);
        std::mem::replace(&mut sql.text, whole)
    } else {
        String::new()
    };
    let arm = |walk: &Walk| format!("{}{}", if walk.decides { &lean } else { &sql.text }, walk.along);
    let arms = walks.iter().map(arm).collect();
    let all_of = is_everything(query, scope).then(|| scope.collections.iter().map(|(id, _)| *id).collect());
    Filter { sql, arms, all_of, unpinned }
}

/// Appends all that a query asks for, but for the conditions of these parameters.
fn push_all(sql: &mut Sql, query: &Query, scope: &Scope<'_>, without: &[usize]) {
    push_scope(sql, query, scope);
    let asked = |c: &&Condition| !system::is_scope(c) && !without.contains(&c.param);
    let conditions: Vec<_> = query.conditions.iter().filter(asked).collect();
    // What the grammar lets through can be asked of entries.
    push_conditions(sql, &conditions, &mut |sql, c, op| Ok(one(sql, c, op, scope)));
    for word in &query.words {
        push_word(sql, word);
    }
}

/// Whether all is asked for that is neither deleted nor spam.
fn is_everything(query: &Query, scope: &Scope<'_>) -> bool {
    query.conditions.iter().all(system::is_scope)
        && query.words.is_empty()
        && query.deleted == Deleted::No
        && scope.session.is_none()
        && !query.mentions(system::FLAGS)
}

fn push_scope(sql: &mut Sql, query: &Query, scope: &Scope<'_>) {
    // Ids stand in the text: a pin's index is for one collection only and must be recognised.
    let ids: Vec<_> = scope.collections.iter().map(|(id, _)| id.0.to_string()).collect();
    match ids.as_slice() {
        [one] => sql.push(&format!("e.collection_id = {one}")),
        many => {
            sql.push(&format!("e.collection_id IN ({})", if many.is_empty() { "NULL".into() } else { many.join(",") }))
        }
    };
    match query.deleted {
        Deleted::No => sql.push(" AND e.deleted_at IS NULL"),
        Deleted::Only => sql.push(" AND e.deleted_at IS NOT NULL"),
        Deleted::With => sql,
    };
    // Spam is shown when somebody asks about flags.
    if !query.mentions(system::FLAGS) {
        sql.push(" AND e.flags IS NULL");
    }
    if let Some(session) = scope.session {
        let place = sql.text(session);
        sql.push(&format!(" AND e.session = {place}"));
    }
}

/// One condition, with an operator that is not the opposite of another.
fn one(sql: &mut Sql, condition: &Condition, op: Op, scope: &Scope<'_>) -> String {
    match &condition.field {
        Field::System(system::COLLECTION) => on_collection(op, &condition.operand, scope),
        Field::System(field) => on_system(sql, *field, op, &condition.operand, scope),
        Field::Data(path) => on_data(sql, path, op, &condition.operand),
    }
}

/// The names of collections are few and known: the condition is decided here.
fn on_collection(op: Op, operand: &Operand, scope: &Scope<'_>) -> String {
    let holds = |name: &str| match (op, operand) {
        (Op::Null | Op::Empty, Operand::Truth(asked)) => !asked,
        (Op::Exists, Operand::Truth(asked)) => *asked,
        (Op::Contains, Operand::One(v)) => name.contains(&v.text.to_lowercase()),
        (Op::Starts, Operand::One(v)) => name.starts_with(&v.text.to_lowercase()),
        (Op::Ends, Operand::One(v)) => name.ends_with(&v.text.to_lowercase()),
        (Op::Gt, Operand::One(v)) => name > v.text.as_str(),
        (Op::Gte, Operand::One(v)) => name >= v.text.as_str(),
        (Op::Lt, Operand::One(v)) => name < v.text.as_str(),
        (Op::Lte, Operand::One(v)) => name <= v.text.as_str(),
        (Op::Between, Operand::Many(v)) => name >= v[0].text.as_str() && name <= v[1].text.as_str(),
        _ => operand.texts().contains(&name),
    };
    let ids: Vec<_> =
        scope.collections.iter().filter(|(_, name)| holds(name)).map(|(id, _)| id.0.to_string()).collect();
    if ids.is_empty() { "FALSE".into() } else { format!("e.collection_id IN ({})", ids.join(",")) }
}

/// Email of an entry's assignee.
pub const ASSIGNEE: &str = "(SELECT u.email FROM users u WHERE u.id = e.assignee_id)";

/// The state of an entry: the first of its collection's where nobody gave it another.
fn state(scope: &Scope<'_>) -> String {
    let literal = |name: &str| format!("'{}'", name.replace('\'', "''"));
    match scope.states {
        [(_, first), rest @ ..] if rest.iter().all(|(_, state)| state == first) => {
            format!("coalesce(e.state, {})", literal(first))
        }
        states => {
            let whens: Vec<_> =
                states.iter().map(|(id, name)| format!("WHEN {} THEN {}", id.0, literal(name))).collect();
            format!(
                "coalesce(e.state, CASE e.collection_id {} END)",
                if whens.is_empty() { "WHEN 0 THEN ''".into() } else { whens.join(" ") }
            )
        }
    }
}

/// The column of a field of ours, in SQL.
fn column(field: SystemField, scope: &Scope<'_>) -> String {
    let name = match field {
        system::ID => "e.id",
        system::AT => "e.at",
        system::RECEIVED => "e.received_at",
        system::SESSION => "e.session",
        system::ORIGIN => "e.origin",
        system::STATE => return state(scope),
        system::ASSIGNEE => ASSIGNEE,
        system::NOTE => "e.note",
        _ => "e.flags",
    };
    name.to_owned()
}

fn on_system(sql: &mut Sql, field: SystemField, op: Op, operand: &Operand, scope: &Scope<'_>) -> String {
    let column = column(field, scope);
    if let (Op::Null | Op::Empty | Op::Exists, Operand::Truth(asked)) = (op, operand) {
        let null = *asked == (op != Op::Exists);
        return format!("{column} IS {}NULL", if null { "" } else { "NOT " });
    }
    each(sql, op, operand, &mut |sql, op, value| match (field.kind, &value.date, &value.number) {
        (SystemKind::Moment, Some(range), _) => on_moment(sql, &column, op, range),
        (SystemKind::Number, _, Some(number)) => {
            let place = sql.int(number.parse().unwrap_or(0));
            format!("{column} {} {place}", sign(op))
        }
        // SQLite, which knows nothing of the values yet, would rather walk the newest entries.
        _ if field == system::SESSION && matches!(op, Op::Eq | Op::In) && !sql.postgres => {
            format!("e.session IS NOT NULL AND likelihood(e.session = {}, 0.00001)", sql.text(&value.text))
        }
        _ => on_text(sql, &column, op, &value.text),
    })
}

/// The newest entries of a filter, no more than `limit`, with these columns of theirs.
fn newest(filter: &Filter, columns: &str, limit: u32) -> String {
    let by = "ORDER BY e.received_at DESC, e.id DESC";
    let arm =
        |arm: &String| format!("SELECT e.id, e.received_at, {columns} FROM entries e WHERE {arm} {by} LIMIT {limit}");
    match filter.arms.as_slice() {
        [one] => arm(one),
        arms => {
            let arms: Vec<_> = arms.iter().map(|one| format!("SELECT * FROM ({}) AS arm", arm(one))).collect();
            format!("SELECT * FROM ({}) AS e {by} LIMIT {limit}", arms.join(" UNION ALL "))
        }
    }
}

/// The values of one field with how often each occurs among the newest matching entries; elements of arrays count singly.
pub fn facet(filter: &Filter, path: &Path) -> Sql {
    let mut sql = filter.sql.clone();
    if sql.postgres {
        let p = path_sql::postgres(path);
        let entries = newest(filter, "e.doc", FACETED);
        sql.text = format!(
            "SELECT value #>> '{{}}' AS value, jsonb_typeof(value) = 'string' AS is_text, count(*) AS times FROM \
             (SELECT el.value FROM ({entries}) AS e, jsonb_array_elements(CASE jsonb_typeof(e.doc #> {p}) WHEN 'array' THEN e.doc #> {p} \
             ELSE jsonb_build_array(e.doc #> {p}) END) AS el(value)) AS found \
             WHERE jsonb_typeof(value) IN ('string', 'number', 'boolean') \
             GROUP BY 1, 2 ORDER BY 3 DESC, 1 LIMIT 20"
        );
    } else {
        let p = path_sql::sqlite(path, "e.data");
        let entries = newest(filter, "e.data", FACETED);
        sql.text = format!(
            "SELECT CASE el.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(el.value AS TEXT) END AS value, \
             (el.type = 'text') AS is_text, count(*) AS times FROM ({entries}) AS e, json_each(e.data, {p}) AS el \
             WHERE json_type(e.data, {p}) <> 'object' AND el.type IN ('text', 'integer', 'real', 'true', 'false') \
             GROUP BY 1, 2 ORDER BY 3 DESC, 1 LIMIT 20"
        );
    }
    sql
}
