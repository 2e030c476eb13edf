//! Texts and data that mean harm: refused or stopped, never a panic, never out of stack.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{compile, declared, fragment};
use crate::diagnostic::Code;
use crate::expression::{Bindings, TypeEnv, compile_unchecked, limits, parse};
use crate::model::schema::Shape;

/// Less than half of what a thread of the engine has.
const SMALL_STACK: usize = 896 * 1024;

/// Parses, checks, compiles and evaluates on a small stack; the codes of what is wrong, or `None`.
fn outcome(text: String) -> Option<Vec<Code>> {
    let work = move || {
        let env = TypeEnv::new().with("a", Shape::Any);
        match compile(&fragment(&text), &env) {
            Ok(program) => {
                let value = json!({ "a": 1 });
                let _ = program.evaluate(&Bindings::new().with("a", &value));
                let _ = program.references("a");
                None
            }
            Err(problems) => Some(problems.iter().map(|problem| problem.code).collect()),
        }
    };
    std::thread::Builder::new().stack_size(SMALL_STACK).spawn(work).unwrap().join().unwrap()
}

#[test]
fn what_nests_too_deeply_is_refused() {
    let n = 100_000;
    for text in [
        "(".repeat(n),
        "[".repeat(n),
        "{".repeat(n),
        "a(".repeat(n),
        "a[".repeat(20_000),
        format!("{}1{}", "(".repeat(20_000), ")".repeat(20_000)),
        "!".repeat(60_000) + "a",
        "-".repeat(60_000) + "a",
        format!("a{}", ".a".repeat(30_000)),
        format!("a{}", "[0]".repeat(20_000)),
        format!("a{}", ".a()".repeat(15_000)),
        format!("1{}", "+1".repeat(30_000)),
        format!("1{}", "==1".repeat(20_000)),
        format!("a{}", "?a:a".repeat(15_000)),
        format!("'{}'", "x".repeat(n)),
    ] {
        let start: String = text.chars().take(12).collect();
        assert_eq!(outcome(text), Some(vec![Code::ExpressionTooDeep]), "{start}…");
    }
}

#[test]
fn what_is_just_within_the_limits_runs_on_a_small_stack() {
    let brackets = limits::MAX_BRACKETS;
    let deep = limits::MAX_DEPTH - 2;
    for text in [
        format!("{}1{}", "(".repeat(brackets), ")".repeat(brackets)),
        format!("{}1{}", "[".repeat(brackets), "]".repeat(brackets)),
        format!("{}1{}", "{1:".repeat(brackets), "}".repeat(brackets)),
        format!("{}1{}", "dyn(".repeat(brackets), ")".repeat(brackets)),
        format!("{}a{}", "[1].map(x,".repeat(brackets), ")".repeat(brackets)),
        format!("{}a{}", "a||(true?!dyn(".repeat(brackets / 2), ")==a:a)".repeat(brackets / 2)),
        "!".repeat(deep) + "dyn(a)",
        "-".repeat(deep) + "dyn(a)",
        format!("dyn(a){}", ".a".repeat(deep)),
        format!("a{}", "[a]".repeat(deep)),
        format!("a{}", "+a".repeat(deep)),
        format!("a{}", "?a:a".repeat(deep)),
    ] {
        let start: String = text.chars().take(12).collect();
        assert_eq!(outcome(text), None, "{start}…");
    }
    // `&&` and `||` are as long as they like.
    assert_eq!(outcome(format!("a{}", "||a".repeat(15_000))), None);
}

#[test]
fn deep_data_needs_no_deep_stack() {
    fn nested(depth: usize) -> Json {
        let around = |inner, level| match level % 2 {
            0 => Json::Array(vec![inner]),
            _ => Json::Object([("a".to_owned(), inner)].into_iter().collect()),
        };
        (0..depth).fold(json!(1), around)
    }
    let work = || {
        let (one, other) = (nested(100_000), nested(100_000));
        let evaluate = |text: &str| {
            let env = TypeEnv::new().with("one", Shape::Any).with("other", Shape::Any);
            let program = compile(&fragment(text), &env).unwrap();
            let bindings = Bindings::new().with("one", &one).with("other", &other);
            program.evaluate_bool(&bindings).map_err(|error| error.message)
        };
        // Whoever made the data has the stack to drop it; who evaluates has not.
        let small = std::thread::Builder::new().stack_size(SMALL_STACK);
        std::thread::scope(|scope| {
            let evaluated = small.spawn_scoped(scope, || {
                for (text, holds) in [
                    ("one == other", true),
                    ("one != {'a': other}", true),
                    ("one in [1, other]", true),
                    ("[one, other].distinct().size() == 1", true),
                    ("[one].flatten(1000000).size() == 1", true),
                    ("{'k': one}.k.a[0].a == other.a[0].a", true),
                    ("[one].exists(x, x == other) && [one].map(x, [x])[0][0] == other", true),
                ] {
                    assert_eq!(evaluate(text), Ok(holds), "{text}");
                }
                let error = evaluate("'%s'.format([one]) == ''").unwrap_err();
                assert_eq!(error, "error during formatting: more than 100 lists and maps within each other");
            });
            evaluated.unwrap().join().unwrap();
        });
    };
    std::thread::Builder::new().stack_size(256 << 20).spawn(work).unwrap().join().unwrap();
}

#[test]
fn what_costs_too_much_is_stopped() {
    let list = "[1,2,3,4,5,6,7,8,9,10]";
    let nested = |depth: usize| {
        let open = (0..depth).map(|level| format!("{list}.map(x{level}, ")).collect::<Vec<_>>().concat();
        format!("{open}1{}", ")".repeat(depth))
    };
    let turn = |level: usize| format!("cel.bind(x{}, x{level} + x{level}, ", level + 1);
    let doubled = (0..40).map(turn).collect::<Vec<_>>().concat();
    for text in [
        nested(8),
        "lists.range(1000000000).map(x, x)".to_owned(),
        format!("cel.bind(x0, dyn('aaaaaaaaaaaaaaaa'), {doubled}size(x40){})", ")".repeat(40)),
        format!("cel.bind(x0, dyn([1,2,3,4]), {doubled}size(x40){})", ")".repeat(40)),
        // An error that `||` would swallow.
        format!("{}.size() == 0 || true", nested(8)),
    ] {
        let start: String = text.chars().take(40).collect();
        let program = compile_unchecked(&fragment(&text), &TypeEnv::new()).unwrap();
        let error = program.evaluate(&Bindings::new()).expect_err(&start);
        assert!(error.message.starts_with("the expression costs too much"), "{start}: {error}");
    }
    // What lies deep within is paid for, too.
    let rows: Vec<Vec<u32>> = vec![(0..1_000).collect(); 1_000];
    let (one, other) = (json!(rows), json!(rows));
    let env = TypeEnv::new().with("one", Shape::Any).with("other", Shape::Any);
    let program = compile(&fragment("[1, 2, 3].all(n, one == other)"), &env).unwrap();
    let error = program.evaluate(&Bindings::new().with("one", &one).with("other", &other)).unwrap_err();
    assert!(error.message.starts_with("the expression costs too much"), "{error}");
    let large = "'a'.matches('((a{1,100}){1,100}){1,100}')";
    assert!(compile(&fragment(large), &TypeEnv::new()).is_err());
}

/// Pieces that make texts which are nearly expressions.
const PIECES: &[&str] = &[
    "event",
    ".",
    "data",
    "p99_ms",
    "tags",
    "target",
    "signature",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    "?",
    ":",
    "==",
    "!=",
    "<",
    ">=",
    "in",
    "&&",
    "||",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "1",
    "2u",
    "0.5",
    "'a'",
    "\"b\"",
    "b'c'",
    "r'\\d'",
    "true",
    "null",
    "has(",
    ".all(x,",
    ".map(x,",
    ".exists_one(i, v,",
    ".optMap(x,",
    "cel.bind(x,",
    "size(",
    "dyn(",
    "duration('1s')",
    "timestamp(0)",
    ".?",
    "[?",
    ".or(",
    ".orValue(",
    "optional.none()",
    ".format([",
    "math.least(",
    "`a-b`",
    " ",
    "\n",
    "// c\n",
    "'",
    "\\",
    "é",
    "x",
    ".transformMap(k, v,",
    ".sort()",
    ".split(''",
    "ip('::1')",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        let _ = parse(&fragment(&text));
    }

    #[test]
    fn any_text_of_the_language_is_refused_or_runs(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..24)) {
        let text = pieces.concat();
        let data = super::data();
        let bindings = data.iter().fold(Bindings::new(), |bindings, (name, value)| bindings.with(name, value));
        if let Ok(program) = compile(&fragment(&text), &declared()) {
            let result = program.evaluate(&bindings);
            // Nothing is left to chance.
            prop_assert_eq!(program.evaluate(&bindings), result);
        }
        if let Ok(program) = compile_unchecked(&fragment(&text), &declared()) {
            let _ = program.evaluate(&bindings);
        }
        for problem in compile(&fragment(&text), &declared()).err().iter().flat_map(crate::diagnostic::Diagnostics::iter) {
            let range = problem.primary.span.range();
            prop_assert!(range.end <= text.len(), "{problem:?}");
            prop_assert!(!problem.message.is_empty() && !problem.message.contains("Rule"));
        }
    }

    #[test]
    fn durations_and_times_read_back_what_they_write(nanos in any::<i64>(), seconds in -62_135_596_800_i64..253_402_300_799, fraction in 0_u32..1_000_000_000) {
        let duration = crate::expression::value::Duration::from_nanoseconds(nanos);
        prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        let moment = crate::expression::value::Timestamp::new(seconds, fraction).unwrap();
        prop_assert_eq!(moment.to_string().parse(), Ok(moment));
    }
}
