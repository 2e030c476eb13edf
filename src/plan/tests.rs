use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::Callees;
use super::fixture::{condition, source, workflow};
use super::graph::Edge;
use super::render::{Format, render};
use super::{ForEach, Plan, Retry, Undo, build, warnings};
use crate::diagnostic::{Code, Diagnostics};
use crate::ir::Workflow;
use crate::ir::template::{Part, Template};
use crate::model::action::Effect;
use crate::model::schema::{Field, Shape};

fn plan(text: &str) -> Plan {
    build(&workflow(text), &Callees::default(), source()).unwrap()
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|(_, step)| step.name.as_str()).collect()
}

/// Everything that is found, each label with the text it is at.
fn found(text: &str) -> String {
    let workflow = workflow(text);
    let problems = build(&workflow, &Callees::default(), source()).err().unwrap_or_default();
    [warnings(&workflow), problems].iter().map(|found| told(text, found)).collect()
}

fn told(text: &str, found: &Diagnostics) -> String {
    let mut out = String::new();
    for problem in found.iter() {
        out.push_str(&format!("{} {:?}: {}\n", problem.code, problem.severity, problem.message));
        for label in std::iter::once(&problem.primary).chain(&problem.secondary) {
            let line = text[..label.span.start as usize].matches('\n').count() + 1;
            out.push_str(&format!("  line {line} at `{}`: {}\n", &text[label.span.range()], label.text));
        }
        out.push_str(&format!("  help: {}\n", problem.help.as_deref().unwrap_or("none")));
    }
    out
}

#[test]
fn steps_come_in_topological_order_and_ties_in_file_order() {
    let plan = plan("d needs b\nc\nb refers a\na\ne needs c refers a\n");
    assert_eq!(names(&plan), ["c", "a", "b", "d", "e"]);
    let edges: Vec<(usize, usize, Edge)> = plan.steps.edges().iter().map(|(a, b, why)| (a.0, b.0, *why)).collect();
    assert_eq!(edges, [(0, 4, Edge::Needs), (1, 2, Edge::Reference), (1, 4, Edge::Reference), (2, 3, Edge::Needs)]);
}

#[test]
fn every_cycle_is_shown_with_its_edges() {
    insta::assert_snapshot!(found(
        "start\na needs start c\nb refers a\nc needs b a\nself refers self\nx needs y\ny refers z\nz needs x\nafter needs x\n"
    ));
}

/// One wait too many ties a knot of many cycles, and is told once; of cycles that have no wait in common each is told.
#[test]
fn no_cycle_hides_another_and_none_is_told_twice() {
    insta::assert_snapshot!(found(
        "a needs d\nb needs a\nc needs a b\nd needs b c\none needs two three\ntwo needs one\nthree needs one\n"
    ));
}

#[test]
fn a_step_that_does_not_exist_is_told() {
    insta::assert_snapshot!(found("a needs nothing\n"), @r"
    H0308 Error: step `a` waits for `nothing`, which does not exist
      line 1 at `nothing`: 
      help: none
    ");
}

#[test]
fn a_needs_that_repeats_an_edge_is_redundant() {
    insta::assert_snapshot!(found("a\nb needs a refers a\nc needs a b a\n"));
}

#[test]
fn a_workflow_without_steps_is_no_plan() {
    assert!(found("").starts_with("H0402 Error: workflow `made` has no steps"));
}

#[test]
fn the_handler_may_refer_to_the_steps_without_waiting_for_them() {
    let plan = plan("a\non_failure\nsay refers a\nlast needs say\n");
    assert_eq!(plan.on_failure.edges().len(), 1);
    let found = found("a\non_failure\nb needs c\nc needs b\n");
    assert!(
        found.starts_with("H0400 Error: steps wait for each other: `b` waits for `c`, which waits for `b`"),
        "{found}"
    );
}

#[test]
fn what_every_way_through_reaches_is_proved() {
    for text in [
        "a\n",
        "a uses stable\n",
        "a if inputs.x\nb uses stable needs a\n",
        "a uses stable if inputs.x\nb uses paused if !inputs.x\n",
        "a uses stable if inputs.x && inputs.y\nb uses paused if !(inputs.x && inputs.y)\n",
        "a uses stable if inputs.x && inputs.y\nb uses paused if !inputs.x\nc uses degraded if inputs.x && !inputs.y\n",
        "a uses stable if (inputs.x == 'a && b') || true\n",
        "a uses stable if inputs.x\nb uses paused if !(inputs.x  )\n",
        "a uses stable\nb uses paused needs a if inputs.x\n",
        "a\non_failure\nb uses degraded if inputs.x\n",
    ] {
        assert_eq!(found(text), "", "{text}");
    }
}

#[test]
fn a_forgotten_way_through_is_named() {
    insta::assert_snapshot!(found("a uses stable if inputs.x\n"));
    insta::assert_snapshot!(found("a uses stable if inputs.x && inputs.y\nb uses stable if inputs.x && !inputs.y\n"));
    insta::assert_snapshot!(found("a uses stable if inputs.x > 1\nb uses stable if inputs.x < 1\n"));
    insta::assert_snapshot!(found("a uses stable if false\n"));
}

#[test]
fn two_phases_in_any_order_are_ambiguous() {
    insta::assert_snapshot!(found("a uses stable\nb uses paused if inputs.x\n"));
    insta::assert_snapshot!(found("a\non_failure\nb uses degraded\nc uses paused\n"));
}

#[test]
fn a_phase_is_not_set_for_each_item() {
    let mut workflow = workflow("a uses stable\n");
    workflow.steps[0].for_each = Some(ForEach { items: Template::Literal(serde_json::json!([])), concurrency: 1 });
    let problems = build(&workflow, &Callees::default(), source()).unwrap_err();
    insta::assert_snapshot!(told("a uses stable\n", &problems));
}

#[test]
fn the_time_differs_each_time_it_is_read() {
    assert!(found("a uses stable if now > 1\nb uses stable if !(now > 1)\n").starts_with("H0401"));
}

/// A workflow with everything a step can have, and labels that try to break out.
fn full() -> Workflow {
    let mut workflow = workflow(
        "look\nact refers look if inputs.x == \"a<b>\\\"|`#;&\"\nend needs act refers look uses stable\non_failure\nsay\nlast needs say uses degraded\n",
    );
    workflow.summary = "Show all there is.".to_owned();
    workflow.inputs.fields = vec![
        Field::required("signature", Shape::String, "what runs"),
        Field::optional("rates", Shape::List(Box::new(Shape::Double)), ""),
    ];
    workflow.outputs = vec![("seen".to_owned(), Template::Expression(condition(" steps.look ")))];
    let act = &mut workflow.steps[1];
    act.docs = "Does something.".to_owned();
    act.with = Template::Object(vec![
        (
            "text".to_owned(),
            Template::Text(vec![Part::Text("costs ${x} and ".to_owned()), Part::Expression(condition("inputs.x"))]),
        ),
        ("list".to_owned(), Template::List(vec![Template::Literal(serde_json::json!({ "b": 1, "a": "${" }))])),
        ("line".to_owned(), Template::Literal(serde_json::json!("one\ntwo\u{1b}[31m"))),
    ]);
    act.retry = Some(Retry { attempts: 3, backoff: Duration::from_millis(500), max_backoff: Duration::from_secs(30) });
    act.timeout = Some(Duration::from_mins(10));
    act.undo = Some(Undo::Action {
        action: super::fixture::action("look.away", None),
        with: Template::Object(vec![("x".to_owned(), Template::Expression(condition("inputs.x")))]),
    });
    workflow.steps[0].undo = Some(Undo::Previous);
    workflow.steps[0].for_each =
        Some(ForEach { items: Template::Expression(condition("inputs.rates")), concurrency: 4 });
    workflow
}

#[test]
fn a_full_plan_is_shown_in_every_form() {
    let plan = build(&full(), &Callees::default(), source()).unwrap();
    for (name, format) in
        [("text", Format::Text), ("json", Format::Json), ("mermaid", Format::Mermaid), ("dot", Format::Dot)]
    {
        let shown = render(&plan, format);
        assert!(shown.ends_with('\n') && !shown.contains('\u{1b}'));
        insta::assert_snapshot!(format!("full_{name}"), shown);
    }
    insta::assert_snapshot!("full_canonical", plan.canonical_text());
    check_dot(&render(&plan, Format::Dot));
}

#[test]
fn a_picture_is_well_formed_and_shows_every_step() {
    let mut workflow = full();
    workflow.summary = "Less < more & \"so\" on\u{1b}[31m".to_owned();
    let plan = build(&workflow, &Callees::default(), source()).unwrap();
    let shown = render(&plan, Format::Svg);
    insta::assert_snapshot!("full_svg", shown);
    check_xml(&shown);
    for (_, step) in plan.steps.iter().chain(plan.on_failure.iter()) {
        assert!(shown.contains(&format!(">{}</text>", step.name)), "{} is not shown", step.name);
    }
    // What is outside the file is not needed to show it.
    assert!(!shown.replace("http://www.w3.org/2000/svg", "").contains("http"));
    let empty = build(&super::fixture::workflow("look\n"), &Callees::default(), source()).unwrap();
    check_xml(&render(&empty, Format::Svg));
}

/// Reads XML as far as we write it: every tag closed, no stray signs, nothing that XML cannot hold.
fn check_xml(text: &str) {
    let mut open = Vec::new();
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        assert!(!before.contains('>') || before.contains('{'), "{before}");
        for entity in before.split('&').skip(1) {
            assert!(["amp;", "lt;", "gt;", "quot;"].iter().any(|known| entity.starts_with(known)), "{entity}");
        }
        let (tag, after) = tag.split_once('>').unwrap();
        let name = tag.split_whitespace().next().unwrap();
        if let Some(closed) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed));
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        rest = after;
    }
    assert!(open.is_empty() && rest.trim().is_empty());
    assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'));
}

/// Reads DOT as far as we write it: statements that end in `;`, `{` or `}`, balanced, strings closed.
fn check_dot(text: &str) {
    let mut depth = 0;
    let mut in_string = false;
    let mut escaped = false;
    for letter in text.chars() {
        match (in_string, letter) {
            (true, _) if escaped => escaped = false,
            (true, '\\') => escaped = true,
            (_, '"') => in_string = !in_string,
            (true, '\n') => panic!("a string runs over its line"),
            (false, '{') => depth += 1,
            (false, '}') => depth -= 1,
            _ => {}
        }
    }
    assert!(!in_string && depth == 0, "{text}");
    for line in text.lines() {
        assert!(line.ends_with([';', '{', '}']), "{line}");
    }
}

#[test]
fn the_digest_is_of_what_the_plan_does() {
    let digest = |change: &dyn Fn(&mut Workflow)| {
        let mut workflow = full();
        change(&mut workflow);
        build(&workflow, &Callees::default(), source()).unwrap().digest
    };
    let same = digest(&|_| {});
    assert_eq!(same, digest(&|workflow| workflow.summary = "Other words.".to_owned()));
    assert_eq!(same, digest(&|workflow| workflow.steps[1].docs.clear()));
    assert_eq!(same, digest(&|workflow| workflow.steps.swap(0, 2)));
    let changes: [&dyn Fn(&mut Workflow); 10] = [
        &|workflow| workflow.name.node = "other".into(),
        &|workflow| workflow.inputs.fields[0].optional = true,
        &|workflow| workflow.steps[1].retry = None,
        &|workflow| workflow.steps[1].timeout = None,
        &|workflow| workflow.steps[1].undo = None,
        &|workflow| workflow.steps[1].condition = None,
        &|workflow| workflow.steps[2].needs.clear(),
        &|workflow| workflow.outputs.clear(),
        &|workflow| workflow.on_failure.truncate(1),
        &|workflow| {
            let mut action = (*workflow.steps[0].action).clone();
            action.version = 2;
            action.effect = Effect::Idempotent;
            workflow.steps[0].action = action.into();
        },
    ];
    let mut seen = BTreeSet::from([same]);
    for (at, change) in changes.iter().enumerate() {
        assert!(seen.insert(digest(*change)), "change {at} went unseen");
    }
}

/// The edges of a graph without cycles over `count` steps, as (waiter, dependency) by name, and an order of the file.
fn acyclic() -> impl Strategy<Value = (Vec<(usize, usize, bool)>, Vec<usize>)> {
    (2_usize..14).prop_flat_map(|count| {
        let pairs: Vec<(usize, usize)> = (0..count).flat_map(|high| (0..high).map(move |low| (high, low))).collect();
        let edges = proptest::sample::subsequence(pairs.clone(), 0..=pairs.len()).prop_flat_map(|pairs| {
            let count = pairs.len();
            (Just(pairs), proptest::collection::vec(any::<bool>(), count))
        });
        let edges = edges.prop_map(|(pairs, kinds)| {
            pairs.into_iter().zip(kinds).map(|((high, low), kind)| (high, low, kind)).collect()
        });
        (edges, Just((0..count).collect::<Vec<_>>()).prop_shuffle())
    })
}

/// The workflow of these edges with its steps in this order.
fn made(edges: &[(usize, usize, bool)], order: &[usize]) -> Workflow {
    let mut text = String::new();
    for step in order {
        text.push_str(&format!("step{step}"));
        for (word, kind) in [("needs", true), ("refers", false)] {
            text.push_str(&format!(" {word}"));
            for (_, dependency, _) in edges.iter().filter(|(waiter, _, of)| waiter == step && *of == kind) {
                text.push_str(&format!(" step{dependency}"));
            }
        }
        text.push('\n');
    }
    workflow(&text)
}

proptest! {
    #[test]
    fn the_order_respects_every_edge((edges, order) in acyclic()) {
        let plan = build(&made(&edges, &order), &Callees::default(), source()).unwrap();
        prop_assert_eq!(plan.steps.len(), order.len());
        prop_assert_eq!(plan.steps.edges().len(), edges.len());
        for (waiter, dependency, needs) in &edges {
            let after = plan.steps.find(&format!("step{waiter}")).unwrap();
            let before = plan.steps.find(&format!("step{dependency}")).unwrap();
            prop_assert!(before < after);
            prop_assert!(plan.steps.waits_for(after, before));
            let why = if *needs { Edge::Needs } else { Edge::Reference };
            prop_assert!(plan.steps.dependencies(after).contains(&(before, why)));
            prop_assert!(plan.steps.dependents(before).contains(&after));
        }
        // Among the steps that are ready, the first in the file comes first.
        let place = |name: &str| order.iter().position(|step| format!("step{step}") == name).unwrap();
        let placed: Vec<usize> = plan.steps.iter().map(|(_, step)| place(step.name.as_str())).collect();
        let all: Vec<_> = plan.steps.iter().map(|(index, _)| index).collect();
        for (earlier, later) in all.iter().zip(all.iter().skip(1)) {
            prop_assert!(
                placed[earlier.0] < placed[later.0] || plan.steps.dependents(*earlier).contains(later)
            );
        }
    }

    #[test]
    fn the_digest_does_not_follow_the_order_of_the_file((edges, order) in acyclic()) {
        let sorted: Vec<usize> = (0..order.len()).collect();
        let one = build(&made(&edges, &order), &Callees::default(), source()).unwrap();
        let other = build(&made(&edges, &sorted), &Callees::default(), source()).unwrap();
        prop_assert_eq!(&one.digest, &other.digest);
        prop_assert_eq!(names(&other), sorted.iter().map(|step| format!("step{step}")).collect::<Vec<_>>());
    }

    #[test]
    fn a_cycle_is_always_found_and_is_one((edges, order) in acyclic(), low in 0_usize..14, high in 0_usize..14) {
        let (low, high) = (low % order.len(), high % order.len());
        let (low, high) = (low.min(high), low.max(high));
        let mut edges = edges;
        if low != high && !edges.iter().any(|(waiter, dependency, _)| (*waiter, *dependency) == (high, low)) {
            edges.push((high, low, true));
        }
        edges.push((low, high, false));
        let workflow = made(&edges, &order);
        let problems = build(&workflow, &Callees::default(), source()).unwrap_err();
        prop_assert_eq!(&problems, &build(&workflow, &Callees::default(), source()).unwrap_err());
        let cycles: Vec<_> = problems.iter().filter(|problem| problem.code == Code::Cycle).collect();
        prop_assert!(!cycles.is_empty());
        for cycle in cycles {
            // Each label names an edge that exists, and each edge goes on where the last one ended.
            let labels: Vec<&str> = std::iter::once(&cycle.primary).chain(&cycle.secondary).map(|label| label.text.as_str()).collect();
            let ends: Vec<(&str, &str)> = labels.iter().map(|text| {
                let names: Vec<&str> = text.split('`').collect();
                (names[1], names[3])
            }).collect();
            for (at, (waiter, dependency)) in ends.iter().enumerate() {
                let next = ends[(at + 1) % ends.len()].0;
                prop_assert_eq!(*dependency, next);
                let number = |name: &str| name.trim_start_matches("step").parse::<usize>().unwrap();
                prop_assert!(edges.iter().any(|(w, d, _)| (*w, *d) == (number(waiter), number(dependency))));
            }
        }
    }
}
