use super::check;
use crate::base::source::Sources;
use crate::diagnostic::render::to_people;
use crate::ir::{EventType, Rule};
use crate::model::schema::{Field, Object, Shape};
use crate::syntax::rules::parse;

/// What is checked, and all that is said of it.
fn checked(texts: &[&str]) -> (Vec<EventType>, Vec<Rule>, String) {
    let mut sources = Sources::new();
    let mut files = Vec::new();
    let mut said = crate::diagnostic::Diagnostics::new();
    for (index, text) in texts.iter().enumerate() {
        let id = sources.add(format!("file{index}.rules"), *text);
        let (file, diagnostics) = parse(id, text);
        said.extend(diagnostics);
        files.push(file);
    }
    let measure = Object::new(vec![
        Field::required("signature", Shape::String, ""),
        Field::optional("factor", Shape::Double, ""),
        Field::optional("tags", Shape::List(Box::new(Shape::String)), ""),
    ]);
    let rest = Object::default();
    let workflows = [("measure", Some(&measure)), ("rest", Some(&rest)), ("broken", None)].into();
    let (events, rules, diagnostics) = check(&files, &workflows);
    said.extend(diagnostics);
    (events, rules, to_people(&said, &sources, false))
}

#[test]
fn a_right_program_is_whole() {
    let (events, rules, said) = checked(&[
        r#"
/// What happens.
event CHANGE { signature: string, factor?: double, place?: { host: string, ports: list<int> }, tags?: map<any> }
/// Later.
rule later {
    on        CHANGE
    priority  5
    when      event.data.signature != target.signature && target.signature != null
    threshold 3 within 1m
    debounce  10s
    throttle  1 per 5m
    busy      supersede
    run       measure(signature: event.data.signature, factor: event.data.?factor)
    emit      CHANGE(signature: target.signature) after 30m
    emit      CHANGE(signature: "x", factor: 2)
}
"#,
        "rule first { on CHANGE priority -1 run rest() }\nrule equal { on CHANGE priority 5 run rest() }",
    ]);
    assert_eq!(said, "");
    assert_eq!(events[0].docs, "What happens.");
    let order: Vec<_> = rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(order, ["first", "later", "equal"]);
    let shown: Vec<String> = rules
        .iter()
        .map(|rule| {
            let emit: Vec<_> = rule.emit.iter().map(|emit| (&emit.event, emit.after)).collect();
            let run = rule.run.as_ref().map(|run| (run.workflow.as_str(), run.arguments.programs().len()));
            format!(
                "{} {} {:?} {:?} {:?} {:?} {:?} {run:?} {emit:?}",
                rule.on,
                rule.docs,
                rule.when.as_ref().map(crate::expression::Program::text),
                rule.threshold,
                rule.debounce,
                rule.throttle,
                rule.busy
            )
        })
        .collect();
    insta::assert_snapshot!(format!("{:#?}\n{}", events[0].data, shown.join("\n")));
}

#[test]
fn every_problem_is_found_at_once() {
    let (_, rules, said) = checked(&[r#"
event CHANGE { signature: string, n: int, in: int, n: double, kind: strng, rates: list<number> }
event CHANGE {}
rule nothing {}
rule nothing_to_do { on CHANGE }
rule no_event { run rest() }
rule strange_event { on CHANGED run rest() }
rule twice { on CHANGE on CHANGE run rest() when true when false busy drop busy queue run rest() }
rule twice { on CHANGE run rest() }
rule strange_workflow { on CHANGE run mesure(signature: event.data.signatur) }
rule broken_workflow { on CHANGE run broken(anything: event.data.n) }
rule strange_mode { on CHANGE busy supercede run rest() }
rule not_bool {
    on CHANGE
    when event.data.n
    run rest()
}
rule not_typed {
    on CHANGE
    when event.data.n > 1.5
    run rest()
}
rule arguments {
    on CHANGE
    run  measure(factor: event.data.n, tags: [1], sginature: "x", factor: 1.0)
    emit CHANGE(signature: 1, n: 1)
    emit CHANGD()
    emit CHANGE(signature: event.data.?signature, n: 2, in: 1, kind: 'x', rates: [])
}
rule nobody { on CHANGE when event.data.signature == signature run rest(now: now) }
"#]);
    assert!(rules.iter().all(|rule| rule.name.as_str() != "arguments"));
    insta::assert_snapshot!(said);
}

#[test]
fn what_is_bad_is_not_said_to_be_missing() {
    let (_, rules, said) = checked(&["event A {}\nrule x {\n onn A\n rnu rest()\n}\nrule y {\n on A,\n run rest(\n}"]);
    assert!(rules.is_empty());
    assert!(!said.contains("H0203") && !said.contains("H0204"), "{said}");
}

#[test]
fn a_digest_is_that_of_what_is_said() {
    let digest = |text: &str| checked(&[&format!("event A {{}}\n{text}")]).1[0].digest.clone();
    let one = digest("/// Docs.\nrule x {\n  on A\n  when  target.phase == 'stable' // why\n  run rest()\n}");
    assert_eq!(one, digest("rule x { on A\nwhen target.phase=='stable'\nrun rest() }"));
    assert_ne!(one, digest("rule x { on A\nwhen target.phase=='stable '\nrun rest() }"));
}
