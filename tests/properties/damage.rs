//! Right texts become damaged ones: tokens and bytes are deleted, doubled, swapped and put in.

use proptest::prelude::*;
use proptest::sample::Index;

/// One slip of the pen or of the disk. Places suit a text of any length.
#[derive(Clone, Debug)]
pub(super) enum Damage {
    /// So many tokens from the place on are gone.
    Delete { at: Index, tokens: usize },
    /// So many tokens from the place on stand twice.
    Double { at: Index, tokens: usize },
    /// Two tokens have changed places.
    Swap { at: Index, with: Index },
    /// A piece was put between two tokens.
    Insert { at: Index, piece: String },
    /// A byte was put in, taken out or turned into another; what is no UTF-8 then is mended.
    Byte { at: Index, byte: Option<u8> },
    /// Everything behind the place is gone.
    Cut { at: Index },
    /// A line is indented by this much more or less.
    Indent { at: Index, by: isize },
}

/// Pieces that mean something in one of the languages.
const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "${",
    "$${",
    "<",
    ">",
    ",",
    ":",
    ": ",
    "?",
    ".",
    ".?",
    "|",
    ">-",
    "|+",
    "&a ",
    "*a ",
    "!",
    "!!str ",
    "- ",
    "# ",
    "//",
    "///",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "\\",
    "\\u00e9",
    "r'",
    "b\"",
    "`",
    "\t",
    "\r",
    "\r\n",
    "\n",
    "\n\n",
    "  ",
    "\u{feff}",
    "\u{0}",
    "\u{1b}[31m",
    "é",
    "\u{202e}",
    "😀",
    "---\n",
    "...\n",
    "%YAML",
    "<<: ",
    "rule x {",
    "event A {",
    "on A",
    "when ",
    "run w()",
    "emit A()",
    "after 3m",
    "threshold 3 within 1m",
    "busy drop",
    "priority -1",
    "list<",
    "map<",
    "steps",
    "if: ",
    "needs: [",
    "with: {",
    "uses: ",
    "for_each: ",
    "undo: previous",
    "retry: {",
    "1",
    "-9223372036854775808",
    "9223372036854775808",
    "0x1f",
    "01",
    "1e999",
    "1.5",
    "30m",
    "10 weeks",
    "true",
    "null",
    "~",
    "in",
    "&&",
    "||",
    "==",
    "-",
    "all(x, ",
    "cel.bind(x, ",
    "optional.of(",
    "steps.",
    "inputs.",
    "item",
    "target",
    "event.data",
    "now",
];

/// Anything that may happen to a text at one place.
pub(super) fn any_damage() -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    let piece = prop_oneof![
        6 => prop::sample::select(PIECES).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => (prop::sample::select(PIECES), 2..200_usize).prop_map(|(piece, times)| piece.repeat(times)),
    ];
    prop_oneof![
        (at(), 1..8_usize).prop_map(|(at, tokens)| Damage::Delete { at, tokens }),
        (at(), 1..8_usize).prop_map(|(at, tokens)| Damage::Double { at, tokens }),
        (at(), at()).prop_map(|(at, with)| Damage::Swap { at, with }),
        (at(), piece).prop_map(|(at, piece)| Damage::Insert { at, piece }),
        (at(), any::<Option<u8>>()).prop_map(|(at, byte)| Damage::Byte { at, byte }),
        at().prop_map(|at| Damage::Cut { at }),
        (at(), -4..4_isize).prop_map(|(at, by)| Damage::Indent { at, by }),
    ]
}

/// The text with the damage done to it.
pub(super) fn damaged(text: &str, damage: &Damage) -> String {
    let mut tokens = tokens(text);
    let count = tokens.len();
    match damage {
        _ if count == 0 => {}
        Damage::Delete { at, tokens: many } => {
            let at = at.index(count);
            tokens.drain(at..(at + many).min(count));
        }
        Damage::Double { at, tokens: many } => {
            let at = at.index(count);
            let again = tokens[at..(at + many).min(count)].to_vec();
            tokens.splice(at..at, again);
        }
        Damage::Swap { at, with } => tokens.swap(at.index(count), with.index(count)),
        Damage::Insert { at, piece } => tokens.insert(at.index(count), piece),
        Damage::Byte { at, byte } => {
            let mut bytes = text.as_bytes().to_vec();
            let at = at.index(bytes.len());
            match byte {
                None => drop(bytes.remove(at)),
                Some(byte) if byte % 2 == 0 => bytes.insert(at, *byte),
                Some(byte) => bytes[at] = *byte,
            }
            return String::from_utf8_lossy(&bytes).into_owned();
        }
        Damage::Cut { at } => tokens.truncate(at.index(count)),
        Damage::Indent { at, by } => {
            let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
            let at = at.index(lines.len());
            let line = &lines[at];
            let blanks = line.len() - line.trim_start_matches(' ').len();
            lines[at] = " ".repeat(blanks.saturating_add_signed(*by)) + line.trim_start_matches(' ');
            return lines.join("\n");
        }
    }
    tokens.concat()
}

/// Words, runs of blanks, and everything else by the character.
fn tokens(text: &str) -> Vec<&str> {
    let kind = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' => 1,
        ' ' => 2,
        _ => 0,
    };
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let same = |c: char| kind(first) != 0 && kind(c) == kind(first);
        let length = rest.find(|c| !same(c)).unwrap_or(rest.len()).max(first.len_utf8());
        let (token, after) = rest.split_at(length);
        found.push(token);
        rest = after;
    }
    found
}

#[test]
fn tokens_leave_nothing_out() {
    let text = "rule a_1 {\n  when x == \"é\" }";
    assert_eq!(tokens(text).concat(), text);
    assert_eq!(tokens("a_1  ==b"), ["a_1", "  ", "=", "=", "b"]);
}
