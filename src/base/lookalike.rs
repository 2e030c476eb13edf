//! Characters that look like one of the languages' and are another: typographic quotes and blanks, letters of other scripts.

/// Cyrillic and Greek letters that look like Latin ones in most typefaces, with those, from
/// <https://www.unicode.org/Public/security/latest/confusables.txt>.
const LETTERS: &[(char, char)] = &[
    ('\u{430}', 'a'),
    ('\u{410}', 'A'),
    ('\u{412}', 'B'),
    ('\u{435}', 'e'),
    ('\u{415}', 'E'),
    ('\u{501}', 'd'),
    ('\u{4bb}', 'h'),
    ('\u{41d}', 'H'),
    ('\u{456}', 'i'),
    ('\u{406}', 'I'),
    ('\u{458}', 'j'),
    ('\u{408}', 'J'),
    ('\u{41a}', 'K'),
    ('\u{41c}', 'M'),
    ('\u{43e}', 'o'),
    ('\u{41e}', 'O'),
    ('\u{440}', 'p'),
    ('\u{420}', 'P'),
    ('\u{441}', 'c'),
    ('\u{421}', 'C'),
    ('\u{455}', 's'),
    ('\u{405}', 'S'),
    ('\u{422}', 'T'),
    ('\u{443}', 'y'),
    ('\u{425}', 'X'),
    ('\u{445}', 'x'),
    ('\u{475}', 'v'),
    ('\u{51b}', 'q'),
    ('\u{51d}', 'w'),
    ('\u{391}', 'A'),
    ('\u{392}', 'B'),
    ('\u{395}', 'E'),
    ('\u{396}', 'Z'),
    ('\u{397}', 'H'),
    ('\u{399}', 'I'),
    ('\u{39a}', 'K'),
    ('\u{39c}', 'M'),
    ('\u{39d}', 'N'),
    ('\u{39f}', 'O'),
    ('\u{3bf}', 'o'),
    ('\u{3a1}', 'P'),
    ('\u{3a4}', 'T'),
    ('\u{3a5}', 'Y'),
    ('\u{3a7}', 'X'),
    ('\u{3bd}', 'v'),
];

/// What the character is and what to write; `None` for one that looks like nothing else.
pub fn character(c: char) -> Option<(String, String)> {
    let code = u32::from(c);
    if let Some(latin) = latin(c) {
        let message = format!("`{c}` (U+{code:04X}) only looks like `{latin}`");
        return Some((message, format!("write the Latin letter `{latin}`")));
    }
    let help = match c {
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{ab}' | '\u{bb}' => "write the plain quote `\"`",
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{b4}' => "write the plain quote `'`",
        '\u{2260}' => "write `!=`",
        '\u{2264}' => "write `<=`",
        '\u{2265}' => "write `>=`",
        '\u{2010}'..='\u{2015}' | '\u{2212}' => "write the plain minus `-`",
        '\u{d7}' | '\u{22c5}' => "write `*`",
        '\u{f7}' => "write `/`",
        '\u{a0}' | '\u{2007}' | '\u{202f}' => "replace it with a plain blank",
        '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => "delete it",
        _ => return None,
    };
    let message = match c {
        '\u{a0}' | '\u{2007}' | '\u{202f}' => format!("a non-breaking space (U+{code:04X}) stands here"),
        '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => {
            format!("an invisible character (U+{code:04X}) stands here")
        }
        _ => format!("`{c}` (U+{code:04X}) is not of the language"),
    };
    Some((message, help.to_owned()))
}

/// The Latin letter that a letter of another script looks like.
fn latin(c: char) -> Option<char> {
    LETTERS.iter().find(|(letter, _)| *letter == c).map(|(_, latin)| *latin)
}

/// The first such letter in a name: where it is, and what it looks like.
pub fn letter_in(name: &str) -> Option<(usize, char, char)> {
    name.char_indices().find_map(|(at, c)| Some((at, c, latin(c)?)))
}

/// What to add to a suggestion that looks like the name itself; empty for a name without such a letter.
pub fn aside(name: &str) -> String {
    letter_in(name).map_or_else(String::new, |(_, letter, latin)| {
        format!(" The `{letter}` (U+{:04X}) only looks like `{latin}`", u32::from(letter))
    })
}

/// The name that a name with such letters was meant to be; `None` where it has none, or is no name even so.
pub fn latinised(name: &str) -> Option<String> {
    letter_in(name)?;
    let meant: String = name.chars().map(|c| latin(c).unwrap_or(c)).collect();
    meant.chars().all(|c| c.is_ascii_alphanumeric() || c == '_').then_some(meant)
}

#[cfg(test)]
mod tests {
    use super::{character, latinised, letter_in};

    #[test]
    fn letters_of_other_scripts_are_named() {
        assert_eq!(letter_in("wh\u{435}n"), Some((2, '\u{435}', 'e')));
        assert_eq!(letter_in("when"), None);
        assert_eq!(latinised("wh\u{435}n").as_deref(), Some("when"));
        assert_eq!(latinised("wh\u{435}n it"), None);
        assert_eq!(letter_in("\u{17e}"), None);
        let (message, help) = character('\u{435}').unwrap_or_default();
        assert!(message.contains("U+0435") && message.contains("`e`"), "{message}");
        assert_eq!(help, "write the Latin letter `e`");
        assert_eq!(character('e'), None);
    }
}
