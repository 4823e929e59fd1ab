//! The operators of conditions.

/// What stands behind the `__` of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Equal. What a parameter without an operator means.
    Eq,
    /// Not equal, or missing.
    Not,
    /// Equal to one of several values.
    In,
    /// Equal to none of several values.
    NotIn,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
    /// From one value to another, both included.
    Between,
    /// Within a year, a month or a day of the reader's time zone.
    On,
    /// Holds the text, without regard to case.
    Contains,
    /// Does not hold the text.
    NotContains,
    /// Begins with the text.
    Starts,
    /// Ends with the text.
    Ends,
    /// Is there and `null`; or is not.
    Null,
    /// Is there, even as `null`; or is missing.
    Exists,
    /// Is missing, `null`, or an empty text, list or object; or is none of these.
    Empty,
    /// Has this JSON type.
    Type,
}

impl Op {
    /// Name in the URL, and in words.
    pub const ALL: [(&'static str, Op, &'static str); 18] = [
        ("eq", Op::Eq, "is"),
        ("not", Op::Not, "is not"),
        ("in", Op::In, "is one of"),
        ("notin", Op::NotIn, "is none of"),
        ("gt", Op::Gt, "is more than"),
        ("gte", Op::Gte, "is at least"),
        ("lt", Op::Lt, "is less than"),
        ("lte", Op::Lte, "is at most"),
        ("between", Op::Between, "is between"),
        ("on", Op::On, "is on"),
        ("contains", Op::Contains, "contains"),
        ("ncontains", Op::NotContains, "does not contain"),
        ("starts", Op::Starts, "begins with"),
        ("ends", Op::Ends, "ends with"),
        ("null", Op::Null, "is null"),
        ("exists", Op::Exists, "is present"),
        ("empty", Op::Empty, "is empty"),
        ("type", Op::Type, "is of type"),
    ];

    /// Name in the URL.
    pub fn name(self) -> &'static str {
        Op::ALL.iter().find(|(_, op, _)| *op == self).map_or("", |(name, _, _)| name)
    }

    /// The operator without its negation, and whether it is negated: `not` is (`Eq`, true).
    pub fn positive(self) -> (Op, bool) {
        match self {
            Op::Not => (Op::Eq, true),
            Op::NotIn => (Op::In, true),
            Op::NotContains => (Op::Contains, true),
            op => (op, false),
        }
    }

    /// As people say it: "is more than".
    pub fn words(self) -> &'static str {
        Op::ALL.iter().find(|(_, op, _)| *op == self).map_or("", |(_, _, words)| words)
    }
}
