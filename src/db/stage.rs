//! Where SQLite's writer is: what has to stand before the next statement, and what there is to undo.

/// Where SQLite's writer is in its group of transactions.
#[derive(Default)]
pub(super) struct Stage {
    /// `BEGIN IMMEDIATE` was sent and no `COMMIT` yet.
    pub(super) open: bool,
    /// The present transaction has had no statement yet.
    pub(super) fresh: bool,
    /// A transaction was begun and neither committed nor rolled back: its task went away.
    pub(super) unfinished: Unfinished,
    /// The savepoint of a finished transaction is still there.
    pub(super) kept: bool,
    /// SQLite may have rolled back the whole transaction: nobody in the group may be told it is stored.
    pub(super) lost: bool,
}

/// What there is to undo when a caller goes away.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfinished {
    #[default]
    Nothing,
    /// The first of the group: the whole transaction is its own. Every statement is a journey to SQLite's
    /// thread and back, so it is spared the savepoint.
    All,
    Savepoint,
}

impl Stage {
    /// What has to stand before the next statement of the present transaction. Whoever asks sends it.
    pub(super) fn enter(&mut self) -> &'static str {
        if !std::mem::replace(&mut self.fresh, false) {
            return "";
        }
        if !self.open {
            self.open = true;
            self.unfinished = Unfinished::All;
            return "BEGIN IMMEDIATE;";
        }
        self.unfinished = Unfinished::Savepoint;
        if std::mem::replace(&mut self.kept, false) { "RELEASE one;SAVEPOINT one;" } else { "SAVEPOINT one;" }
    }
}
