//! Conditions on JSON values in SQL, compared loosely, by the type that each value has.

use std::fmt::Write as _;

use super::path_sql;
use crate::filter::{DateRange, Op, Operand, Sql, Value, Word, each, on_moment, on_text, search, sign};
use crate::json::{self, Path};

/// SQL expressions for a JSON value: its type, its text, its number.
pub(super) struct Look {
    pub(super) kind: String,
    pub(super) text: String,
    json: String,
    postgres: bool,
}

impl Look {
    pub(super) fn at(path: &Path, postgres: bool) -> Look {
        if postgres {
            let json = format!("(e.doc #> {})", path_sql::postgres(path));
            return Look {
                kind: format!("jsonb_typeof{json}"),
                text: format!("(e.doc #>> {})", path_sql::postgres(path)),
                json,
                postgres,
            };
        }
        let path = path_sql::sqlite(path, "e.data");
        Look {
            kind: format!("json_type(e.data, {path})"),
            text: format!("(e.data ->> {path})"),
            json: String::new(),
            postgres,
        }
    }

    /// One element of an array: the row `el` in the subquery of `on_data`.
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
    pub(super) fn number(&self) -> String {
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
             AND abs(CAST({text} ->> '$' AS REAL)) <= 1.7976931348623157e308 THEN {text} ->> '$' END END END)"
        )
    }
}

pub(super) fn on_data(sql: &mut Sql, path: &Path, op: Op, operand: &Operand) -> String {
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
                format!("json_each(e.data, {}) AS el", path_sql::sqlite(path, "e.data"))
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
    let (text, moment) = ("read.text", "read.moment");
    let as_moment = on_moment(sql, moment, op, range);
    let test = match &range.days {
        None => as_moment,
        Some((first, after)) => {
            let as_date = match op {
                Op::Gte => on_text(sql, text, Op::Gte, first),
                Op::Gt => on_text(sql, text, Op::Gte, after),
                Op::Lt => on_text(sql, text, Op::Lt, first),
                Op::Lte => on_text(sql, text, Op::Lt, after),
                _ => {
                    let low = on_text(sql, text, Op::Gte, first);
                    let high = on_text(sql, text, Op::Lt, after);
                    format!("{low} AND {high}")
                }
            };
            format!("CASE WHEN length({text}) = 10 THEN {moment} IS NOT NULL AND {as_date} ELSE {as_moment} END")
        }
    };
    // Taken out of the JSON once, and read once, for as many comparisons as there are: a LIMIT keeps both databases
    // from writing the expression into each of them.
    let moment = moment_of("found.text", sql.postgres);
    format!(
        "CASE WHEN {} THEN (SELECT {test} FROM (SELECT found.text, {moment} AS moment FROM (SELECT {} AS text LIMIT 1) \
         AS found LIMIT 1) AS read) END",
        look.is_text(),
        look.text
    )
}

/// The moment of a text that spells one, else null.
fn moment_of(text: &str, postgres: bool) -> String {
    if postgres {
        return format!("frontdesk_time({text})");
    }
    // SQLite reads Z and +02:00; programs also write +02, +0200 and UTC.
    let zoned = format!(
        "CASE WHEN length({text}) < 17 OR substr({text}, -1) = 'Z' THEN {text} \
         WHEN {text} GLOB '*[+-][0-9][0-9][0-9][0-9]' THEN substr({text}, 1, length({text}) - 2) || ':' || substr({text}, -2) \
         WHEN {text} GLOB '*[+-][0-9][0-9]' THEN {text} || ':00' \
         WHEN {text} GLOB '*UTC' THEN rtrim(substr({text}, 1, length({text}) - 3)) || 'Z' ELSE {text} END"
    );
    // Of a day that the month does not have SQLite makes one of the next.
    format!(
        "(CASE WHEN {text} GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' THEN \
         CASE WHEN (substr({text}, 9, 2) < '29' OR date(substr({text}, 1, 10)) = substr({text}, 1, 10)) \
         AND substr({text}, 12, 2) < '24' AND substr({text}, 11, 1) IN ('', ' ', 'T') \
         THEN CAST(round(unixepoch({zoned}, 'subsec') * 1000) AS INTEGER) END END)"
    )
}

/// A word of the search box: in any text, number or truth value of the entry, names of fields aside.
pub(super) fn push_word(sql: &mut Sql, word: &Word) {
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
         CASE word.type WHEN 'text' THEN word.atom WHEN 'object' THEN NULL WHEN 'array' THEN NULL WHEN 'null' THEN NULL \
         ELSE e.data -> word.fullkey END {test}))"
    );
}
