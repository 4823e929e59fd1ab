//! The filter grammar as SQL, for both databases.
//!
//! Every value is bound. Names of fields stand in the text as escaped literals, so that a condition on a
//! pinned field reads exactly as its index does.

use std::fmt::Write as _;

use super::compare::{each, on_moment, on_text, sign};
use super::look::{on_data, push_word};
use super::operand::Operand;
use super::path::Path;
use super::pin::arms;
use super::query::{Condition, Deleted, Field, Group, Op, Query, System};
use crate::collections::CollectionId;
use crate::db::Pool;

/// A piece of SQL with the values it binds. `$n` in the text counts from the first bind.
#[derive(Debug, Clone)]
pub struct Sql {
    pub text: String,
    binds: Vec<Bind>,
    pub(crate) postgres: bool,
}

#[derive(Debug, Clone)]
pub enum Bind {
    Int(i64),
    Text(String),
}

/// What a query needs to know beside its parameters.
pub struct Scope<'a> {
    /// The collections the reader may read and asked for, with their names.
    pub collections: &'a [(CollectionId, String)],
    /// The state that an entry of each has if nobody gave it another.
    pub states: &'a [(CollectionId, String)],
    /// Only entries of this browser session.
    pub session: Option<&'a str>,
    /// Fields with an index, by collection.
    pub pins: &'a [(CollectionId, Path)],
}

/// A query's `WHERE`, and the ways to walk it.
pub struct Filter {
    pub sql: Sql,
    /// Ready-made extra conditions, one per arm of a `UNION ALL`, each of which an index answers in order.
    /// One empty arm when no index helps.
    pub arms: Vec<String>,
    /// Field that a condition without an index reads: a slow answer is its fault.
    pub unpinned: Option<Path>,
}

impl Sql {
    pub fn new(pool: &Pool) -> Sql {
        Sql { text: String::new(), binds: Vec::new(), postgres: pool.is_postgres() }
    }

    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Binds a value and returns its placeholder.
    pub fn bind(&mut self, value: Bind) -> String {
        self.binds.push(value);
        format!("${}", self.binds.len())
    }

    pub(crate) fn text(&mut self, value: &str) -> String {
        let place = self.bind(Bind::Text(value.to_owned()));
        // PostgreSQL has to be told the type where nothing else does.
        if self.postgres { format!("CAST({place} AS TEXT)") } else { place }
    }

    pub(crate) fn int(&mut self, value: i64) -> String {
        let place = self.bind(Bind::Int(value));
        if self.postgres { format!("CAST({place} AS BIGINT)") } else { place }
    }

    pub(crate) fn number(&mut self, value: &str) -> String {
        let place = self.bind(Bind::Text(value.to_owned()));
        if self.postgres {
            format!("CAST(CAST({place} AS TEXT) AS NUMERIC)")
        } else {
            format!("CAST({place} AS NUMERIC)")
        }
    }

    /// The query with its binds.
    pub fn query<'c>(
        self,
        start: impl FnOnce(sqlx::AssertSqlSafe<String>) -> crate::db::Query<'c>,
    ) -> crate::db::Query<'c> {
        // The text is made of literals of this file, of escaped names and of placeholders.
        let mut query = start(sqlx::AssertSqlSafe(self.text));
        for bind in self.binds {
            query = match bind {
                Bind::Int(value) => query.bind(value),
                Bind::Text(value) => query.bind(value),
            };
        }
        query
    }
}

/// The conditions of a query over `entries e`.
pub fn filter(pool: &Pool, query: &Query, scope: &Scope<'_>) -> Filter {
    let mut sql = Sql::new(pool);
    push_scope(&mut sql, query, scope);
    for condition in query.conditions.iter().filter(|c| !in_or_set(c) && !is_repeated(query, c) && !c.is_scope()) {
        let text = joined(&mut sql, query, condition, scope);
        let _ = write!(sql.text, " AND {text}");
    }
    for set in 1..=9 {
        let members: Vec<_> = query.conditions.iter().filter(|c| c.group == Group::Or(set)).collect();
        if !members.is_empty() {
            let texts: Vec<_> = members.into_iter().map(|c| one(&mut sql, c, scope)).collect();
            let _ = write!(sql.text, " AND ({})", texts.join(" OR "));
        }
    }
    for word in &query.words {
        push_word(&mut sql, word);
    }
    let (arms, unpinned) = arms(&mut sql, query, scope);
    Filter { sql, arms, unpinned }
}

fn in_or_set(condition: &Condition) -> bool {
    matches!(condition.group, Group::Or(_))
}

/// Whether an earlier `field=value` of the same field already speaks for this one: repeats mean "or".
fn is_repeated(query: &Query, condition: &Condition) -> bool {
    repeats(query, condition).next().is_some_and(|first| first.param != condition.param)
}

pub(crate) fn repeats<'q>(query: &'q Query, condition: &'q Condition) -> impl Iterator<Item = &'q Condition> {
    let same = move |c: &&Condition| {
        c.param == condition.param
            || (condition.group == Group::And
                && condition.op == Op::Eq
                && c.group == Group::And
                && c.op == Op::Eq
                && c.field == condition.field)
    };
    query.conditions.iter().filter(same)
}

fn joined(sql: &mut Sql, query: &Query, condition: &Condition, scope: &Scope<'_>) -> String {
    let texts: Vec<_> = repeats(query, condition).map(|c| one(sql, c, scope)).collect();
    if texts.len() == 1 { texts.concat() } else { format!("({})", texts.join(" OR ")) }
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
    if !query.mentions(System::Flags) {
        sql.push(" AND e.flags IS NULL");
    }
    if let Some(session) = scope.session {
        let place = sql.text(session);
        sql.push(&format!(" AND e.session = {place}"));
    }
}

/// One condition. Null counts as false, so a negation says `IS NOT TRUE`; the others stay bare, which indexes need.
fn one(sql: &mut Sql, condition: &Condition, scope: &Scope<'_>) -> String {
    let (op, opposite) = match condition.op {
        Op::Not => (Op::Eq, true),
        Op::NotIn => (Op::In, true),
        Op::NotContains => (Op::Contains, true),
        op => (op, false),
    };
    let negated = opposite != (condition.group == Group::Not);
    let text = match &condition.field {
        Field::System(System::Collection) => on_collection(op, &condition.operand, scope),
        Field::System(system) => on_system(sql, *system, op, &condition.operand, scope),
        Field::Data(path) => on_data(sql, path, op, &condition.operand),
    };
    if negated { format!("(({text}) IS NOT TRUE)") } else { format!("({text})") }
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

/// The email of whoever works on an entry.
pub(crate) const ASSIGNEE: &str = "(SELECT u.email FROM users u WHERE u.id = e.assignee_id)";

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

fn on_system(sql: &mut Sql, system: System, op: Op, operand: &Operand, scope: &Scope<'_>) -> String {
    let state = if system == System::State { state(scope) } else { String::new() };
    let column = match system {
        System::Id => "e.id",
        System::At => "e.at",
        System::Received => "e.received_at",
        System::Session => "e.session",
        System::Origin => "e.origin",
        System::State => state.as_str(),
        System::Assignee => ASSIGNEE,
        System::Note => "e.note",
        System::Flags | System::Collection => "e.flags",
    };
    match (op, operand) {
        (Op::Null | Op::Empty, Operand::Truth(asked)) | (Op::Exists, Operand::Truth(asked)) => {
            let null = *asked == (op != Op::Exists);
            format!("{column} IS {}NULL", if null { "" } else { "NOT " })
        }
        _ => {
            let numbers = system == System::Id;
            let moments = matches!(system, System::At | System::Received);
            each(sql, op, operand, &mut |sql, op, value| match (&value.date, &value.number) {
                (Some(range), _) if moments => on_moment(sql, column, op, range),
                (_, Some(number)) if numbers => {
                    let place = sql.int(number.parse().unwrap_or(0));
                    format!("{column} {} {place}", sign(op))
                }
                _ => on_text(sql, column, op, &value.text),
            })
        }
    }
}

/// The values of one field with how often each occurs among the matching entries; elements of arrays count singly.
pub fn facet(filter: &Filter, path: &Path) -> Sql {
    let mut sql = filter.sql.clone();
    let condition = std::mem::take(&mut sql.text);
    if sql.postgres {
        let p = path.postgres();
        sql.text = format!(
            "SELECT value #>> '{{}}' AS value, jsonb_typeof(value) = 'string' AS is_text, count(*) AS times FROM \
             (SELECT el.value FROM entries e, jsonb_array_elements(CASE jsonb_typeof(e.doc #> {p}) WHEN 'array' THEN e.doc #> {p} \
             ELSE jsonb_build_array(e.doc #> {p}) END) AS el(value) WHERE {condition}) AS found \
             WHERE jsonb_typeof(value) IN ('string', 'number', 'boolean') \
             GROUP BY 1, 2 ORDER BY 3 DESC, 1 LIMIT 20"
        );
    } else {
        sql.text = format!(
            "SELECT CASE el.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(el.value AS TEXT) END AS value, \
             (el.type = 'text') AS is_text, count(*) AS times FROM entries e, json_each(e.data, {}) AS el \
             WHERE {condition} AND json_type(e.data, {}) <> 'object' AND el.type IN ('text', 'integer', 'real', 'true', 'false') \
             GROUP BY 1, 2 ORDER BY 3 DESC, 1 LIMIT 20",
            path.sqlite("e.data"),
            path.sqlite("e.data")
        );
    }
    sql
}
