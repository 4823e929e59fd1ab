//! The conditions of a query, joined as the grammar has it.

use std::fmt::Write as _;

use super::op::Op;
use super::query::{Condition, Group};
use super::sql::Sql;

/// Writes a condition on one field as SQL. The operator is never a negated one
/// ([`Op::positive`]). `Err`: what is wrong with the condition.
pub type One<'o> = &'o mut dyn FnMut(&mut Sql, &Condition, Op) -> Result<String, String>;

/// Appends ` AND …` for all of these conditions. Returns those that cannot be, each with what is wrong with it.
pub fn push_conditions<'q>(sql: &mut Sql, conditions: &[&'q Condition], one: One<'_>) -> Vec<(&'q Condition, String)> {
    let mut wrong = Vec::new();
    for condition in conditions.iter().filter(|c| !matches!(c.group, Group::Or(_))) {
        let same: Vec<_> = repeats(conditions, condition).collect();
        // The first of several speaks for all.
        if same.first().is_some_and(|first| first.param == condition.param) {
            push_any(sql, &same, one, &mut wrong);
        }
    }
    for set in 1..=9 {
        let members: Vec<_> = conditions.iter().copied().filter(|c| c.group == Group::Or(set)).collect();
        if !members.is_empty() {
            push_any(sql, &members, one, &mut wrong);
        }
    }
    wrong
}

/// This condition, and every `field=value` of the same field if it is one: repeats mean "or".
pub fn repeats<'q>(conditions: &[&'q Condition], condition: &'q Condition) -> impl Iterator<Item = &'q Condition> {
    let same = move |c: &&Condition| {
        c.param == condition.param
            || (condition.group == Group::And
                && condition.op == Op::Eq
                && c.group == Group::And
                && c.op == Op::Eq
                && c.field == condition.field)
    };
    conditions.iter().copied().filter(same)
}

/// Conditions of which one must hold.
fn push_any<'q>(sql: &mut Sql, any: &[&'q Condition], one: One<'_>, wrong: &mut Vec<(&'q Condition, String)>) {
    let mut texts = Vec::new();
    for condition in any {
        match signed(sql, condition, one) {
            Ok(text) => texts.push(text),
            Err(detail) => wrong.push((condition, detail)),
        }
    }
    // One alone stays bare: an index is found by its very words.
    let _ = match texts.as_slice() {
        [text] => write!(sql.text, " AND {text}"),
        texts => write!(sql.text, " AND ({})", texts.join(" OR ")),
    };
}

/// One condition or its opposite. Null counts as false, so an opposite says `IS NOT TRUE`; the others stay bare, which
/// indexes need.
fn signed(sql: &mut Sql, condition: &Condition, one: One<'_>) -> Result<String, String> {
    let (op, opposite) = condition.op.positive();
    let negated = opposite != (condition.group == Group::Not);
    let text = one(sql, condition, op)?;
    Ok(if negated { format!("(({text}) IS NOT TRUE)") } else { format!("({text})") })
}
