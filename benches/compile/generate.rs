//! A number becomes a program of that size, as a company of many teams would have written it.
//!
//! Every team has a folder with its events, its rules and its workflows; rules run workflows of their own team and of
//! others. The same numbers always give the same text. What it must not know: how programs are compiled.

use std::fmt::Write as _;

/// Rules of one file.
const RULES_OF_FILE: usize = 100;
/// Event types that the rules of one file share.
const EVENTS_OF_FILE: usize = 10;

/// A file of a generated program.
#[derive(Debug)]
pub(crate) struct File {
    /// Within the program's folder.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A program of so many rules and workflows, without a mistake. Rules without a workflow to run emit events.
pub(crate) fn program(rules: usize, workflows: usize) -> Vec<File> {
    let teams = rules.div_ceil(RULES_OF_FILE);
    let mut files: Vec<File> = (0..teams).map(|team| team_rules(team, rules, workflows)).collect();
    files.extend((0..workflows).map(workflow));
    files
}

/// The rules file of one team.
fn team_rules(team: usize, rules: usize, workflows: usize) -> File {
    let mut text = format!("// What team {team} does about what its services say.\n");
    for event in 0..EVENTS_OF_FILE {
        let _ = writeln!(
            text,
            "\n/// Sent by the probe of team {team}, kind {event}, whenever a window of its figures ends.\n\
             event {} {{ signature: string, p99_ms: double, errors: double, region?: string, tags?: list<string> }}",
            event_name(team, event)
        );
    }
    for rule in team * RULES_OF_FILE..rules.min((team + 1) * RULES_OF_FILE) {
        write_rule(&mut text, rule, team, workflows);
    }
    File { path: format!("team_{team:04}/team.rules"), text }
}

fn event_name(team: usize, event: usize) -> String {
    format!("TEAM_{team:04}_WINDOW_{event}")
}

fn write_rule(text: &mut String, rule: usize, team: usize, workflows: usize) {
    let event = event_name(team, rule % EVENTS_OF_FILE);
    let limit = 100 + rule % 400;
    let when = match rule % 4 {
        0 => "event.data.signature != target.signature".to_owned(),
        1 => format!("event.data.p99_ms > {limit}.0 && event.data.errors < 0.05 && !event.during_test"),
        2 => format!(
            "event.data.p99_ms > 1.5 * target.slo.p99_ms &&\n              \
             event.data.?region.orValue(\"none\") in [\"eu-west-{}\", \"us-east-{}\"]",
            rule % 7,
            rule % 5
        ),
        _ => format!(
            "event.data.?tags.orValue([]).exists(tag, tag.startsWith(\"prod-{}\")) && target.phase == \"stable\"",
            rule % 11
        ),
    };
    let _ = write!(
        text,
        "\n/// Rule {rule}: a window of this kind is a reason to act, but not twice in five minutes.\n\
         rule rule_{rule:05} {{\n    on        {event}\n    // The probe's own load does not count.\n    when      {when}\n"
    );
    match rule % 3 {
        0 => text.push_str("    threshold 3 within 1m\n    throttle  1 per 5m\n"),
        1 => text.push_str("    debounce  10s\n    busy      coalesce\n"),
        _ => text.push_str("    busy      supersede\n    priority  2\n"),
    }
    if workflows > 0 {
        let name = workflow_name(rule % workflows);
        let _ = writeln!(text, "    run       {name}(signature: event.data.signature, factor: 0.{})", 5 + rule % 5);
    }
    if workflows == 0 || rule.is_multiple_of(10) {
        let again = event_name(team, (rule + 1) % EVENTS_OF_FILE);
        let _ = writeln!(
            text,
            "    emit      {again}(signature: event.data.signature, p99_ms: event.data.p99_ms, errors: 0.0) after 30m"
        );
    }
    text.push_str("}\n");
}

fn workflow_name(workflow: usize) -> String {
    format!("measure_and_set_{workflow:04}")
}

fn workflow(workflow: usize) -> File {
    let name = workflow_name(workflow);
    let text = format!(
        r#"# From "something new was deployed" to "every agent sends what it can bear", as service {workflow} needs it.
workflow: {name}
summary: Measure a new deployment of service {workflow}, then set every agent's rate.

inputs:
  signature: string
  factor: double

steps:
  # What was measured within the last month is not measured again.
  check_recorder:
    uses: recorder.lookup
    with: {{ signature: "${{inputs.signature}}", max_age: {age}d }}

  hold:
    if: "!has(steps.check_recorder.record)"
    uses: agents.dispatch
    with: {{ total_rps: "${{target.rate.interim_rps * inputs.factor}}", signature: "${{inputs.signature}}" }}
    undo: previous

  load_test:
    needs: [hold]
    if: "!has(steps.check_recorder.record)"
    uses: pressure.measure
    timeout: 15m
    retry: {{ attempts: 2, backoff: 30s }}

  save:
    if: has(steps.?load_test.max_rps)
    uses: recorder.save
    with: {{ signature: "${{inputs.signature}}", measurement: "${{steps.load_test}}" }}

  adjust:
    uses: adjust.compute
    with: {{ max_rps: "${{steps.?load_test.max_rps.or(steps.check_recorder.?record.max_rps).value()}}" }}

  dispatch:
    uses: agents.dispatch
    with: {{ assignments: "${{steps.adjust.assignments}}", signature: "${{inputs.signature}}" }}
    undo: previous

  stable:
    uses: state.stable
    needs: [save, dispatch]
    with: {{ signature: "${{inputs.signature}}" }}

outputs:
  total_rps: "${{steps.adjust.total_rps}}"

on_failure:
  degrade: {{ uses: state.degraded, with: {{ reason: "service {workflow}: ${{error.message}}" }} }}
"#,
        age = 10 + workflow % 20
    );
    File { path: format!("workflows/{name}.yaml"), text }
}
