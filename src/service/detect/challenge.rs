//! Reads `WWW-Authenticate`: which login a server demands, and with what parameters (RFC 9110, section 11.6.1).

/// A login that is demanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    pub scheme: Scheme,
    /// By names in lower case.
    parameters: Vec<(String, String)>,
}

/// The ways to log in that are known here, the better one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scheme {
    Bearer,
    Basic,
}

impl Challenge {
    /// The best of those that are known.
    pub(super) fn best<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Self> {
        headers.flat_map(read).min_by_key(|challenge| challenge.scheme)
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// All challenges of one header that are known here.
fn read(header: &str) -> Vec<Challenge> {
    let mut found: Vec<Option<Challenge>> = Vec::new();
    for part in parts(header) {
        let (before, value) = match part.split_once('=') {
            Some((before, value)) => (before.trim(), Some(value.trim())),
            None => (part.trim(), None),
        };
        // A word before the parameter's name begins another challenge.
        let (scheme, name) = match (before.split_once(char::is_whitespace), value) {
            (Some((scheme, name)), Some(_)) => (Some(scheme), name.trim()),
            (None, Some(_)) => (None, before),
            (_, None) => (Some(before), ""),
        };
        if let Some(scheme) = scheme.filter(|scheme| !scheme.is_empty()) {
            let scheme = match scheme.to_ascii_lowercase().as_str() {
                "bearer" => Some(Scheme::Bearer),
                "basic" => Some(Scheme::Basic),
                _ => None,
            };
            found.push(scheme.map(|scheme| Challenge { scheme, parameters: Vec::new() }));
        }
        if let (Some(Some(challenge)), Some(value)) = (found.last_mut(), value) {
            challenge.parameters.push((name.to_ascii_lowercase(), unquoted(value)));
        }
    }
    found.into_iter().flatten().collect()
}

/// Cut at the commas that stand outside quotes.
fn parts(header: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in header.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                parts.extend(header.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(header.get(start..));
    parts
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else { return value.to_owned() };
    let mut text = String::new();
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => text.extend(characters.next()),
            '"' => break,
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_with_its_parameters() {
        let header =
            r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push""#;
        let challenge = Challenge::best([header].into_iter()).unwrap();
        assert_eq!(challenge.scheme, Scheme::Bearer);
        assert_eq!(challenge.parameter("realm"), Some("https://auth.example/token"));
        assert_eq!(challenge.parameter("scope"), Some("repository:a/b:pull,push"));
        assert_eq!(challenge.parameter("error"), None);
    }

    #[test]
    fn the_best_of_several_is_taken_in_whichever_order_they_come() {
        for headers in [
            &["basic realm=\"a, \\\"b\\\"\", BEARER Realm=x"][..],
            &["Negotiate", "Bearer realm=x", "Basic realm=\"a\""],
            &["Digest realm=\"y\", nonce=\"1\", Bearer realm=x"],
        ] {
            let challenge = Challenge::best(headers.iter().copied()).unwrap();
            assert_eq!((challenge.scheme, challenge.parameter("realm")), (Scheme::Bearer, Some("x")), "{headers:?}");
        }
        let basic = Challenge::best(["Basic realm=\"a, \\\"b\\\"\""].into_iter()).unwrap();
        assert_eq!((basic.scheme, basic.parameter("realm")), (Scheme::Basic, Some("a, \"b\"")));
        assert_eq!(Challenge::best(["Basic"].into_iter()).unwrap().scheme, Scheme::Basic);
    }

    proptest::proptest! {
        #[test]
        fn no_header_is_a_panic(header in "[\\PC\"\\\\,= ]{0,60}") {
            let _ = Challenge::best([header.as_str()].into_iter());
        }
    }

    #[test]
    fn what_is_not_known_is_no_challenge() {
        for header in ["", ",", "Negotiate", "=", "\"", "Digest realm=\"a\""] {
            assert_eq!(Challenge::best([header].into_iter()), None, "{header}");
        }
    }
}
