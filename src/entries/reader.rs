//! Who reads entries.

/// Who reads, and so which entries there are for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reader {
    /// The program itself, after a check of its own: everything.
    System,
    /// Signed in: everything. The account's id.
    Staff(i64),
    /// A browser session: its own entries. The public session id.
    Session(String),
    /// Nobody: collections that anyone may read.
    Public,
}

impl Reader {
    /// Nobody in particular is not told which session an entry came from: who knows a public session id could send
    /// entries that the visitor then takes for their own.
    pub fn sees_sessions(&self) -> bool {
        *self != Reader::Public
    }

    /// What staff note about an entry is for them alone.
    pub fn sees_work(&self) -> bool {
        matches!(self, Reader::System | Reader::Staff(_))
    }

    /// What cursors are bound to.
    pub fn name(&self) -> String {
        match self {
            Reader::System => "system".into(),
            Reader::Staff(id) => format!("staff {id}"),
            Reader::Session(session) => format!("session {session}"),
            Reader::Public => "public".into(),
        }
    }
}
