//! What a fuzzer sends becomes a call of an invariant: those that the property tests of the main package hold, too.

#[path = "../../tests/properties/invariants.rs"]
mod invariants;

/// An expression, and in front of it, up to the first zero byte, the JSON that it may look at. Both halves are the
/// fuzzer's.
pub fn expression(input: &[u8]) {
    let (data, text) = match input.iter().position(|byte| *byte == 0) {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (&b"null"[..], input),
    };
    if let Ok(text) = std::str::from_utf8(text) {
        let data = serde_json::from_slice(data).unwrap_or(serde_json::Value::Null);
        invariants::expression(text, &data);
    }
}

/// A rules file.
pub fn rules(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        invariants::rules(text);
    }
}

/// A workflow file.
pub fn workflow(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        invariants::workflow(text);
    }
}

/// A scenario file for the program that ships.
pub fn scenario(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input) {
        invariants::scenario(text);
    }
}

/// An HTTP message that carries events.
pub fn event(input: &[u8]) {
    invariants::event(input);
}
