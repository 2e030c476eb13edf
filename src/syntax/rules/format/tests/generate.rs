//! Rules files made at random: what they say, and the text of it with comments and blanks wherever they may stand.

use proptest::prelude::*;

/// A file.
pub(super) type File = Vec<Item>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Event { docs: Vec<String>, name: String, fields: Vec<Field> },
    Rule { docs: Vec<String>, name: String, clauses: Vec<Clause> },
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) docs: Vec<String>,
    pub(super) name: String,
    pub(super) optional: bool,
    pub(super) kind: Type,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    Named(&'static str),
    List(Box<Type>),
    Map(Box<Type>),
    Object(Vec<Field>),
}

/// A clause as its tokens, expressions as theirs.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Clause {
    /// The word, and what follows it.
    Plain(&'static str, Vec<String>),
    When(Vec<String>),
    Call {
        word: &'static str,
        name: String,
        arguments: Vec<(String, Vec<String>)>,
        after: Option<String>,
    },
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a".to_owned()),
        Just("signature".to_owned()),
        Just("r".to_owned()),
        Just("event_of_it".to_owned()),
        Just("a_name_that_is_so_long_that_three_of_it_fill_a_line".to_owned()),
        "[a-z_]{1,3}[0-9]{1,2}",
    ]
}

/// Texts that look like something else.
const TEXTS: [&str; 15] = [
    r#""""#,
    r#""a b""#,
    r#""// no comment""#,
    r#""}""#,
    r#""rule x {""#,
    r#""\"\\""#,
    r#"'it"'"#,
    r#"'"'"#,
    r"'{[('",
    r#"r"\d""#,
    r"R'\'",
    r#"b"\xff""#,
    "'''a\n  run wf()\n}'''",
    "\"\"\"\n// x\n\n\"\"\"",
    r#""größe 日本""#,
];

fn tokens(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn within(open: &str, items: &[Vec<String>], spare: bool, close: &str) -> Vec<String> {
    let mut all = vec![open.to_owned()];
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            all.push(",".to_owned());
        }
        all.extend(item.iter().cloned());
    }
    if spare {
        all.push(",".to_owned());
    }
    all.push(close.to_owned());
    all
}

/// The tokens of an expression.
fn expression() -> impl Strategy<Value = Vec<String>> {
    let number = vec!["0", "1", "42", "2.5", ".5", "1e-5", "2.5E+3", "0x1F", "7u", "true", "null"];
    let leaf = prop_oneof![
        prop::sample::select(number).prop_map(|number| tokens(&[number])),
        prop::sample::select(&TEXTS[..]).prop_map(|text| tokens(&[text])),
        name().prop_map(|name| tokens(&["event", ".", "data", ".", &name])),
        Just(tokens(&["target", ".", "phase"])),
        Just(tokens(&["event", ".", "data", ".", "?", "a"])),
        Just(tokens(&["event", ".", "data", ".", "`//x-y`"])),
        Just(tokens(&["[", "]"])),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let several = prop::collection::vec(inner.clone(), 1..4);
        let infix = vec!["&&", "||", "==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%"];
        let infixes = prop::collection::vec(prop::sample::select(infix), 3);
        prop_oneof![
            (several.clone(), infixes).prop_map(|(operands, infixes)| {
                let mut all = Vec::new();
                for (operand, infix) in operands.into_iter().zip(infixes) {
                    all.extend(within("(", &[operand], false, ")"));
                    all.push(infix.to_owned());
                }
                all.push("x".to_owned());
                all
            }),
            (inner.clone(), prop::sample::select(&["&&", "||", "-", "==", "<"][..]), any::<bool>())
                .prop_map(|(left, infix, not)| [left, tokens(&[infix, if not { "!" } else { "-" }, "x"])].concat()),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(one, two, three)| {
                let of = |inner: Vec<String>| within("(", &[inner], false, ")");
                [of(one), tokens(&["?"]), of(two), tokens(&[":"]), three].concat()
            }),
            inner.clone().prop_map(|inner| [tokens(&["-", "-"]), within("(", &[inner], false, ")")].concat()),
            (several.clone(), any::<bool>()).prop_map(|(items, spare)| within("[", &items, spare, "]")),
            (several, name()).prop_map(|(items, name)| [vec![name], within("(", &items, false, ")")].concat()),
            (inner.clone(), inner.clone(), any::<bool>()).prop_map(|(key, value, optional)| {
                let mark = tokens(if optional { &["?"] } else { &[] });
                let entry = [mark, within("(", &[key], false, ")"), tokens(&[":"]), value].concat();
                within("{", &[entry], optional, "}")
            }),
            (inner.clone(), inner.clone()).prop_map(|(range, body)| {
                let range = within("(", &[range], false, ")");
                [range, tokens(&[".", "exists", "(", "run", ","]), body, tokens(&[")"])].concat()
            }),
            (inner.clone(), inner).prop_map(|(of, key)| {
                [within("(", &[of], false, ")"), tokens(&["[", "?"]), key, tokens(&["]"])].concat()
            }),
        ]
    })
}

fn docs() -> impl Strategy<Value = Vec<String>> {
    let line = vec!["", "What happens.", "  indented", "/ with a slash", "`code` // more"];
    prop::collection::vec(prop::sample::select(line).prop_map(str::to_owned), 0..3)
}

fn fields(depth: usize) -> BoxedStrategy<Vec<Field>> {
    let field = (docs(), name(), any::<bool>(), kind(depth)).prop_map(|(docs, name, optional, kind)| Field {
        docs,
        name,
        optional,
        kind,
    });
    prop::collection::vec(field, 0..4).boxed()
}

fn kind(depth: usize) -> BoxedStrategy<Type> {
    let named = prop::sample::select(&["string", "int", "timestamp", "any"][..]).prop_map(Type::Named);
    if depth == 0 {
        return named.boxed();
    }
    prop_oneof![
        4 => named,
        1 => kind(depth - 1).prop_map(|item| Type::List(Box::new(item))),
        1 => kind(depth - 1).prop_map(|item| Type::Map(Box::new(item))),
        1 => fields(depth - 1).prop_map(Type::Object),
    ]
    .boxed()
}

fn duration() -> impl Strategy<Value = String> {
    prop::sample::select(&["250ms", "1.5s", "90s", "1h30m", "30d"][..]).prop_map(str::to_owned)
}

fn clause() -> impl Strategy<Value = Clause> {
    let event = || prop::sample::select(&["A", "com.example.deployed"][..]).prop_map(str::to_owned);
    let counted = |word: &'static str, joined: &'static str| {
        (1..100_u32, duration())
            .prop_map(move |(count, time)| Clause::Plain(word, vec![count.to_string(), joined.to_owned(), time]))
    };
    let arguments = || prop::collection::vec((name(), expression()), 0..4);
    prop_oneof![
        1 => event().prop_map(|name| Clause::Plain("on", vec![name])),
        1 => (-9..99_i64).prop_map(|number| Clause::Plain("priority", vec![number.to_string()])),
        1 => counted("threshold", "within"),
        1 => counted("throttle", "per"),
        1 => duration().prop_map(|time| Clause::Plain("debounce", vec![time])),
        1 => Just(Clause::Plain("busy", vec!["supersede".to_owned()])),
        3 => expression().prop_map(Clause::When),
        2 => (name(), arguments())
            .prop_map(|(name, arguments)| Clause::Call { word: "run", name, arguments, after: None }),
        2 => (event(), arguments(), prop::option::of(duration()))
            .prop_map(|(name, arguments, after)| Clause::Call { word: "emit", name, arguments, after }),
    ]
}

pub(super) fn file() -> impl Strategy<Value = File> {
    let item = prop_oneof![
        1 => (docs(), name(), fields(2)).prop_map(|(docs, name, fields)| Item::Event { docs, name, fields }),
        2 => (docs(), name(), prop::collection::vec(clause(), 0..5))
            .prop_map(|(docs, name, clauses)| Item::Rule { docs, name, clauses }),
    ];
    prop::collection::vec(item, 0..4)
}

/// What stands between tokens, drawn from bytes: blanks, line ends, comments.
pub(super) struct Spacing<'a> {
    bytes: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    out: String,
    /// Every comment that was written, in order, documentation included.
    pub(super) comments: Vec<String>,
}

impl<'a> Spacing<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes: bytes.iter().cycle(), out: String::new(), comments: Vec::new() }
    }

    fn gap(&mut self) {
        match self.bytes.next().copied().unwrap_or_default() {
            0..=79 => {}
            80..=139 => self.out.push(' '),
            140..=159 => self.out.push_str("\t  "),
            160..=199 => self.out.push('\n'),
            200..=209 => self.out.push_str("\n\n \n"),
            byte => {
                let comment = ["// why", "//x", "//// }", "// \"open (", "// rule x {"][usize::from(byte % 5)];
                self.out.push(if byte % 2 == 0 { '\n' } else { ' ' });
                self.out.push_str(comment);
                self.comments.push(comment.to_owned());
                self.out.push('\n');
            }
        }
    }

    /// A token behind a gap; kept apart from what it would run together with.
    fn token(&mut self, token: &str) {
        self.gap();
        let joins = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '"' | '\'');
        if self.out.ends_with(joins) && token.starts_with(joins) {
            self.out.push(' ');
        }
        self.out.push_str(token);
    }

    fn docs(&mut self, docs: &[String]) {
        for line in docs {
            self.gap();
            let text = if line.is_empty() { "///".to_owned() } else { format!("/// {line}") };
            self.out.push_str(&text);
            self.out.push('\n');
            self.comments.push(text);
        }
    }

    fn fields(&mut self, fields: &[Field], spare: bool) {
        self.token("{");
        for (at, field) in fields.iter().enumerate() {
            self.docs(&field.docs);
            self.token(&field.name);
            if field.optional {
                self.token("?");
            }
            self.token(":");
            self.kind(&field.kind);
            if spare || at + 1 < fields.len() {
                self.token(",");
            }
        }
        self.token("}");
    }

    fn kind(&mut self, kind: &Type) {
        match kind {
            Type::Named(name) => self.token(name),
            Type::List(item) | Type::Map(item) => {
                self.token(if matches!(kind, Type::List(_)) { "list" } else { "map" });
                // It is known by its bracket, on the same line.
                self.out.push('<');
                self.kind(item);
                self.token(">");
            }
            Type::Object(fields) => self.fields(fields, false),
        }
    }

    fn call(&mut self, name: &str, arguments: &[(String, Vec<String>)], spare: bool) {
        self.token(name);
        self.token("(");
        for (at, (name, value)) in arguments.iter().enumerate() {
            self.token(name);
            self.token(":");
            value.iter().for_each(|token| self.token(token));
            if at + 1 < arguments.len() || spare {
                self.token(",");
            }
        }
        self.token(")");
    }

    /// The text of a file.
    pub(super) fn text(&mut self, file: &File) -> String {
        for (at, item) in file.iter().enumerate() {
            match item {
                Item::Event { docs, name, fields } => {
                    self.docs(docs);
                    self.token("event");
                    self.out.push(' ');
                    self.out.push_str(name);
                    self.fields(fields, at % 2 == 0);
                }
                Item::Rule { docs, name, clauses } => {
                    self.docs(docs);
                    self.token("rule");
                    self.out.push(' ');
                    self.out.push_str(name);
                    self.token("{");
                    for clause in clauses {
                        self.clause(clause, at % 2 == 1);
                    }
                    self.token("}");
                }
            }
            self.out.push('\n');
        }
        self.gap();
        std::mem::take(&mut self.out)
    }

    fn clause(&mut self, clause: &Clause, spare: bool) {
        self.out.push('\n');
        match clause {
            Clause::Plain(word, rest) => {
                self.token(word);
                rest.iter().for_each(|token| self.token(token));
            }
            Clause::When(tokens) => {
                self.token("when");
                tokens.iter().for_each(|token| self.token(token));
            }
            Clause::Call { word, name, arguments, after } => {
                self.token(word);
                self.call(name, arguments, spare && !arguments.is_empty());
                if let Some(after) = after {
                    self.token("after");
                    self.token(after);
                }
            }
        }
        self.out.push('\n');
    }
}
