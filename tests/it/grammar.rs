//! The filter grammar against a naive evaluator: the same entries in the same order, on both databases.
//! The evaluator knows nothing of SQL; it reads the design's tables in plain Rust.

use std::cmp::Ordering;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::support::{TestApp, databases};

fn seed() -> u64 {
    std::env::var("TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random)
}

/// How many queries are compared.
const QUERIES: usize = 400;

#[rocket::async_test]
async fn filters_agree_with_a_naive_reading_on_both_databases() {
    let seed = seed();
    println!("TEST_SEED={seed}");
    for kind in databases() {
        let mut random = StdRng::seed_from_u64(seed);
        let app = TestApp::start(kind).await;
        let owner = app.owner().await;
        let entries: Vec<Value> = (0..150).map(|_| entry(&mut random)).collect();
        for chunk in entries.chunks(50) {
            app.stored(Value::Array(chunk.to_vec()).to_string()).await;
        }
        for number in 0..QUERIES {
            let (query, test, sort) = query(&mut random);
            let mut expected: Vec<(i64, &Value)> = (1..).zip(&entries).filter(|(_, e)| test.holds(e)).collect();
            sort.apply(&mut expected);
            let expected: Vec<i64> = expected.into_iter().map(|(id, _)| id).collect();
            let found = owner.ids(&format!("_limit=1000&{query}")).await;
            assert_eq!(found, expected, "{kind}, seed {seed}, query {number}: {query}");
            if number % 20 == 0 {
                assert_eq!(walk(&owner, &query).await, expected, "{kind}, seed {seed}, by pages: {query}");
            }
        }
    }
}

/// All entries of a query, seven at a time.
async fn walk(owner: &crate::support::Person<'_>, query: &str) -> Vec<i64> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = owner.get(&format!("/list?_limit=7&{query}{cursor}")).await;
        assert_eq!(page.status, 200, "{query}: {}", page.text);
        found.extend(page.ids());
        match page.json()["next"].as_str() {
            Some(next) => cursor = format!("&_cursor={next}"),
            None => return found,
        }
    }
}

const FIELDS: [&str; 7] = ["a", "b.c", "tags", "when", "odd name", "a__b", "x\"y'z"];

fn entry(random: &mut StdRng) -> Value {
    let mut entry = json!({});
    for field in FIELDS {
        if random.random_bool(0.25) {
            continue;
        }
        let value = value(random, field);
        match field.split_once('.') {
            Some((outer, inner)) => entry[outer] = json!({ inner: value }),
            None => entry[field] = value,
        }
    }
    entry
}

fn value(random: &mut StdRng, field: &str) -> Value {
    if field == "when" {
        let dates =
            ["2026-01-31", "2026-02-01", "2026-01-31T23:30:00Z", "2026-02-01T00:30:00+02:00", "2026-02-30", "soon"];
        return json!(dates.choose(random).unwrap());
    }
    if field == "tags" && random.random_bool(0.6) {
        let count = random.random_range(0..3);
        return Value::Array((0..count).map(|_| scalar(random)).collect());
    }
    scalar(random)
}

fn scalar(random: &mut StdRng) -> Value {
    let values = [
        json!(10),
        json!(10.0),
        json!("10"),
        json!(2),
        json!("2"),
        json!(-3.5),
        json!("-3.5"),
        json!(9007199254740993i64),
        json!(9007199254740992i64),
        json!(true),
        json!(false),
        json!("true"),
        json!(null),
        json!(""),
        json!("pro"),
        json!("Pro"),
        json!("ÉTÉ"),
        json!("été 100%"),
        json!("a_b"),
        json!("a%b"),
        json!("it's"),
        json!("😀"),
        json!({}),
        json!("00123"),
        json!("x\\y\"z"),
    ];
    values.choose(random).unwrap().clone()
}

/// Sets of conditions, all of which must hold.
struct Test(Vec<Set>);

/// One of the conditions holds; or, in the group `_not.`, none of them.
struct Set {
    group: &'static str,
    conditions: Vec<Condition>,
}

/// Field, operator, operand.
#[derive(Debug, Clone)]
struct Condition(&'static str, &'static str, String);

impl Test {
    fn holds(&self, entry: &Value) -> bool {
        self.0.iter().all(|set| set.conditions.iter().any(|c| c.holds(entry)) != (set.group == "_not."))
    }

    /// Members of an "or" set stand together; so does `field=value` repeated for one field.
    fn add(&mut self, group: &'static str, condition: Condition) {
        let is_eq = |c: &Condition| matches!(c.1, "" | "eq");
        let together = |set: &&mut Set| match group {
            "_or." | "_or2." => set.group == group,
            "" => {
                set.group.is_empty()
                    && is_eq(&condition)
                    && is_eq(&set.conditions[0])
                    && set.conditions[0].0 == condition.0
            }
            _ => false,
        };
        match self.0.iter_mut().find(together) {
            Some(set) => set.conditions.push(condition),
            None => self.0.push(Set { group, conditions: vec![condition] }),
        }
    }
}

const OPERATORS: [&str; 18] = [
    "",
    "eq",
    "not",
    "in",
    "notin",
    "gt",
    "gte",
    "lt",
    "lte",
    "between",
    "contains",
    "ncontains",
    "starts",
    "ends",
    "null",
    "exists",
    "empty",
    "type",
];

fn query(random: &mut StdRng) -> (String, Test, Sort) {
    let mut params: Vec<(String, String)> = Vec::new();
    let mut test = Test(Vec::new());
    for _ in 0..random.random_range(0..4) {
        let condition = condition(random);
        let group = ["", "", "", "_not.", "_or.", "_or2."].choose(random).unwrap();
        let bare = condition.1.is_empty() && !condition.0.contains("__");
        let operator =
            if bare { String::new() } else { format!("__{}", if condition.1.is_empty() { "eq" } else { condition.1 }) };
        params.push((format!("{group}{}{operator}", condition.0), condition.2.clone()));
        test.add(group, condition);
    }
    let sort = Sort::choose(random);
    params.push(("_sort".into(), sort.text()));
    (form_urlencoded::Serializer::new(String::new()).extend_pairs(&params).finish(), test, sort)
}

fn condition(random: &mut StdRng) -> Condition {
    let field = FIELDS.choose(random).unwrap();
    let operator = OPERATORS.choose(random).unwrap();
    let one = |random: &mut StdRng| -> String {
        if *field == "when" {
            let dates = ["2026-01-31", "2026-02-01", "2026-01-31T22:30:00Z", "soon"];
            return (*dates.choose(random).unwrap()).into();
        }
        let operands = [
            "10",
            "10.0",
            "\"10\"",
            "2",
            "-3.5",
            "true",
            "pro",
            "PRO",
            "été",
            "00123",
            "%",
            "_",
            "",
            "it's",
            "😀",
            "9007199254740993",
            "x\\y\"z",
        ];
        (*operands.choose(random).unwrap()).into()
    };
    let operand = match *operator {
        "in" | "notin" if random.random_bool(0.3) => "[\"pro\", 10, \"a%b\"]".to_owned(),
        "in" | "notin" | "between" => format!("{},{}", one(random), one(random)),
        "null" | "exists" | "empty" => ["0", "1"].choose(random).unwrap().to_string(),
        "type" => ["string", "number", "bool", "null", "array", "object"].choose(random).unwrap().to_string(),
        _ => one(random),
    };
    Condition(field, operator, operand)
}

impl Condition {
    fn holds(&self, entry: &Value) -> bool {
        let value = lookup(entry, self.0);
        let yes = self.2 == "1";
        match self.1 {
            "not" => !matches(value, "eq", &self.2),
            "notin" => !matches(value, "in", &self.2),
            "ncontains" => !matches(value, "contains", &self.2),
            "null" => (value == Some(&Value::Null)) == yes,
            "exists" => value.is_some() == yes,
            "empty" => is_empty(value) == yes,
            "type" => value.is_some_and(|v| type_of(v) == self.2),
            operator => matches(value, operator, &self.2),
        }
    }
}

fn lookup<'v>(entry: &'v Value, field: &str) -> Option<&'v Value> {
    match field.split_once('.') {
        Some((outer, inner)) => entry.get(outer)?.get(inner),
        None => entry.get(field),
    }
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        _ => false,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "bool",
        Value::Null => "null",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// On an array: any element.
fn matches(value: Option<&Value>, operator: &str, operand: &str) -> bool {
    match value {
        Some(Value::Array(items)) => items.iter().any(|item| matches_one(item, operator, operand)),
        Some(value) => matches_one(value, operator, operand),
        None => false,
    }
}

fn matches_one(value: &Value, operator: &str, operand: &str) -> bool {
    match operator {
        "in" if operand.starts_with('[') => [json!("pro"), json!("a%b")].contains(value) || equals(value, "10"),
        "in" => operand.split(',').any(|one| equals(value, one)),
        "between" => {
            let (low, high) = operand.split_once(',').unwrap();
            compares(value, "gte", low) && compares(value, "lte", high)
        }
        "gt" | "gte" | "lt" | "lte" => compares(value, operator, operand),
        "contains" | "starts" | "ends" => {
            let Value::String(text) = value else { return false };
            let (text, part) = (text.to_lowercase(), operand.to_lowercase());
            match operator {
                "contains" => text.contains(&part),
                "starts" => text.starts_with(&part),
                _ => text.ends_with(&part),
            }
        }
        _ => equals(value, operand),
    }
}

fn quoted(operand: &str) -> Option<&str> {
    operand.strip_prefix('"')?.strip_suffix('"')
}

fn equals(value: &Value, operand: &str) -> bool {
    if let Some(text) = quoted(operand) {
        return value == text;
    }
    value == operand
        || matches!(value, Value::Bool(truth) if truth.to_string() == operand)
        || matches!((value, number(operand)), (Value::Number(_), Some(n)) if of_value(value).is_some_and(|v| cmp(&v, &n) == Ordering::Equal))
}

/// A number as JSON spells it: a whole number exactly, or a double.
#[derive(Debug, Clone, Copy)]
enum Number {
    Whole(i64),
    Double(f64),
}

fn number(text: &str) -> Option<Number> {
    let value: Value = serde_json::from_str(text).ok()?;
    if !value.is_number() || text.starts_with('"') {
        return None;
    }
    of_value(&value)
}

fn of_value(value: &Value) -> Option<Number> {
    value.as_i64().map(Number::Whole).or_else(|| value.as_f64().map(Number::Double))
}

fn cmp(a: &Number, b: &Number) -> Ordering {
    match (a, b) {
        (Number::Whole(a), Number::Whole(b)) => a.cmp(b),
        (a, b) => {
            let double = |n: &Number| match n {
                Number::Whole(n) => *n as f64,
                Number::Double(d) => *d,
            };
            double(a).total_cmp(&double(b))
        }
    }
}

fn compares(value: &Value, operator: &str, operand: &str) -> bool {
    let holds = |ordering: Ordering| match operator {
        "gt" => ordering.is_gt(),
        "gte" => ordering.is_ge(),
        "lt" => ordering.is_lt(),
        _ => ordering.is_le(),
    };
    let text = quoted(operand).unwrap_or(operand);
    if quoted(operand).is_none() {
        if let Some(n) = number(operand) {
            let numeric = match value {
                Value::String(text) => number(text),
                value => of_value(value).filter(|_| value.is_number()),
            };
            return numeric.is_some_and(|v| holds(cmp(&v, &n)));
        }
        if operand.starts_with("2026-") {
            return value.as_str().is_some_and(|v| compares_date(v, operator, operand));
        }
    }
    value.as_str().is_some_and(|v| holds(v.cmp(text)))
}

fn compares_date(value: &str, operator: &str, operand: &str) -> bool {
    let instant = |text: &str| -> Option<i64> {
        if text.len() == 10 {
            let day: jiff::civil::Date = text.parse().ok()?;
            return Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond());
        }
        Some(text.parse::<jiff::Timestamp>().ok()?.as_millisecond())
    };
    let (Some(v), Some(start)) = (instant(value), instant(operand)) else { return false };
    let day = if operand.len() == 10 { 86_400_000 } else { 0 };
    match operator {
        "gte" => v >= start,
        "lt" => v < start,
        "gt" if day == 0 => v > start,
        "gt" => v >= start + day,
        _ if day == 0 => v <= start,
        _ => v < start + day,
    }
}

struct Sort {
    field: &'static str,
    descending: bool,
}

impl Sort {
    fn choose(random: &mut StdRng) -> Sort {
        let field = ["_received", "_id", "a", "b.c", "when", "tags"].choose(random).unwrap();
        Sort { field, descending: random.random_bool(0.5) }
    }

    fn text(&self) -> String {
        format!("{}{}", if self.descending { "-" } else { "" }, self.field)
    }

    fn apply(&self, entries: &mut [(i64, &Value)]) {
        entries.sort_by(|(a_id, a), (b_id, b)| {
            let by_id = if self.descending { b_id.cmp(a_id) } else { a_id.cmp(b_id) };
            if self.field.starts_with('_') {
                return by_id;
            }
            let (a, b) =
                (lookup(a, self.field).filter(|v| !v.is_null()), lookup(b, self.field).filter(|v| !v.is_null()));
            let order = match (a, b) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => return Ordering::Greater,
                (Some(_), None) => return Ordering::Less,
                (Some(a), Some(b)) => order(a, b),
            };
            let order = if self.descending { order.reverse() } else { order };
            order.then(by_id)
        });
    }
}

/// numbers < strings < booleans < arrays and objects
fn order(a: &Value, b: &Value) -> Ordering {
    let rank = |v: &Value| match v {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        _ => 3,
    };
    rank(a).cmp(&rank(b)).then_with(|| match (a, b) {
        (Value::Number(_), _) => cmp(&of_value(a).unwrap(), &of_value(b).unwrap()),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        _ => Ordering::Equal,
    })
}
