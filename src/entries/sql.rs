//! The filter grammar as SQL, for both databases.
//!
//! Every value is bound. Names of fields stand in the text as escaped literals, so that a condition on a
//! pinned field reads exactly as its index does.

use std::fmt::Write as _;

use super::operand::{DateRange, Operand, Value};
use super::path::Path;
use super::query::{Condition, Deleted, Field, Group, Op, Query, SortKey, System, Word};
use super::{CollectionId, json};
use crate::db::Pool;

/// A piece of SQL with the values it binds. `$n` in the text counts from the first bind.
#[derive(Debug, Clone)]
pub struct Sql {
    pub text: String,
    binds: Vec<Bind>,
    postgres: bool,
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

    fn text(&mut self, value: &str) -> String {
        let place = self.bind(Bind::Text(value.to_owned()));
        // PostgreSQL has to be told the type where nothing else does.
        if self.postgres { format!("CAST({place} AS TEXT)") } else { place }
    }

    fn int(&mut self, value: i64) -> String {
        let place = self.bind(Bind::Int(value));
        if self.postgres { format!("CAST({place} AS BIGINT)") } else { place }
    }

    fn number(&mut self, value: &str) -> String {
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

fn repeats<'q>(query: &'q Query, condition: &'q Condition) -> impl Iterator<Item = &'q Condition> {
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
        Field::System(system) => on_system(sql, *system, op, &condition.operand),
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

fn on_system(sql: &mut Sql, system: System, op: Op, operand: &Operand) -> String {
    let column = match system {
        System::Id => "e.id",
        System::At => "e.at",
        System::Received => "e.received_at",
        System::Session => "e.session",
        System::Origin => "e.origin",
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

/// Applies an operator to each of its operands: `in` is any, `between` is both ends.
fn each(sql: &mut Sql, op: Op, operand: &Operand, apply: &mut dyn FnMut(&mut Sql, Op, &Value) -> String) -> String {
    match operand {
        Operand::Many(values) if op == Op::Between => {
            let low = apply(sql, Op::Gte, &values[0]);
            let high = apply(sql, Op::Lte, &values[1]);
            format!("({low}) AND ({high})")
        }
        Operand::Many(values) => {
            let texts: Vec<_> = values.iter().map(|value| format!("({})", apply(sql, Op::Eq, value))).collect();
            texts.join(" OR ")
        }
        Operand::One(value) => apply(sql, op, value),
        Operand::Range(range) => {
            let value = Value { text: String::new(), number: None, truth: None, date: Some(range.clone()) };
            apply(sql, Op::On, &value)
        }
        Operand::Truth(_) | Operand::Type(_) => "FALSE".into(),
    }
}

fn sign(op: Op) -> &'static str {
    match op {
        Op::Gt => ">",
        Op::Gte => ">=",
        Op::Lt => "<",
        Op::Lte => "<=",
        _ => "=",
    }
}

/// A moment against a day or a moment: `lte` a day includes the day.
fn on_moment(sql: &mut Sql, column: &str, op: Op, range: &DateRange) -> String {
    let instant = range.days.is_none();
    let (start, end) = (range.start.0, range.end.0);
    match op {
        Op::Gte => format!("{column} >= {}", sql.int(start)),
        Op::Lt => format!("{column} < {}", sql.int(start)),
        Op::Gt if instant => format!("{column} > {}", sql.int(start)),
        Op::Gt => format!("{column} >= {}", sql.int(end)),
        Op::Lte if instant => format!("{column} <= {}", sql.int(start)),
        Op::Lte => format!("{column} < {}", sql.int(end)),
        _ if instant => format!("{column} = {}", sql.int(start)),
        _ => {
            let (low, high) = (sql.int(start), sql.int(end));
            format!("{column} >= {low} AND {column} < {high}")
        }
    }
}

fn on_text(sql: &mut Sql, column: &str, op: Op, text: &str) -> String {
    match op {
        Op::Contains | Op::Starts | Op::Ends => {
            let test = search(sql, op, text);
            format!("{column} {test}")
        }
        // SQLite, which knows nothing of the values yet, would rather walk the newest entries.
        Op::Eq | Op::In if !sql.postgres && column == "e.session" => {
            format!("e.session IS NOT NULL AND likelihood(e.session = {}, 0.00001)", sql.text(text))
        }
        Op::Eq | Op::In => format!("{column} = {}", sql.text(text)),
        _ => {
            let place = sql.text(text);
            let collate = if sql.postgres { " COLLATE \"C\"" } else { "" };
            format!("{column}{collate} {} {place}", sign(op))
        }
    }
}

/// `REGEXP …` or `ILIKE …`: Unicode without regard to case, every character literal.
fn search(sql: &mut Sql, op: Op, text: &str) -> String {
    if sql.postgres {
        let literal = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let pattern = match op {
            Op::Starts => format!("{literal}%"),
            Op::Ends => format!("%{literal}"),
            _ => format!("%{literal}%"),
        };
        return format!("COLLATE \"und-x-icu\" ILIKE {}", sql.text(&pattern));
    }
    let literal = regex::escape(text);
    let pattern = match op {
        Op::Starts => format!("(?i)^{literal}"),
        Op::Ends => format!("(?i){literal}$"),
        _ => format!("(?i){literal}"),
    };
    format!("REGEXP {}", sql.text(&pattern))
}

/// How a JSON value is looked at: its type, its text, its number, its moment.
struct Look {
    kind: String,
    text: String,
    json: String,
    postgres: bool,
}

impl Look {
    fn at(path: &Path, postgres: bool) -> Look {
        if postgres {
            let json = format!("(e.doc #> {})", path.postgres());
            return Look {
                kind: format!("jsonb_typeof{json}"),
                text: format!("(e.doc #>> {})", path.postgres()),
                json,
                postgres,
            };
        }
        let path = path.sqlite("e.data");
        Look {
            kind: format!("json_type(e.data, {path})"),
            text: format!("(e.data ->> {path})"),
            json: String::new(),
            postgres,
        }
    }

    /// The element of an array that [`Look::any_element`] has at hand.
    fn element(postgres: bool) -> Look {
        if postgres {
            return Look {
                kind: "jsonb_typeof(el.value)".into(),
                text: "(el.value #>> '{}')".into(),
                json: "el.value".into(),
                postgres,
            };
        }
        Look { kind: "el.type".into(), text: "el.value".into(), json: String::new(), postgres }
    }

    fn is_text(&self) -> String {
        format!("{} = '{}'", self.kind, if self.postgres { "string" } else { "text" })
    }

    fn is_number(&self) -> String {
        if self.postgres {
            format!("{} = 'number'", self.kind)
        } else {
            format!("{} IN ('integer', 'real')", self.kind)
        }
    }

    fn is_truth(&self, truth: bool) -> String {
        if self.postgres {
            format!("{} = 'boolean' AND {} = '{truth}'", self.kind, self.text)
        } else {
            format!("{} = '{truth}'", self.kind)
        }
    }

    /// The number of a JSON number, else null.
    fn number(&self) -> String {
        if self.postgres {
            return format!("(CASE WHEN {} THEN frontdesk_number({}) END)", self.is_number(), self.json);
        }
        format!("(CASE WHEN {} THEN {} END)", self.is_number(), self.text)
    }

    /// The number of a JSON number or of a text that spells one, else null.
    fn numeric(&self) -> String {
        if self.postgres {
            return format!("frontdesk_number({})", self.json);
        }
        let Look { kind, text, .. } = self;
        format!(
            "(CASE {kind} WHEN 'integer' THEN {text} WHEN 'real' THEN {text} WHEN 'text' THEN \
             CASE WHEN json_valid({text}) THEN CASE WHEN json_type({text}) IN ('integer', 'real') \
             AND abs({text} ->> '$') <= 1.7976931348623157e308 THEN {text} ->> '$' END END END)"
        )
    }

    /// The moment of a text that spells one, else null.
    fn moment(&self) -> String {
        let Look { text, .. } = self;
        if self.postgres {
            return format!("(CASE WHEN {} THEN frontdesk_time({text}) END)", self.is_text());
        }
        format!(
            "(CASE WHEN {} AND {text} GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' THEN \
             CASE WHEN date(substr({text}, 1, 10)) = substr({text}, 1, 10) AND substr({text}, 12, 2) < '24' \
             AND substr({text}, 11, 1) IN ('', ' ', 'T') \
             THEN CAST(round(unixepoch({text}, 'subsec') * 1000) AS INTEGER) END END)",
            self.is_text()
        )
    }

    fn is_date_only(&self) -> String {
        let Look { text, .. } = self;
        format!("length({text}) = 10")
    }
}

fn on_data(sql: &mut Sql, path: &Path, op: Op, operand: &Operand) -> String {
    let look = Look::at(path, sql.postgres);
    match (op, operand) {
        (Op::Null, Operand::Truth(asked)) => {
            format!("{} IS {}DISTINCT FROM 'null'", look.kind, if *asked { "NOT " } else { "" })
        }
        (Op::Exists, Operand::Truth(asked)) => format!("{} IS {}NULL", look.kind, if *asked { "NOT " } else { "" }),
        (Op::Empty, Operand::Truth(asked)) => empty(&look, *asked),
        (Op::Type, Operand::Type(name)) => of_type(&look, name),
        _ => {
            let prefilter = prefilter(sql, op, operand);
            let of_value = each(sql, op, operand, &mut |sql, op, value| leaf(sql, &look, op, value));
            let element = Look::element(sql.postgres);
            let of_element = each(sql, op, operand, &mut |sql, op, value| leaf(sql, &element, op, value));
            let rows = if sql.postgres {
                format!("jsonb_array_elements({}) AS el(value)", look.json)
            } else {
                format!("json_each(e.data, {}) AS el", path.sqlite("e.data"))
            };
            format!(
                "{prefilter}CASE {} WHEN 'array' THEN EXISTS (SELECT 1 FROM {rows} WHERE {of_element}) ELSE ({of_value}) END",
                look.kind
            )
        }
    }
}

/// A cheap test that every match passes: a string stands in the canonical text exactly as it is spelled here.
/// Saves SQLite the parsing of most rows; PostgreSQL's are parsed already.
fn prefilter(sql: &mut Sql, op: Op, operand: &Operand) -> String {
    match operand {
        Operand::One(value) if op == Op::Eq && !sql.postgres && value.number.is_none() && value.truth.is_none() => {
            let place = sql.text(&json::string(&value.text));
            format!("instr(e.data, {place}) > 0 AND ")
        }
        _ => String::new(),
    }
}

fn empty(look: &Look, asked: bool) -> String {
    let Look { kind, text, .. } = look;
    format!(
        "({kind} IS NULL OR {kind} = 'null' OR ({} AND {text} = '') OR ({kind} = 'array' AND {text} = '[]') \
         OR ({kind} = 'object' AND {text} = '{{}}')) IS {}TRUE",
        look.is_text(),
        if asked { "" } else { "NOT " }
    )
}

fn of_type(look: &Look, name: &str) -> String {
    match (name, look.postgres) {
        ("string", _) => look.is_text(),
        ("number", _) => look.is_number(),
        ("bool", false) => format!("{} IN ('true', 'false')", look.kind),
        ("bool", true) => format!("{} = 'boolean'", look.kind),
        (name, _) => format!("{} = '{name}'", look.kind),
    }
}

/// One value against one operand.
fn leaf(sql: &mut Sql, look: &Look, op: Op, value: &Value) -> String {
    match op {
        Op::Eq | Op::In => equal(sql, look, value),
        Op::Contains | Op::Starts | Op::Ends => {
            let test = search(sql, op, &value.text);
            format!("CASE WHEN {} THEN {} {test} END", look.is_text(), look.text)
        }
        _ => match (&value.number, &value.date) {
            (Some(number), _) if op != Op::On => {
                let place = sql.number(number);
                format!("{} {} {place}", look.numeric(), sign(op))
            }
            (_, Some(range)) => on_date(sql, look, op, range),
            _ => {
                let test = on_text(sql, &look.text, op, &value.text);
                format!("{} AND {test}", look.is_text())
            }
        },
    }
}

fn equal(sql: &mut Sql, look: &Look, value: &Value) -> String {
    let place = sql.text(&value.text);
    let mut text = format!("{} AND {} = {place}", look.is_text(), look.text);
    if let Some(number) = &value.number {
        let place = sql.number(number);
        let _ = write!(text, " OR {} = {place}", look.number());
    }
    if let Some(truth) = value.truth {
        let _ = write!(text, " OR {}", look.is_truth(truth));
    }
    text
}

/// A field that holds only a date is compared as a date, so that the reader's zone does not shift it.
fn on_date(sql: &mut Sql, look: &Look, op: Op, range: &DateRange) -> String {
    let as_moment = on_moment(sql, &look.moment(), op, range);
    let Some((first, after)) = &range.days else { return as_moment };
    let as_date = match op {
        Op::Gte => on_text(sql, &look.text, Op::Gte, first),
        Op::Gt => on_text(sql, &look.text, Op::Gte, after),
        Op::Lt => on_text(sql, &look.text, Op::Lt, first),
        Op::Lte => on_text(sql, &look.text, Op::Lt, after),
        _ => {
            let low = on_text(sql, &look.text, Op::Gte, first);
            let high = on_text(sql, &look.text, Op::Lt, after);
            format!("{low} AND {high}")
        }
    };
    let moment = look.moment();
    format!(
        "CASE WHEN {moment} IS NOT NULL THEN CASE WHEN {} THEN {as_date} ELSE {as_moment} END END",
        look.is_date_only()
    )
}

/// A word of the search box: in any text, number or truth value of the entry, names of fields aside.
fn push_word(sql: &mut Sql, word: &Word) {
    let not = if word.negated { "NOT " } else { "" };
    let test = search(sql, Op::Contains, &word.text);
    if sql.postgres {
        let rows = "jsonb_path_query(e.doc, 'strict $.** ? (@.type() != \"object\" && @.type() != \"array\" && @.type() != \"null\")')";
        let _ = write!(
            sql.text,
            " AND {not}EXISTS (SELECT 1 FROM {rows} AS word(value) WHERE (word.value #>> '{{}}') {test})"
        );
        return;
    }
    // The whole text first: it is one scan without parsing. Quotes and backslashes are spelled as JSON spells them.
    let spelled = json::string(&word.text);
    let anywhere = search(sql, Op::Contains, &spelled[1..spelled.len() - 1]);
    let _ = write!(
        sql.text,
        " AND {not}(e.data {anywhere} AND EXISTS (SELECT 1 FROM json_tree(e.data) AS word WHERE \
         CASE word.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(word.atom AS TEXT) END {test}))"
    );
}

/// The key of a pin's index: a text under which every value that can equal an operand is found.
/// Equal keys are candidates; the condition itself decides. `doc` is the column, with its alias.
fn pin_key(path: &Path, doc: &str, postgres: bool) -> String {
    if postgres {
        let p = path.postgres();
        return format!(
            "(CASE jsonb_typeof({doc} #> {p}) WHEN 'string' THEN left({doc} #>> {p}, {KEY_LENGTH}) WHEN 'boolean' THEN {doc} #>> {p} \
             WHEN 'number' THEN left(trunc(({doc} #>> {p})::numeric)::text, {KEY_LENGTH}) WHEN 'array' THEN {ARRAY_KEY} END)"
        );
    }
    let p = path.sqlite(doc);
    format!(
        "(CASE json_type({doc}, {p}) WHEN 'text' THEN substr({doc} ->> {p}, 1, {KEY_LENGTH}) WHEN 'true' THEN 'true' \
         WHEN 'false' THEN 'false' WHEN 'integer' THEN CAST({doc} ->> {p} AS TEXT) \
         WHEN 'real' THEN CAST(CAST({doc} ->> {p} AS INTEGER) AS TEXT) WHEN 'array' THEN {ARRAY_KEY} END)"
    )
}

const KEY_LENGTH: usize = 100;
const ARRAY_KEY: &str = "'[array]'";
/// More arms than this and a scan is as good.
const MAX_ARMS: usize = 12;

/// Picks the condition that an index answers, and the keys to look under.
fn arms(sql: &mut Sql, query: &Query, scope: &Scope<'_>) -> (Vec<String>, Option<Path>) {
    let everything = vec![String::new()];
    let [(collection, _)] = scope.collections else {
        return (everything, first_unpinned(query, &[]));
    };
    let pinned: Vec<_> = scope.pins.iter().filter(|(id, _)| id == collection).map(|(_, path)| path).collect();
    for condition in query.conditions.iter().filter(|c| c.group == Group::And && matches!(c.op, Op::Eq | Op::In)) {
        let Field::Data(path) = &condition.field else { continue };
        let values: Vec<&Value> = repeats(query, condition)
            .flat_map(|c| match &c.operand {
                Operand::One(value) => std::slice::from_ref(value),
                Operand::Many(values) => values.as_slice(),
                _ => &[],
            })
            .collect();
        let keys = keys(&values);
        if pinned.contains(&path) && keys.len() < MAX_ARMS {
            let column = pin_key(path, if sql.postgres { "e.doc" } else { "e.data" }, sql.postgres);
            let arm = |key: &str| format!(" AND {column} = {key}");
            let mut arms: Vec<_> = keys.iter().map(|key| arm(&sql.text(key))).collect();
            arms.push(arm(ARRAY_KEY));
            return (arms, None);
        }
    }
    (everything, first_unpinned(query, &pinned))
}

fn first_unpinned(query: &Query, pinned: &[&Path]) -> Option<Path> {
    query.conditions.iter().find_map(|c| match &c.field {
        Field::Data(path) if c.group == Group::And && matches!(c.op, Op::Eq | Op::In) && !pinned.contains(&path) => {
            Some(path.clone())
        }
        _ => None,
    })
}

fn keys(values: &[&Value]) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for value in values {
        keys.push(value.text.chars().take(KEY_LENGTH).collect());
        if let Some(number) = &value.number {
            let whole = number.split('.').next().unwrap_or("0");
            // SQLite's cast of a double to an integer stops at the ends of 64 bits.
            let clamped = whole.parse::<i64>().map_or_else(|_| saturated(whole), |n| n.to_string());
            keys.push(if whole == "-0" { "0".into() } else { clamped });
            keys.push(whole.chars().take(KEY_LENGTH).collect());
        }
    }
    keys.retain(|key| key != &ARRAY_KEY[1..ARRAY_KEY.len() - 1]);
    keys.sort();
    keys.dedup();
    keys
}

fn saturated(whole: &str) -> String {
    if whole.starts_with('-') { i64::MIN.to_string() } else { i64::MAX.to_string() }
}

/// One column of an order: an expression that is never null, and how to bind a value of it.
pub struct OrderColumn {
    pub expression: String,
    pub descending: bool,
    pub kind: OrderKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    Int,
    Number,
    Text,
}

/// Characters of a text that count when entries are sorted by it.
pub const SORT_LENGTH: usize = 200;

/// The columns of an order: numbers < strings < booleans < arrays and objects, missing and null last either way;
/// ties by id, in the direction of the first key.
pub fn order(keys: &[SortKey], postgres: bool) -> Vec<OrderColumn> {
    let mut columns = Vec::new();
    let mut add = |expression: String, descending, kind| columns.push(OrderColumn { expression, descending, kind });
    for key in keys {
        let desc = key.descending;
        match &key.field {
            Field::System(System::Id) => {}
            Field::System(System::Received) => add("e.received_at".into(), desc, OrderKind::Int),
            Field::System(System::At) => {
                add("(CASE WHEN e.at IS NULL THEN 1 ELSE 0 END)".into(), false, OrderKind::Int);
                add("coalesce(e.at, 0)".into(), desc, OrderKind::Int);
            }
            Field::System(system) => {
                let column = match system {
                    System::Session => "e.session",
                    System::Origin => "e.origin",
                    System::Flags => "e.flags",
                    _ => "(SELECT c.name FROM collections c WHERE c.id = e.collection_id)",
                };
                let collate = if postgres { " COLLATE \"C\"" } else { "" };
                add(format!("(CASE WHEN {column} IS NULL THEN 1 ELSE 0 END)"), false, OrderKind::Int);
                add(format!("coalesce({column}, ''){collate}"), desc, OrderKind::Text);
            }
            Field::Data(path) => {
                let look = Look::at(path, postgres);
                let Look { kind, text, .. } = &look;
                add(format!("(CASE WHEN {kind} IS NULL OR {kind} = 'null' THEN 1 ELSE 0 END)"), false, OrderKind::Int);
                let (truths, first) = if postgres { ("'boolean'", "left") } else { ("'true' WHEN 'false'", "substr") };
                let rank = if postgres {
                    format!(
                        "(CASE {kind} WHEN 'number' THEN 0 WHEN 'string' THEN 1 WHEN {truths} THEN 2 WHEN 'null' THEN 4 ELSE CASE WHEN {kind} IS NULL THEN 4 ELSE 3 END END)"
                    )
                } else {
                    format!(
                        "(CASE {kind} WHEN 'integer' THEN 0 WHEN 'real' THEN 0 WHEN 'text' THEN 1 WHEN 'true' THEN 2 WHEN 'false' THEN 2 WHEN 'null' THEN 4 ELSE CASE WHEN {kind} IS NULL THEN 4 ELSE 3 END END)"
                    )
                };
                add(rank, desc, OrderKind::Int);
                add(format!("coalesce({}, 0)", look.number()), desc, OrderKind::Number);
                let start = if postgres {
                    format!("{first}({text}, {SORT_LENGTH})")
                } else {
                    format!("{first}({text}, 1, {SORT_LENGTH})")
                };
                let words = if postgres {
                    format!(
                        "(CASE {kind} WHEN 'string' THEN {start} WHEN 'boolean' THEN {text} ELSE '' END) COLLATE \"C\""
                    )
                } else {
                    format!(
                        "(CASE {kind} WHEN 'text' THEN {start} WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE '' END)"
                    )
                };
                add(words, desc, OrderKind::Text);
            }
        }
        if key.field == Field::System(System::Id) {
            break;
        }
    }
    let descending = keys
        .iter()
        .find(|key| key.field == Field::System(System::Id))
        .or(keys.first())
        .is_none_or(|key| key.descending);
    add("e.id".into(), descending, OrderKind::Int);
    columns
}

/// `ORDER BY …`, the other way round when `reversed`.
pub fn order_by(columns: &[OrderColumn], reversed: bool) -> String {
    let terms: Vec<_> = columns
        .iter()
        .map(|c| format!("{}{}", c.expression, if c.descending == reversed { "" } else { " DESC" }))
        .collect();
    format!(" ORDER BY {}", terms.join(", "))
}

/// The condition for what comes after `values` in the order, or before them when `reversed`.
pub fn after(sql: &mut Sql, columns: &[OrderColumn], values: &[String], reversed: bool) -> String {
    let places: Vec<_> = columns
        .iter()
        .zip(values)
        .map(|(column, value)| match column.kind {
            OrderKind::Int => sql.int(value.parse().unwrap_or(0)),
            OrderKind::Number => sql.number(value),
            OrderKind::Text => sql.text(value),
        })
        .collect();
    if columns.iter().all(|c| c.descending == columns[0].descending) {
        // One row comparison is what an index can seek to.
        let names: Vec<_> = columns.iter().map(|c| c.expression.as_str()).collect();
        let sign = if columns[0].descending == reversed { ">" } else { "<" };
        return format!(" AND ({}) {sign} ({})", names.join(", "), places.join(", "));
    }
    let mut text = String::from("FALSE");
    for (column, place) in columns.iter().zip(&places).rev() {
        let sign = if column.descending == reversed { ">" } else { "<" };
        text = format!("({0} {sign} {place} OR ({0} = {place} AND {text}))", column.expression);
    }
    format!(" AND {text}")
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

/// The statement that makes the index of a pin.
pub fn create_pin(pin: i64, collection: CollectionId, path: &Path, postgres: bool) -> String {
    let (concurrently, tie) = if postgres { ("CONCURRENTLY ", ", id") } else { ("", "") };
    format!(
        "CREATE INDEX {concurrently}IF NOT EXISTS pin_{pin} ON entries ({}, received_at{tie}) WHERE collection_id = {}",
        pin_key(path, if postgres { "doc" } else { "data" }, postgres),
        collection.0
    )
}
