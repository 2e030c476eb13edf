//! Patterns of what is written as text: names, durations, rates, types, expressions.
//!
//! In the regular expressions that JSON Schema knows (ECMA-262), anchored on both sides.

use serde_json::{Value as Json, json};

use crate::syntax::name::RESERVED;
use crate::syntax::shape;

/// A number without a sign, as `1`, `1.5` or `.5`.
const NUMBER: &str = r"([0-9]+(\.[0-9]*)?|\.[0-9]+)";
const UNIT: &str = "(ms|s|m|h|d)";

/// A duration.
pub(super) fn duration() -> Json {
    json!({ "type": "string", "pattern": format!("^({NUMBER}{UNIT})+$") })
}

/// A duration above zero.
pub(super) fn positive_duration() -> Json {
    json!({ "type": "string", "pattern": format!("^({NUMBER}{UNIT})+$"), "not": { "pattern": format!("^([0.]+{UNIT})+$") } })
}

/// A number with an exponent, perhaps, and a unit behind it.
fn number_with(unit: &str) -> Json {
    json!({ "type": "string", "pattern": format!(r"^\s*\+?{NUMBER}([eE][+-]?[0-9]+)?\s*{unit}\s*$") })
}

pub(super) fn rate() -> Json {
    number_with("rps")
}

pub(super) fn percentage() -> Json {
    number_with("%")
}

/// A percentage up to `most` per cent, which is 20 or more.
pub(super) fn percentage_up_to(most: u8) -> Json {
    let below = match (most / 10, most % 10) {
        (10.., _) => "[0-9]{1,2}".to_owned(),
        (tens, 0) => format!("[0-9]|[1-{}][0-9]", tens - 1),
        (tens, ones) => format!("[0-9]|[1-{}][0-9]|{tens}[0-{}]", tens - 1, ones - 1),
    };
    let within = format!(r"^\s*\+?0*(({below})?(\.[0-9]*)?|{most}(\.0*)?)\s*%");
    // With an exponent it is for the reader to judge.
    let mut schema = percentage();
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("anyOf".to_owned(), json!([{ "pattern": within }, { "pattern": "[eE]" }]));
    }
    schema
}

/// Text that is not empty.
pub(super) fn filled() -> Json {
    json!({ "type": "string", "pattern": r"\S" })
}

/// A name as expressions can write it; `optional` lets a `?` stand behind it.
pub(super) fn name(optional: bool) -> Json {
    let mark = if optional { r"\??" } else { "" };
    json!({
        "type": "string",
        "pattern": format!("^[A-Za-z_][A-Za-z0-9_]*{mark}$"),
        "not": { "pattern": format!("^({}){mark}$", RESERVED.join("|")) },
    })
}

/// The type of an input: `string`, `list<int>`, `double?`. A pattern cannot count: that as many brackets close as open
/// is not said.
pub(super) fn type_name() -> Json {
    let names: Vec<&str> = shape::names().collect();
    json!({
        "type": "string",
        "pattern": format!(r"^\s*((list|map)<\s*)*({})(\s*>)*\s*\??\s*$", names.join("|")),
        "examples": names,
    })
}

/// Text with an expression in it.
pub(super) fn template() -> Json {
    json!({ "type": "string", "pattern": r"\$\{", "description": "An expression: `${ … }`." })
}

/// A list, or an expression alone.
pub(super) fn items() -> Json {
    json!({ "anyOf": [{ "type": "array" }, { "type": "string", "pattern": r"^\s*\$\{" }] })
}

/// A bare expression. `true` and `false` are expressions as well.
pub(super) fn condition() -> Json {
    json!({ "type": ["string", "boolean"], "pattern": r"\S", "not": { "type": "string", "pattern": r"^\s*\$\{[\s\S]*\}\s*$" } })
}
