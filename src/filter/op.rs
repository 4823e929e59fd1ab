//! The operators of conditions.

/// What stands behind the `__` of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Eq,
    Not,
    In,
    NotIn,
    Gt,
    Gte,
    Lt,
    Lte,
    Between,
    On,
    Contains,
    NotContains,
    Starts,
    Ends,
    Null,
    Exists,
    Empty,
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

    /// The operator that it is the opposite of, or itself, and whether it is the opposite.
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
