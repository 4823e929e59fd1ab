//! Comparisons in SQL: numbers, texts and moments against what a query asks for.

use super::op::Op;
use super::operand::{DateRange, Operand, Value};
use super::sql::Sql;

/// Applies an operator to each of its operands: `in` is any, `between` is both ends.
pub fn each(sql: &mut Sql, op: Op, operand: &Operand, apply: &mut dyn FnMut(&mut Sql, Op, &Value) -> String) -> String {
    match operand {
        Operand::Many(values) if op == Op::Between => {
            let low = apply(sql, Op::Gte, &values[0]);
            let high = apply(sql, Op::Lte, &values[1]);
            format!("({low}) AND ({high})")
        }
        Operand::Many(values) => {
            let texts: Vec<_> = values.iter().map(|value| format!("({})", apply(sql, Op::Eq, value))).collect();
            any(&texts)
        }
        Operand::One(value) => apply(sql, op, value),
        Operand::Range(range) => {
            let value = Value { text: String::new(), number: None, truth: None, date: Some(range.clone()) };
            apply(sql, Op::On, &value)
        }
        Operand::Truth(_) | Operand::Type(_) => "FALSE".into(),
    }
}

/// Joins conditions by OR as a balanced tree: in SQLite `a OR b OR c …` nests once per term, at most 1000 deep.
fn any(conditions: &[String]) -> String {
    match conditions {
        [] => "FALSE".into(),
        [one] => one.clone(),
        many => {
            let (left, right) = many.split_at(many.len() / 2);
            format!("({} OR {})", any(left), any(right))
        }
    }
}

/// The sign of a comparison in SQL.
pub fn sign(op: Op) -> &'static str {
    match op {
        Op::Gt => ">",
        Op::Gte => ">=",
        Op::Lt => "<",
        Op::Lte => "<=",
        _ => "=",
    }
}

/// A moment against a day or a moment: `lte` a day includes the day.
pub fn on_moment(sql: &mut Sql, column: &str, op: Op, range: &DateRange) -> String {
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

/// A text against a text: in the order of code points, searched without regard to case.
pub fn on_text(sql: &mut Sql, column: &str, op: Op, text: &str) -> String {
    match op {
        Op::Contains | Op::Starts | Op::Ends => {
            let test = search(sql, op, text);
            format!("{column} {test}")
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
pub fn search(sql: &mut Sql, op: Op, text: &str) -> String {
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
