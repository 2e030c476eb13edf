//! The signatures of the operators. What they compute is `evaluate`'s: they are too hot for a table.

/// By symbol. Equality, `in` and `[]` are not here: any type may meet itself.
pub(super) const OPERATORS: &[(&str, &[&str])] = &[
    (
        "+",
        &[
            "(int, int) -> int",
            "(uint, uint) -> uint",
            "(double, double) -> double",
            "(string, string) -> string",
            "(bytes, bytes) -> bytes",
            "(list(A), list(A)) -> list(A)",
            "(duration, duration) -> duration",
            "(timestamp, duration) -> timestamp",
            "(duration, timestamp) -> timestamp",
        ],
    ),
    (
        "-",
        &[
            "(int, int) -> int",
            "(uint, uint) -> uint",
            "(double, double) -> double",
            "(timestamp, timestamp) -> duration",
            "(timestamp, duration) -> timestamp",
            "(duration, duration) -> duration",
            "(int) -> int",
            "(double) -> double",
            "(duration) -> duration",
        ],
    ),
    ("*", &["(int, int) -> int", "(uint, uint) -> uint", "(double, double) -> double"]),
    ("/", &["(int, int) -> int", "(uint, uint) -> uint", "(double, double) -> double"]),
    ("%", &["(int, int) -> int", "(uint, uint) -> uint"]),
    ("!", &["(bool) -> bool"]),
    ("<", ORDERED),
    ("<=", ORDERED),
    (">", ORDERED),
    (">=", ORDERED),
];

const ORDERED: &[&str] = &[
    "(bool, bool) -> bool",
    "(int, int) -> bool",
    "(uint, uint) -> bool",
    "(double, double) -> bool",
    "(int, uint) -> bool",
    "(int, double) -> bool",
    "(uint, int) -> bool",
    "(uint, double) -> bool",
    "(double, int) -> bool",
    "(double, uint) -> bool",
    "(string, string) -> bool",
    "(bytes, bytes) -> bool",
    "(duration, duration) -> bool",
    "(timestamp, timestamp) -> bool",
];
