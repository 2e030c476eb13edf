//! Numbers, text and bytes as they are written become what they stand for.

/// What is wrong with a literal, and at which bytes of it.
pub(super) struct LiteralProblem {
    pub(super) message: String,
    pub(super) help: Option<&'static str>,
    pub(super) at: std::ops::Range<usize>,
}

fn problem(at: std::ops::Range<usize>, message: impl Into<String>) -> LiteralProblem {
    LiteralProblem { message: message.into(), help: None, at }
}

/// A whole number without a suffix. `text` may start with a sign and spaces behind it.
pub(super) fn integer(text: &str) -> Result<i64, LiteralProblem> {
    let (negative, digits) = sign(text);
    let magnitude = match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    let value = magnitude.ok().map(i128::from).map(|value| if negative { -value } else { value });
    value.and_then(|value| i64::try_from(value).ok()).ok_or_else(|| LiteralProblem {
        message: format!("`{text}` is too large for an int"),
        help: Some("an int has 64 bits; behind a larger whole number write `u`, or `.0` for a double"),
        at: 0..text.len(),
    })
}

/// A whole number with the suffix `u`.
pub(super) fn unsigned(text: &str) -> Result<u64, LiteralProblem> {
    let (negative, digits) = sign(text);
    let digits = digits.trim_end_matches(['u', 'U']);
    let value = match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    match value {
        Ok(value) if !negative || value == 0 => Ok(value),
        _ if negative => Err(problem(0..text.len(), "a uint has no sign")),
        _ => Err(problem(0..text.len(), format!("`{text}` is too large for a uint"))),
    }
}

/// A number with a fraction or an exponent.
pub(super) fn double(text: &str) -> Result<f64, LiteralProblem> {
    let (negative, digits) = sign(text);
    match digits.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(if negative { -value } else { value }),
        _ => Err(problem(0..text.len(), format!("`{text}` is too large for a double"))),
    }
}

fn sign(text: &str) -> (bool, &str) {
    match text.strip_prefix('-') {
        Some(digits) => (true, digits.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '.')),
        None => (false, text),
    }
}

/// A quoted text with its prefix `r`, if any.
pub(super) fn string(text: &str) -> Result<String, LiteralProblem> {
    let mut decoded = String::new();
    decode(text, |unit| {
        decoded.push(match unit {
            Unit::Char(c) | Unit::CodePoint(c) => c,
            // In text an octal or hexadecimal escape names a character.
            Unit::Byte(byte) => char::from(byte),
        });
        Ok(())
    })?;
    Ok(decoded)
}

/// A quoted text behind `b`.
pub(super) fn bytes(text: &str) -> Result<Vec<u8>, LiteralProblem> {
    let mut decoded = Vec::new();
    let shift = |problem: LiteralProblem| LiteralProblem { at: problem.at.start + 1..problem.at.end + 1, ..problem };
    decode(text.get(1..).unwrap_or_default(), |unit| {
        match unit {
            Unit::Char(c) => decoded.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Unit::Byte(byte) => decoded.push(byte),
            Unit::CodePoint(_) => return Err("bytes take no escape that names a character".to_owned()),
        }
        Ok(())
    })
    .map_err(shift)?;
    Ok(decoded)
}

enum Unit {
    Char(char),
    /// An escape that names a byte's value.
    Byte(u8),
    /// An escape that names a character by its number.
    CodePoint(char),
}

fn decode(text: &str, mut push: impl FnMut(Unit) -> Result<(), String>) -> Result<(), LiteralProblem> {
    let raw = text.starts_with(['r', 'R']);
    let written = text.get(usize::from(raw)..).unwrap_or_default();
    let quotes =
        if written.len() >= 6 && (written.starts_with("\"\"\"") || written.starts_with("'''")) { 3 } else { 1 };
    let start = usize::from(raw) + quotes;
    let body = text.get(start..text.len().saturating_sub(quotes)).unwrap_or_default();
    let mut offset = 0;
    while let Some(rest) = body.get(offset..).filter(|rest| !rest.is_empty()) {
        let Some(first) = rest.chars().next() else { break };
        let length = match first {
            '\\' if !raw => {
                let decoded = escape(rest).and_then(|(unit, length)| push(unit).map(|()| length));
                decoded.map_err(|message| LiteralProblem {
                    message,
                    help: Some(
                        "write `\\\\` for a backslash, or put `r` before the text to take backslashes as they are",
                    ),
                    at: start + offset..start + offset + escape_length(rest),
                })?
            }
            // A line ends with a line feed, whatever the file was saved with.
            '\r' => {
                push(Unit::Char('\n')).map_err(|message| problem(0..text.len(), message))?;
                if rest.starts_with("\r\n") { 2 } else { 1 }
            }
            _ => {
                push(Unit::Char(first)).map_err(|message| problem(0..text.len(), message))?;
                first.len_utf8()
            }
        };
        offset += length;
    }
    Ok(())
}

/// What to underline of a wrong escape.
fn escape_length(rest: &str) -> usize {
    rest.chars().take(2).map(char::len_utf8).sum()
}

/// The escape that `rest` starts with, and its length in bytes.
fn escape(rest: &str) -> Result<(Unit, usize), String> {
    let Some(kind) = rest.chars().nth(1) else { return Err("a lone backslash".to_owned()) };
    let digits = |count: usize, radix: u32| -> Option<u32> {
        let digits = rest.get(2..2 + count)?;
        digits.chars().all(|c| c.is_digit(radix)).then(|| u32::from_str_radix(digits, radix).ok())?
    };
    let simple = |c: char| Ok((Unit::Char(c), 2));
    match kind {
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\u{b}'),
        '\\' | '?' | '"' | '\'' | '`' => simple(kind),
        'x' | 'X' => digits(2, 16)
            .and_then(|value| u8::try_from(value).ok())
            .map(|byte| (Unit::Byte(byte), 4))
            .ok_or_else(|| format!("`\\{kind}` needs two hexadecimal digits")),
        'u' | 'U' => {
            let count = if kind == 'u' { 4 } else { 8 };
            digits(count, 16)
                .and_then(char::from_u32)
                .map(|c| (Unit::CodePoint(c), 2 + count))
                .ok_or_else(|| format!("`\\{kind}` needs {count} hexadecimal digits that name a character"))
        }
        '0'..='3' => rest
            .get(1..4)
            .filter(|digits| digits.chars().all(|c| c.is_digit(8)))
            .and_then(|digits| u8::from_str_radix(digits, 8).ok())
            .map(|byte| (Unit::Byte(byte), 4))
            .ok_or_else(|| "an octal escape needs three digits, `\\000` to `\\377`".to_owned()),
        _ => Err(format!("`\\{kind}` is not an escape")),
    }
}
