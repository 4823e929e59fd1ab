//! SQL that is put together, with the values it binds.

use crate::db::Pool;

/// A piece of SQL with the values it binds. `$n` in the text counts from the first bind.
#[derive(Debug, Clone)]
pub struct Sql {
    /// The text, with `$1` and so on.
    pub text: String,
    binds: Vec<Bind>,
    /// For PostgreSQL; otherwise for SQLite.
    pub postgres: bool,
}

#[derive(Debug, Clone)]
enum Bind {
    Int(i64),
    Text(String),
}

impl Sql {
    /// Empty, for this database.
    pub fn new(pool: &Pool) -> Sql {
        Sql { text: String::new(), binds: Vec::new(), postgres: pool.is_postgres() }
    }

    /// Appends text.
    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    fn bind(&mut self, value: Bind) -> String {
        self.binds.push(value);
        format!("${}", self.binds.len())
    }

    /// Binds a text and returns its placeholder.
    pub fn text(&mut self, value: &str) -> String {
        let place = self.bind(Bind::Text(value.to_owned()));
        // PostgreSQL has to be told the type where nothing else does.
        if self.postgres { format!("CAST({place} AS TEXT)") } else { place }
    }

    /// Binds a whole number and returns its placeholder.
    pub fn int(&mut self, value: i64) -> String {
        let place = self.bind(Bind::Int(value));
        if self.postgres { format!("CAST({place} AS BIGINT)") } else { place }
    }

    /// Binds a number, as [`super::number`] spells it, and returns its placeholder.
    pub fn number(&mut self, value: &str) -> String {
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
