//! The limits that `docs/limits.md` states: what is just within is taken, what is just beyond is refused by its code.

use std::fmt::Write as _;
use std::sync::Arc;

use homeostat::action::catalogue;
use homeostat::api::cloud_event;
use homeostat::app::program::{StoredPlans, assemble};
use homeostat::base::clock::Timestamp;
use homeostat::base::source::Sources;
use homeostat::compile::compile;
use homeostat::diagnostic::render::to_people;
use homeostat::diagnostic::{Diagnostics, MAX_OF_FILE};
use homeostat::expression::{Bindings, TypeEnv};
use homeostat::harness::play::play;
use homeostat::harness::scenario::{self, Known};
use homeostat::harness::verdict::judge;
use homeostat::harness::world::Laws;

/// The codes of what is wrong with one file, in the order of their places, each run of the same once.
fn codes(path: &str, text: &str) -> Vec<String> {
    let mut sources = Sources::new();
    sources.add(path, text);
    let compilation = compile(sources, Diagnostics::new(), &catalogue());
    super::invariants::diagnostics_can_be_shown(&compilation.diagnostics, &compilation.sources);
    let mut codes: Vec<String> = compilation.diagnostics.iter().map(|problem| problem.code.to_string()).collect();
    codes.dedup();
    codes
}

/// What the limit allows has no problem; one more has that one.
fn limit(path: &str, most: usize, code: &str, text: impl Fn(usize) -> String) {
    let none: [&str; 0] = [];
    assert_eq!(codes(path, &text(most)), none, "{path} with {most}");
    assert_eq!(codes(path, &text(most + 1)), [code], "{path} with {}", most + 1);
}

fn listed(count: usize, mut item: impl FnMut(usize) -> String) -> String {
    (0..count).map(&mut item).collect()
}

#[test]
fn a_rules_file_has_a_mebibyte() {
    limit("a.rules", 1 << 20, "H0004", |bytes| format!("//{}", "x".repeat(bytes - 2)));
}

#[test]
fn a_file_of_four_mebibytes_is_read_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    let right = "workflow: w\nsteps: { a: { uses: state.degraded } }\n#";
    for (bytes, found) in [(4 << 20, vec![]), ((4 << 20) + 1, vec!["H0004"])] {
        std::fs::write(&path, format!("{right}{}", "x".repeat(bytes - right.len()))).unwrap();
        let compilation = homeostat::app::program::check(std::slice::from_ref(&path));
        let codes: Vec<String> = compilation.diagnostics.iter().map(|problem| problem.code.to_string()).collect();
        assert_eq!(codes, found);
    }
}

#[test]
fn folders_nest_32_deep() {
    for (deep, found) in [(32, vec![]), (33, vec!["H0004"])] {
        let root = tempfile::tempdir().unwrap();
        let folder = (0..deep).fold(root.path().to_owned(), |path, _| path.join("d"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(root.path().join("a.rules"), "event A {}").unwrap();
        std::fs::write(folder.join("b.rules"), "event B {}").unwrap();
        let compilation = homeostat::app::program::check(&[root.path().to_owned()]);
        let codes: Vec<String> = compilation.diagnostics.iter().map(|problem| problem.code.to_string()).collect();
        assert_eq!(codes, found, "{deep}");
    }
}

#[test]
fn a_hundred_problems_of_a_file_are_drawn() {
    for (count, rest) in [(100, false), (101, true)] {
        let mut sources = Sources::new();
        sources.add(
            "a.rules",
            listed(count, |at| format!("rule r{at} {{ on B{at} emit C() }}\nevent C{at} {{}}\n")) + "event C {}\n",
        );
        let compilation = compile(sources, Diagnostics::new(), &catalogue());
        assert_eq!(compilation.diagnostics.iter().count(), count);
        let shown = to_people(&compilation.diagnostics, &compilation.sources, false);
        assert_eq!(shown.matches("error[H0202]").count(), 100);
        assert_eq!(shown.contains("… and 1 more problem in a.rules"), rest, "{count}");
    }
}

/// A rule whose condition is this expression.
fn when(condition: &str) -> String {
    format!("event A {{}}\nrule a {{\n    on A\n    when {condition}\n    emit A()\n}}\n")
}

#[test]
fn an_expression_has_64_kibibytes_48_brackets_and_128_levels() {
    limit("a.rules", 64 << 10, "H0106", |bytes| when(&format!("'{}' == ''", "x".repeat(bytes - 8))));
    limit("a.rules", 48, "H0106", |deep| when(&format!("{}true{}", "(".repeat(deep), ")".repeat(deep))));
    limit("a.rules", 127, "H0106", |deep| when(&format!("{}true", "!".repeat(deep))));
}

/// What an expression gives, or why it gives nothing.
fn evaluated(text: &str) -> Result<(), String> {
    let mut sources = Sources::new();
    let id = sources.add("expression", text);
    let fragment = homeostat::base::fragment::Fragment::verbatim(id, 0, text);
    let program = homeostat::expression::compile(&fragment, &TypeEnv::new())
        .map_err(|problems| problems.iter().map(|problem| problem.code.to_string()).collect::<String>())?;
    program.evaluate(&Bindings::new()).map(|_| ()).map_err(|error| error.message)
}

const COSTS: usize = 666_666;

#[test]
fn an_evaluation_costs_two_million_at_the_most() {
    // An element of the list that is made, and one turn of the macro for it with so many nodes.
    let edge = |most: usize| {
        let text = |count: usize| format!("lists.range({count}).all(x, true)");
        (evaluated(&text(most)), evaluated(&text(most + 1)).is_err_and(|error| error.contains("costs too much")))
    };
    assert_eq!(edge(COSTS), (Ok(()), true));
}

#[test]
fn a_regular_expression_compiles_to_a_mebibyte() {
    assert_eq!(evaluated("'x'.matches('^(a{20}){1000}|x$')"), Ok(()));
    assert_eq!(evaluated("'x'.matches('^(a{200}){1000}|x$')"), Err("H0108".to_owned()));
    // Not known before it is made.
    let error = evaluated("'x'.matches('^(a{200}){1000}|x$' + ['', 'y'][size('')])").unwrap_err();
    assert!(error.contains("regular expression"), "{error}");
}

#[test]
fn brackets_nest_64_deep_in_a_rules_file_and_types_32_deep() {
    for (deep, code) in [(63, "H0106"), (64, "H0004")] {
        // The braces of the rule count, too. An expression with fewer has too many already.
        let found = codes("a.rules", &when(&format!("{}true{}", "(".repeat(deep), ")".repeat(deep))));
        assert_eq!(found, [code], "{deep}");
    }
    limit("a.rules", 31, "H0004", |deep| format!("event A {{ a: {}int{} }}", "list<".repeat(deep), ">".repeat(deep)));
    limit("a.yaml", 32, "H0004", |deep| {
        let inputs = format!("inputs: {{ a: '{}int{}' }}", "list<".repeat(deep), ">".repeat(deep));
        format!("workflow: w\n{inputs}\nsteps: {{ a: {{ uses: state.degraded }} }}\n")
    });
}

#[test]
fn an_object_has_a_thousand_fields() {
    limit("a.rules", 1_000, "H0004", |count| format!("event A {{ {} }}", listed(count, |at| format!("f{at}: int, "))));
}

/// A workflow of one step with this argument.
fn with(reason: &str) -> String {
    format!("workflow: w\nsteps:\n  a:\n    uses: state.degraded\n    with: {{ reason: {reason} }}\n")
}

#[test]
fn yaml_nests_64_deep_and_has_200_000_values_with_its_aliases() {
    let deep = |deep: usize| format!("{}x{}", "[".repeat(deep), "]".repeat(deep));
    // Three mappings are around it; that a list is no text is said where it is not too deep.
    assert_eq!(codes("a.yaml", &with(&deep(60))), ["H0304"]);
    assert_eq!(codes("a.yaml", &with(&deep(61))), ["H0004"]);
    // What is anchored counts twice: where it stands, and in what is kept for its aliases. 1,001 values each; the rest are
    // the file's mapping, its two keys, and the list of aliases.
    let aliases = |more: usize| {
        let (anchored, times) = ("x, ".repeat(1_000), "*a, ".repeat(197));
        format!("a: &a [{anchored}]\nb: [{times}{}]\n", "y, ".repeat(more))
    };
    let most: usize = 200_000 - (1_001 * (2 + 197) + 4);
    assert_eq!(codes("a.yaml", &aliases(most)), ["H0303"], "it is YAML, though no workflow");
    assert_eq!(codes("a.yaml", &aliases(most + 1)), ["H0004"]);
    // The same of text: eight times a mebibyte less a little, the keys, and the rest.
    let once: usize = (1 << 20) - 1;
    let text = |more: usize| format!("a: &a {}\nb: [{}{}]\n", "x".repeat(once), "*a, ".repeat(6), "y".repeat(more));
    let most = (8 << 20) - 8 * once - 2;
    assert_eq!(codes("a.yaml", &text(most)), ["H0303"]);
    assert_eq!(codes("a.yaml", &text(most + 1)), ["H0004"]);
}

#[test]
fn a_workflow_has_a_thousand_steps_and_inputs() {
    let steps = |count| listed(count, |at| format!("  s{at}: {{ uses: recorder.lookup, with: {{ signature: a }} }}\n"));
    limit("a.yaml", 1_000, "H0004", |count| format!("workflow: w\nsteps:\n{}", steps(count)));
    let end = "  end: { uses: recorder.lookup, with: { signature: a }";
    limit("a.yaml", 1_000, "H0004", |count| {
        let inputs = listed(count, |at| format!("  i{at}: string\n"));
        format!("workflow: w\ninputs:\n{inputs}steps:\n{end} }}\n")
    });
}

#[test]
fn a_step_needs_a_thousand_others() {
    let text = |count: usize| {
        let steps = listed(998, |at| format!("  s{at}: {{ uses: recorder.lookup, with: {{ signature: a }} }}\n"));
        // More than there are steps: some stand twice, which is a warning of its own.
        let needs = listed(count, |at| format!("s{}, ", at % 998));
        format!("workflow: w\nsteps:\n{steps}  a: {{ uses: state.stable, needs: [{needs}] }}\n")
    };
    assert_eq!(codes("a.yaml", &text(1_000)), ["H0403"]);
    assert_eq!(codes("a.yaml", &text(1_001)), ["H0004"]);
}

#[test]
fn fourteen_conditions_decide_about_the_resting_phase() {
    let text = |count: usize| {
        let inputs = listed(count, |at| format!("  i{at}: bool\n"));
        let all = (0..count).map(|at| format!("inputs.i{at}")).collect::<Vec<_>>().join(" && ");
        let a = format!("  a: {{ uses: state.stable, if: '{all}' }}\n");
        let b = format!("  b: {{ uses: state.degraded, if: '!({all})', with: {{ reason: x }} }}\n");
        format!("workflow: w\ninputs:\n{inputs}steps:\n{a}{b}")
    };
    let none: [&str; 0] = [];
    assert_eq!(codes("a.yaml", &text(14)), none);
    // Nor can it be proved that only one of them runs.
    assert_eq!(codes("a.yaml", &text(15)), ["H0401", "H0404"]);
}

#[test]
fn what_is_counted_in_a_step_has_its_most() {
    let step = |more: &str| {
        format!("workflow: w\nsteps:\n  a: {{ uses: recorder.lookup, with: {{ signature: a }}, {more} }}\n")
    };
    limit("a.yaml", 100, "H0304", |count| step(&format!("retry: {{ attempts: {count} }}")));
    limit("a.yaml", 1_000, "H0304", |count| step(&format!("for_each: [1], concurrency: {count}")));
}

#[test]
fn sixty_four_steps_propose_phases() {
    limit("a.yaml", 64, "H0401", |count| {
        format!("workflow: w\nsteps:\n{}", listed(count, |at| format!("  s{at}: {{ uses: state.stable }}\n")))
    });
}

#[test]
fn a_thousand_problems_of_a_file_are_listed() {
    let wrong = |count| listed(count, |at| format!("rule r{at} {{ on B emit C() }}\n"));
    assert_eq!(codes("a.rules", &wrong(MAX_OF_FILE / 2)), ["H0202"]);
    assert_eq!(codes("a.rules", &wrong(MAX_OF_FILE / 2 + 1)), ["H0202", "H0007"]);
    let mut right_too = wrong(MAX_OF_FILE);
    let _ = writeln!(right_too, "event B {{}}\nevent C {{}}");
    let none: [&str; 0] = [];
    assert_eq!(codes("a.rules", &right_too), none);
}

/// What `when` does in the world of a program, and what of `then` was not met; or what is wrong with the scenario.
fn played(rules: &str, when: &str, then: &str) -> Result<Vec<String>, Vec<String>> {
    let mut sources = Sources::new();
    sources.add("a.rules", rules);
    let program = assemble(compile(sources, Diagnostics::new(), &catalogue())).unwrap();
    let mut sources = Sources::new();
    let text = format!("scenario: a\ngiven: {{ targets: {{ t: }} }}\nwhen: {when}\nthen: {then}\n");
    let source = sources.add("a.test.yaml", text);
    let catalogue = catalogue();
    let (scenarios, problems) = scenario::parse(source, &sources, Known { program: &program, catalogue: &catalogue });
    let Some(scenario) = scenarios.first() else {
        return Err(problems.iter().map(|problem| problem.code.to_string()).collect());
    };
    let laws = Laws { program, planner: Arc::new(StoredPlans) };
    let played = play(scenario, &laws).unwrap();
    Ok(judge(scenario, &played, &laws.program).iter().map(|failure| failure.message.clone()).collect())
}

#[test]
fn a_chain_of_emitted_events_has_16() {
    let rules = "event A {}\nrule again { on A emit A() }\n";
    let emitted = |count: usize| format!("{{ emitted: [{}] }}", "{ type: A }, ".repeat(count));
    // The one beyond is written down as a dead letter, and no rule is asked about it.
    assert_eq!(played(rules, "[{ event: A }]", &emitted(17)), Ok(vec![]));
    assert_ne!(played(rules, "[{ event: A }]", &emitted(18)), Ok(vec![]));
    assert_ne!(played(rules, "[{ event: A }]", &emitted(16)), Ok(vec![]));
}

#[test]
fn ten_thousand_things_are_done_in_a_scenario_and_one_a_thousand_times() {
    let rules = "event A {}\nrule nothing { on A when false emit A() }\n";
    let times = |times: usize| played(rules, &format!("[{{ event: A, times: {times} }}]"), "{ emitted: [] }");
    assert_eq!(times(1_000), Ok(vec![]));
    assert_eq!(times(1_001), Err(vec!["H0304".to_owned()]));
    let more = |more: &str| {
        let entries = "{ event: A, times: 1000 }, ".repeat(10);
        played(rules, &format!("[{entries}{more}]"), "{ emitted: [] }")
    };
    assert_eq!(more(""), Ok(vec![]));
    assert_eq!(more("{ event: A }"), Err(vec!["H0004".to_owned()]));
}

#[test]
fn twenty_broken_places_of_a_yaml_file_are_told() {
    let broken = |count: usize| {
        let steps = listed(count, |at| format!("  s{at}: {{ uses: state.stable, with: [ }}\n"));
        format!("workflow: w\nsteps:\n{steps}  last: {{ uses: state.nothing }}\n")
    };
    let told = |count: usize| {
        let mut sources = Sources::new();
        sources.add("a.yaml", broken(count));
        let compilation = compile(sources, Diagnostics::new(), &catalogue());
        let of = |code: &str| compilation.diagnostics.iter().filter(|problem| problem.code.to_string() == code).count();
        (of("H0300"), of("H0305"))
    };
    assert_eq!(told(20), (20, 1));
    assert_eq!(told(21), (21, 0), "the rest of the file is not looked at any more");
    assert_eq!(told(30), (21, 0));
}

#[test]
fn four_mebibytes_are_read_again_for_what_is_broken() {
    let told = |count: usize| {
        let steps = listed(count, |at| format!("  s{at}: {{ uses: state.stable, with: [ }}\n"));
        let text = format!("workflow: w\nsteps:\n{steps}  last: {{ uses: state.nothing }}\n#");
        let rest = "x".repeat((1 << 20) - text.len());
        let mut sources = Sources::new();
        sources.add("a.yaml", text + &rest);
        let compilation = compile(sources, Diagnostics::new(), &catalogue());
        let of = |code: &str| compilation.diagnostics.iter().filter(|problem| problem.code.to_string() == code).count();
        (of("H0300"), of("H0305"))
    };
    // A mebibyte, read again for each.
    assert_eq!(told(4), (4, 1));
    assert_eq!(told(5), (5, 0));
}

#[test]
fn an_event_has_64_extensions_of_1024_bytes_and_a_batch_1000_events() {
    let event = |more: &str| format!(r#"{{"specversion": "1.0", "id": "1", "source": "/s", "type": "A"{more}}}"#);
    let read = |kind: &str, body: &str| {
        let mut headers = http::HeaderMap::new();
        headers.insert("content-type", kind.parse().unwrap());
        cloud_event::read(&headers, body.as_bytes(), Timestamp(0)).map_err(|problem| problem.status)
    };
    let one = "application/cloudevents+json";
    for (extensions, taken) in [(64, true), (65, false)] {
        let more = listed(extensions, |at| format!(r#", "x{at}": 1"#));
        assert_eq!(read(one, &event(&more)).is_ok(), taken);
    }
    for (bytes, taken) in [(1_024, true), (1_025, false)] {
        assert_eq!(read(one, &event(&format!(r#", "subject": "{}""#, "s".repeat(bytes)))).is_ok(), taken);
    }
    // The event itself is the outermost.
    let deep = |deep: usize| event(&format!(r#", "data": {}1{}"#, "[".repeat(deep - 1), "]".repeat(deep - 1)));
    assert!(read(one, &deep(127)).is_ok());
    assert_eq!(read(one, &deep(128)).map(|events| events.len()), Err(400));
    let batch = |count| format!("[{}]", vec![event(""); count].join(","));
    let many = "application/cloudevents-batch+json";
    assert_eq!(read(many, &batch(1_000)).map(|events| events.len()), Ok(1_000));
    assert_eq!(read(many, &batch(1_001)).map(|events| events.len()), Err(413));
}
