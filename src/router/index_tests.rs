//! The index against asking every rule, and what it spares.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::affixes::Affixes;
use super::ranges::Ranges;
use super::test::{Bound, Figure, is_same};
use super::tests::{event, router, rule};
use super::{Match, Router, is_indexed};
use crate::base::clock::Timestamp;
use crate::base::fragment::Fragment;
use crate::base::source::SourceId;
use crate::expression::{self, Bindings, TypeEnv};
use crate::ir;
use crate::model::event::Event;
use crate::model::schema::Shape;

const BIG: [&str; 6] = [
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "-9007199254740993",
    "9223372036854775807",
    "9007199254740992.0",
];

fn constant() -> impl Strategy<Value = String> {
    let numbers = ["0", "1", "2", "-1", "0.0", "-0.0", "1.0", "1.5", "2u", "1e300", "18446744073709551615u"];
    let texts = ["''", "'a'", "'ab'", "'abc'", "'b'", "'ba'", "'é'", "'1'"];
    let others = ["true", "false", "null"];
    prop_oneof![
        4 => prop::sample::select(numbers.to_vec()),
        2 => prop::sample::select(BIG.to_vec()),
        5 => prop::sample::select(texts.to_vec()),
        2 => prop::sample::select(others.to_vec()),
    ]
    .prop_map(str::to_owned)
}

fn path() -> impl Strategy<Value = String> {
    let paths = [
        "event.data.a",
        "event.data.a",
        "event.data.b",
        "event.data.m.x",
        "event.data.m.y",
        "event.data.m",
        "event.subject",
        "event.priority",
        "event.during_test",
        "event.source",
        "event.nothing",
        "target.phase",
        "target.rate",
        "event.data",
    ];
    prop::sample::select(paths.to_vec()).prop_map(str::to_owned)
}

fn relation() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["==", "==", "==", "!=", "<", "<=", ">", ">="])
}

fn part() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "a", "ab", "b", "ba", "abc", "é"])
}

fn atom() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (path(), relation(), constant()).prop_map(|(path, sign, constant)| format!("{path} {sign} {constant}")),
        1 => (path(), relation(), constant()).prop_map(|(path, sign, constant)| format!("{constant} {sign} {path}")),
        2 => (path(), constant(), relation(), constant(), relation()).prop_map(|(path, one, sign, other, second)| {
            format!("{path} {sign} {one} && {path} {second} {other}")
        }),
        2 => (path(), prop::collection::vec(constant(), 0..4))
            .prop_map(|(path, list)| format!("{path} in [{}]", list.join(", "))),
        2 => (path(), prop::sample::select(vec!["startsWith", "endsWith", "contains", "matches"]), part())
            .prop_map(|(path, function, part)| format!("{path}.{function}('{part}')")),
        2 => prop::sample::select(vec!["has(event.data.a)", "has(event.data.m)", "has(event.data.m.x)", "has(target.rate)"])
            .prop_map(str::to_owned),
        2 => path(),
        2 => (prop::sample::select(vec!["a", "b"]), constant(), relation(), constant()).prop_map(
            |(name, default, sign, constant)| format!("event.data.?{name}.orValue({default}) {sign} {constant}")
        ),
        1 => prop::sample::select(vec![
            "event.data.?a.orValue(true)",
            "event.data.m.?x.orValue('ab').startsWith('a')",
            "event.data.a == event.data.b",
            "event.data.a < event.data.b",
            "size(event.data.a) > 1",
            "event.data.a > 0.0 / 0.0",
            "event.data.a == 0.0 / 0.0",
            "!(event.data.a < 0.0 / 0.0)",
            "event.data.a + 1 > 2",
            "['a', 'b'].exists(it, it == event.data.a)",
            "event['data'].a == 1",
            "event == {'a': 1}",
            "size(event) == 8 && event.map(key, key)[0] == 'data'",
            "string(event.data.m.x) + event.type + event.time + string(event.priority) == 'aE1970-01-01T00:00:00.000Z5'",
            "target.labels.team == 'ops'",
            "true",
            "false",
        ])
        .prop_map(str::to_owned),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    atom().prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 2..4).prop_map(|list| format!("({})", list.join(" && "))),
            3 => prop::collection::vec(inner.clone(), 2..4).prop_map(|list| format!("({})", list.join(" || "))),
            1 => inner.clone().prop_map(|inner| format!("!({inner})")),
            1 => (inner.clone(), inner.clone(), inner)
                .prop_map(|(condition, then, otherwise)| format!("({condition} ? {then} : {otherwise})")),
        ]
    })
}

fn value() -> impl Strategy<Value = Json> {
    let numbers = vec![
        json!(0),
        json!(1),
        json!(2),
        json!(-1),
        json!(0.0),
        json!(-0.0),
        json!(1.0),
        json!(1.5),
        json!(1e300),
        json!(9_007_199_254_740_991_i64),
        json!(9_007_199_254_740_992_i64),
        json!(9_007_199_254_740_993_i64),
        json!(-9_007_199_254_740_993_i64),
        json!(9_007_199_254_740_992.0),
        json!(i64::MAX),
        json!(u64::MAX),
    ];
    let texts = ["", "a", "ab", "abc", "abcd", "b", "ba", "cba", "é", "aé", "1"];
    let others = vec![json!(null), json!(true), json!(false), json!([]), json!(["a", 1]), json!({}), json!({ "x": 1 })];
    prop_oneof![
        5 => prop::sample::select(numbers),
        5 => prop::sample::select(texts.to_vec()).prop_map(Json::from),
        3 => prop::sample::select(others),
    ]
}

fn data() -> impl Strategy<Value = Json> {
    let field = || prop::option::weighted(0.8, value());
    let map = prop_oneof![
        3 => (field(), field()).prop_map(|(x, y)| Some(fields([("x", x), ("y", y)]))),
        1 => field(),
    ];
    let object = (field(), field(), map).prop_map(|(a, b, m)| fields([("a", a), ("b", b), ("m", m)]));
    prop_oneof![9 => object, 1 => value()]
}

fn fields<const N: usize>(fields: [(&str, Option<Json>); N]) -> Json {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn compiled(text: &str) -> Option<expression::Program> {
    let env = ["event", "target", "now"].iter().fold(TypeEnv::new(), |env, name| env.with(name, Shape::Any));
    expression::compile(&Fragment::verbatim(SourceId(0), 0, text), &env).ok()
}

/// A rule for each condition that is one.
fn rules(conditions: &[String]) -> Vec<ir::Rule> {
    let compiled = conditions.iter().filter_map(|text| compiled(text));
    (0..)
        .zip(compiled)
        .map(|(at, when): (u32, _)| ir::Rule { when: Some(when), ..rule(&at.to_string(), "E", None) })
        .collect()
}

/// What each rule makes of the event as JSON, without an index.
fn asked_one_by_one(router: &Router, event: &Event, target: Option<&Json>) -> Vec<(String, Match)> {
    let (seen, now) = (event.view(), Json::String(Timestamp(0).to_string()));
    let bindings = Bindings::new().with("event", &seen).with("now", &now);
    let bindings = target.into_iter().fold(bindings, |bindings, target| bindings.with("target", target));
    let rules = router.program().rules.iter();
    let answers = rules.map(|rule| {
        let when = rule.when.as_ref().unwrap();
        let result = match when.evaluate_bool(&bindings) {
            _ if target.is_none() && !when.references("target").is_empty() => Match::NoTarget,
            Ok(true) => Match::Matched,
            Ok(false) => Match::NoMatch,
            Err(error) => Match::Error(error),
        };
        (rule.name.to_string(), result)
    });
    answers.collect()
}

fn told(routed: Vec<super::Routed<'_>>) -> Vec<(String, Match)> {
    routed.into_iter().map(|routed| (routed.rule.name.to_string(), routed.result)).collect()
}

proptest! {
    #[test]
    fn the_index_gives_what_asking_every_rule_gives(
        conditions in prop::collection::vec(condition(), 1..40),
        events in prop::collection::vec((data(), any::<bool>(), any::<bool>(), value()), 1..6),
    ) {
        let router = router(rules(&conditions));
        for (data, has_subject, during_test, phase) in events {
            let subject = has_subject.then(|| "ab".into());
            let event = Event { subject, data, during_test, ..event("E") };
            let target = json!({ "phase": phase, "labels": { "team": "ops" } });
            for target in [Some(&target), None] {
                let expected = asked_one_by_one(&router, &event, target);
                prop_assert_eq!(told(router.route_all(&event, target, Timestamp(0))), expected.clone(), "{}", event.data);
                let spoken = |result: &Match| matches!(result, Match::Matched | Match::Error(_));
                let expected: Vec<_> = expected.into_iter().filter(|(_, result)| spoken(result)).collect();
                prop_assert_eq!(told(router.route(&event, target, Timestamp(0))), expected, "{}", event.data);
            }
        }
    }

    #[test]
    fn a_number_is_in_the_ranges_it_is_in(
        ends in prop::collection::vec((any::<(bool, bool)>(), -9_i32..9, any::<(bool, bool)>(), -9_i32..9), 0..60),
        number in -20_i32..20,
    ) {
        // Every other number lies between two bounds.
        let number = f64::from(number) / 2.0;
        let bound = |(open, excluded): (bool, bool), value: i32| {
            if open { Bound::Open } else { Bound::at(f64::from(value), excluded) }
        };
        let ranges: Vec<(Bound, Bound, u32)> =
            (0..).zip(&ends).map(|(rule, (a, low, b, high))| (bound(*a, *low), bound(*b, *high), rule)).collect();
        let within = |low: Bound, high: Bound| {
            let above = match low {
                Bound::Open => true,
                Bound::At { value, excluded } => number > value || !excluded && is_same(number, value),
            };
            above && match high {
                Bound::Open => true,
                Bound::At { value, excluded } => number < value || !excluded && is_same(number, value),
            }
        };
        let expected: Vec<u32> =
            ranges.iter().filter(|(low, high, _)| within(*low, *high)).map(|(_, _, rule)| *rule).collect();
        let mut woken = Vec::new();
        Ranges::new(&ranges).wake(Figure { value: number, exact: true }, &mut woken);
        woken.sort_unstable();
        prop_assert_eq!(woken, expected);
    }

    #[test]
    fn a_text_has_the_prefixes_and_suffixes_it_has(affixes in prop::collection::vec("[abé]{0,5}", 0..60), text in "[abé]{0,8}") {
        let numbered: Vec<(String, u32)> = affixes.iter().cloned().zip(0..).collect();
        for from_end in [false, true] {
            let has = |affix: &str| if from_end { text.ends_with(affix) } else { text.starts_with(affix) };
            let expected: Vec<u32> = numbered.iter().filter(|(affix, _)| has(affix)).map(|(_, rule)| *rule).collect();
            let mut woken = Vec::new();
            Affixes::new(numbered.clone(), from_end).wake(&text, &mut woken);
            woken.sort_unstable();
            prop_assert_eq!(woken, expected);
        }
    }
}

/// The rules that are asked about the event.
fn woken(router: &Router, event: &Event) -> Vec<u32> {
    let mut woken = Vec::new();
    router.by_type["E"].index.wake(event, Some(&json!({ "phase": "stable" })), &mut woken);
    woken
}

#[test]
fn of_many_rules_only_those_are_asked_that_may_match() {
    let families: [fn(u32) -> String; 7] = [
        |at| format!("event.data.a == 'service-{at}'"),
        |at| format!("event.data.a in ['service-{at}', 'other-{at}'] && event.data.n > 1"),
        |at| format!("event.data.kind == 'same' && event.data.a.startsWith('service-{at}-')"),
        |at| format!("event.data.a.endsWith('-{at}/end') && !event.during_test"),
        |at| {
            format!(
                "event.data.n >= {at} && event.data.n < {at} + 1 || event.data.n > {at} && event.data.n < {}",
                at + 1
            )
        },
        |at| format!("event.data.kind == 'same' && event.data.n > {at}.2 && {at}.4 > event.data.n"),
        |at| {
            format!(
                "has(event.data.a) && (event.data.a == 'service-{at}' || event.data.a == 'both') && event.data.n != 1"
            )
        },
    ];
    let told: Vec<String> = families
        .iter()
        .map(|family| {
            let conditions: Vec<String> = (0..300).map(family).collect();
            let router = router(rules(&conditions));
            let asked = |data: Json| woken(&router, &Event { data, ..event("E") }).len();
            let exact = asked(json!({ "a": "service-77", "kind": "same", "n": 77.3 }));
            let affix = asked(json!({ "a": "service-77-5/end", "kind": "same", "n": 3.5 }));
            let none = asked(json!({ "a": "nobody", "kind": "other", "n": -5 }));
            let missing = asked(json!({ "kind": "same", "n": 7 }));
            format!("{}: {exact} {affix} {none} {missing}", family(77))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_cannot_be_looked_for_is_said() {
    let conditions = [
        "event.data.a == 1",
        "event.data.a == event.data.b",
        "event.data.a != 1",
        "!(event.data.a == 'x')",
        "!(event.data.a != 'x')",
        "event.data.a.contains('x')",
        "event.data.a.contains('x') && event.data.b < 5",
        "event.data.a.contains('x') || event.data.b < 5",
        "event.data.a in ['x'] || event.data.b < 5",
        "target.phase == 'stable'",
        "event.during_test",
        "has(event.data.a)",
        "event.data.?a.orValue(0) > 5",
        "event.data.a > 2.0 * 3.0",
        "now == 'then'",
        "event.time == 'then'",
        "false",
        "true",
    ];
    let told =
        conditions.map(|text| format!("{}  {text}", if is_indexed(&compiled(text).unwrap()) { "+" } else { "-" }));
    insta::assert_snapshot!(told.join("\n"));
    let mut rules = rules(&conditions.map(str::to_owned));
    rules.push(rule("without", "E", None));
    let router = Router::new(Arc::new(ir::Program { rules, ..ir::Program::default() }));
    let unindexed = router.unindexed();
    assert_eq!(unindexed.len(), told.iter().filter(|line| line.starts_with('-')).count());
    assert!(unindexed.iter().all(|rule| rule.when.is_some()));
}
