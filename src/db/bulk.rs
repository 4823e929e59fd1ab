//! Many rows in one statement: `VALUES` lists on SQLite, `UNNEST` on PostgreSQL.

use std::fmt::Write as _;

use super::error::DbError;
use super::writer::Tx;

/// The values of one column, one per row.
pub enum BulkColumn<'a> {
    /// Whole numbers.
    Int(Vec<i64>),
    /// Whole numbers or NULL.
    OptInt(Vec<Option<i64>>),
    /// Texts.
    Text(Vec<&'a str>),
    /// Texts or NULL.
    OptText(Vec<Option<&'a str>>),
    /// Bytes.
    Bytes(Vec<&'a [u8]>),
}

/// An insert of many rows into one table.
pub struct Bulk<'a> {
    table: &'static str,
    columns: Vec<(&'static str, BulkColumn<'a>)>,
    /// A further statement, and what it binds.
    then: Option<(&'static str, &'static str, String)>,
}

/// Rows per statement on SQLite. Every length up to it is a statement of its own, which the cache has room for.
pub(super) const MAX_ROWS: usize = 100;

impl<'a> Bulk<'a> {
    /// An insert into `table`, without columns yet.
    pub fn into(table: &'static str) -> Self {
        Bulk { table, columns: Vec::new(), then: None }
    }

    /// Adds a column; every column must have the same number of values.
    pub fn column(mut self, name: &'static str, values: BulkColumn<'a>) -> Self {
        debug_assert!(self.columns.iter().all(|(_, other)| other.len() == values.len()));
        self.columns.push((name, values));
        self
    }

    /// Runs a further statement after the rows, on SQLite in one journey with them. It binds one text: as its only `?` on
    /// SQLite, as `$1` on PostgreSQL.
    pub fn then(mut self, sqlite: &'static str, postgres: &'static str, text: String) -> Self {
        self.then = Some((sqlite, postgres, text));
        self
    }

    /// Inserts all rows, in their order.
    ///
    /// Returns the id of the last row on SQLite: there is one writer, so the rows have the consecutive ids
    /// up to it. `None` on PostgreSQL, where the caller sets the ids.
    pub async fn insert(self, tx: &mut Tx) -> Result<Option<i64>, DbError> {
        match tx {
            Tx::Sqlite(_) => self.insert_values(tx).await,
            Tx::Postgres(_) => self.insert_unnest(tx).await.map(|()| None),
        }
    }

    async fn insert_values(&self, tx: &mut Tx) -> Result<Option<i64>, DbError> {
        let rows = self.columns.first().map_or(0, |(_, values)| values.len());
        let mut last = None;
        let mut at = 0;
        while at < rows {
            let count = MAX_ROWS.min(rows - at);
            let then = self.then.as_ref().filter(|_| at + count == rows);
            let mut sql = self.values_sql(count);
            if let Some((further, _, _)) = then {
                sql.push(';');
                sql.push_str(further);
            }
            let mut query = tx.write(sqlx::AssertSqlSafe(sql));
            for row in at..at + count {
                for (_, values) in &self.columns {
                    query = match values {
                        BulkColumn::Int(values) => query.bind(values[row]),
                        BulkColumn::OptInt(values) => query.bind(values[row]),
                        BulkColumn::Text(values) => query.bind(values[row]),
                        BulkColumn::OptText(values) => query.bind(values[row]),
                        BulkColumn::Bytes(values) => query.bind(values[row]),
                    };
                }
            }
            if let Some((_, _, text)) = then {
                query = query.bind(text.as_str());
            }
            last = query.insert().await?;
            at += count;
        }
        Ok(last)
    }

    fn values_sql(&self, rows: usize) -> String {
        let mut sql = format!("INSERT INTO {} ({}) VALUES ", self.table, self.names());
        let one = format!("({})", vec!["?"; self.columns.len()].join(","));
        for row in 0..rows {
            sql.push_str(if row == 0 { "" } else { "," });
            sql.push_str(&one);
        }
        sql
    }

    async fn insert_unnest(self, tx: &mut Tx) -> Result<(), DbError> {
        let mut lists = String::new();
        for (i, (_, values)) in self.columns.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(lists, "{comma}${}::{}[]", i + 1, values.postgres_type()).expect("a String takes any text");
        }
        let sql = format!("INSERT INTO {} ({}) SELECT * FROM UNNEST({lists})", self.table, self.names());
        let Tx::Postgres(connection) = tx else { unreachable!("called for PostgreSQL only") };
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
        for (_, values) in self.columns {
            query = match values {
                BulkColumn::Int(values) => query.bind(values),
                BulkColumn::OptInt(values) => query.bind(values),
                BulkColumn::Text(values) => query.bind(values.into_iter().map(str::to_owned).collect::<Vec<_>>()),
                BulkColumn::OptText(values) => {
                    query.bind(values.into_iter().map(|v| v.map(str::to_owned)).collect::<Vec<_>>())
                }
                BulkColumn::Bytes(values) => query.bind(values.into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>()),
            };
        }
        query.execute(&mut **connection).await?;
        if let Some((_, further, text)) = self.then {
            sqlx::query(further).bind(text).execute(&mut **connection).await?;
        }
        Ok(())
    }

    fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

impl BulkColumn<'_> {
    fn len(&self) -> usize {
        match self {
            BulkColumn::Int(values) => values.len(),
            BulkColumn::OptInt(values) => values.len(),
            BulkColumn::Text(values) => values.len(),
            BulkColumn::OptText(values) => values.len(),
            BulkColumn::Bytes(values) => values.len(),
        }
    }

    fn postgres_type(&self) -> &'static str {
        match self {
            BulkColumn::Int(_) | BulkColumn::OptInt(_) => "bigint",
            BulkColumn::Text(_) | BulkColumn::OptText(_) => "text",
            BulkColumn::Bytes(_) => "bytea",
        }
    }
}
