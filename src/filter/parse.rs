//! Reads the parameters of a query string.

use jiff::tz::TimeZone;

use super::conditions::condition;
use super::controls::{CONTROLS, control};
use super::field::Grammar;
use super::query::Query;
use crate::error::{Error, FieldError};
use crate::limits::{MAX_CONDITIONS, MAX_VALUES};
use crate::moment::Moment;

/// Reads decoded parameters by a grammar. `now` resolves `-7d` and `today`; `_secret` is taken only when `from_body`.
pub fn parse(grammar: &Grammar, params: &[(String, String)], now: Moment, from_body: bool) -> Result<Query, Error> {
    let mut reader = Parser { grammar, query: Query::default(), errors: Vec::new(), now };
    reader.query.params = params.to_vec();
    // The zone is needed to read every date.
    for (name, value) in params.iter().filter(|(name, _)| name == "_tz") {
        reader.attempt(name, |query, _| {
            query.zone = TimeZone::get(value).map_err(|_| format!("there is no time zone \"{value}\""))?;
            Ok(())
        });
    }
    for (index, (name, value)) in params.iter().enumerate() {
        reader.param(index, name, value, from_body);
    }
    reader.finish()
}

struct Parser<'g> {
    grammar: &'g Grammar,
    query: Query,
    errors: Vec<FieldError>,
    now: Moment,
}

impl Parser<'_> {
    fn attempt(&mut self, name: &str, read: impl FnOnce(&mut Query, Moment) -> Result<(), String>) {
        let now = self.now;
        if let Err(detail) = read(&mut self.query, now) {
            self.errors.push(FieldError::parameter(name, detail));
        }
    }

    fn param(&mut self, index: usize, name: &str, value: &str, from_body: bool) {
        if name.contains('\0') || value.contains('\0') {
            return self.errors.push(FieldError::parameter(name.replace('\0', "\u{2400}"), "a NUL character"));
        }
        let grammar = self.grammar;
        if name == "_secret" && !from_body {
            return self.errors.push(FieldError::parameter(name, "is taken only from the body of a POST"));
        }
        if CONTROLS.contains(&name) {
            return self.attempt(name, |query, _| control(grammar, query, name, value));
        }
        self.attempt(name, |query, now| {
            let condition = condition(grammar, index, (name, value), &query.zone, now)?;
            query.conditions.push(condition);
            Ok(())
        });
    }

    fn finish(mut self) -> Result<Query, Error> {
        let values: usize = self.query.conditions.iter().map(|condition| condition.operand.values()).sum();
        if values > MAX_VALUES + MAX_CONDITIONS {
            self.errors.push(FieldError::parameter("", format!("more than {MAX_VALUES} values in all conditions")));
        }
        if self.query.conditions.len() > MAX_CONDITIONS {
            self.errors.push(FieldError::parameter("", format!("more than {MAX_CONDITIONS} conditions")));
        }
        if !self.errors.is_empty() {
            return Err(Error::BadRequest(self.errors));
        }
        Ok(self.query)
    }
}
