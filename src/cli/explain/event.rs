//! `homeostat explain --event`: an explanation as people read it.

use std::path::Path;

use serde_json::Value as Json;

use super::Args;
use crate::app::explain::{Clause, Explained, Explanation, Part, RuleResult, State, explain, read_event};
use crate::app::program;
use crate::base::clock::{Clock as _, SystemClock};
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::input;
use crate::cli::output::{self, Format};
use crate::cli::telemetry::{self, LogArgs};
use crate::config;
use crate::diagnostic::Code;

/// Longest value that is shown whole.
const LONGEST: usize = 80;

/// # Errors
/// A file cannot be read, or does not hold what it should.
pub(super) fn run(args: &Args, event: &Path, log: &LogArgs) -> Result<Exit, Failure> {
    // What is logged on the way is for those who ask for it.
    let quiet = LogArgs { log_level: log.log_level.clone().or_else(|| Some("warn".to_owned())), ..log.clone() };
    telemetry::start(&quiet, None)?;
    let configured = args.file.config.is_some() || Path::new(config::DEFAULT_FILE).exists();
    let config = if configured {
        match args.file.load() {
            Ok(config) => config,
            Err(exit) => return Ok(exit),
        }
    } else {
        // Every target is known then, with the defaults of every setting.
        let loaded = config::read("(defaults)", "defaults: {}", Path::new(""), &[]);
        loaded.config.ok_or_else(|| Failure::new(Exit::Internal, Code::Internal, "there are no defaults"))?
    };
    let compilation = match (args.paths().is_empty(), &config.program) {
        (true, config::Program::Shipped) => program::check_shipped(),
        (true, config::Program::Paths(paths)) => program::check(paths),
        (false, _) => program::check(&args.paths()),
    };
    output::complain(&output::problems(&compilation.diagnostics, &compilation.sources));
    let sources = compilation.sources.clone();
    let Ok(program) = program::assemble(compilation) else { return Ok(Exit::Usage) };

    let now = SystemClock.now();
    let mut document: Json = input::json(event, &input::read(event)?)?;
    if let (Some(target), Some(event)) = (&args.target, document.as_object_mut()) {
        event.insert("subject".to_owned(), Json::from(target.as_str()));
    }
    let event = read_event(document, now).map_err(|problems| {
        let mut failure = Failure::usage(format!("`{}` is no event", event.display()));
        failure.notes = problems;
        failure.help("write a CloudEvent, like {\"type\": \"HIGH_LATENCY\", \"subject\": \"checkout\", \"data\": {\"p99_ms\": 400.0}}")
    })?;
    let mut state = match &args.state {
        Some(path) => read_state(path)?,
        None => State::default(),
    };
    state.phase = args.phase.map_or(state.phase, Into::into);
    state.signature = args.signature.clone().or(state.signature);
    state.rate_rps = args.rate.or(state.rate_rps);
    state.during_test |= args.during_test;

    let explanation = explain(&program, &sources, &config.targets, event, &state, now);
    match args.format {
        Format::Json => output::print_json(&serde_json::to_value(&explanation).unwrap_or_default())?,
        Format::Text => output::print(&text(&explanation))?,
    };
    Ok(if explanation.refused.is_empty() { Exit::Done } else { Exit::Findings })
}

/// Reads how a target stands, from a file or, for `-`, from standard input.
fn read_state(path: &Path) -> Result<State, Failure> {
    let text = input::read(path)?;
    serde_yaml::from_str(&text).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |place| (place.line(), place.column()));
        // The first line says it, behind a place of its own; the others are an excerpt of a text without a name.
        let said = error.without_snippet().to_string();
        let place = format!("line {line} column {column}: ");
        let said = said.lines().next().unwrap_or_default();
        let said = said.split_once(place.as_str()).map_or(said, |(_, said)| said);
        let mut failure = Failure::usage(format!("{} is not a state: {said}", input::shown(path)));
        let number = |number: u64| usize::try_from(number).unwrap_or(1);
        failure.notes = input::excerpt(path, &text, number(line), number(column));
        failure
    })
}

pub(super) fn text(explanation: &Explanation) -> String {
    let field = |name: &str| explanation.event.get(name).map(value).unwrap_or_default();
    let mut out = format!("event {}", field("type"));
    if let Some(target) = &explanation.target {
        let of = |name: &str| target.get(name).map(value).unwrap_or_default();
        let rate = of("rate_rps");
        let rate = if rate == "null" { "none yet".to_owned() } else { format!("{rate} rps") };
        out.push_str(&format!(
            " about {}\n  target: {}, {}, signature {}, rate {rate}\n",
            field("subject"),
            of("mode"),
            of("phase"),
            of("signature")
        ));
    } else {
        out.push('\n');
    }
    if !explanation.refused.is_empty() {
        out.push_str("\nthe engine does not take it:\n");
        explanation.refused.iter().for_each(|why| out.push_str(&format!("  {why}\n")));
        return out;
    }
    if let Some(why) = &explanation.waits {
        out.push_str(&format!("  {why}; below is what would come of it now\n"));
    }
    for rule in &explanation.rules {
        out.push('\n');
        out.push_str(&rule_text(rule));
    }
    match explanation.rules.len() {
        0 => out.push_str("\nno rule is on its type\n"),
        _ if explanation.others == 0 => {}
        _ => out.push_str(&format!("\nrules on other types: {}\n", explanation.others)),
    }
    out
}

fn rule_text(rule: &Explained) -> String {
    let word = match rule.result {
        RuleResult::Matched => "matches",
        RuleResult::NoMatch => "does not match",
        RuleResult::Error => "does not match, for an error",
        RuleResult::BelowThreshold => "matches, but is below its threshold",
        RuleResult::Debounced => "matches, and is held",
        RuleResult::Throttled => "matches, but is throttled",
        RuleResult::Busy => "matches, but its target is busy",
    };
    let sign = if rule.result == RuleResult::Matched { '+' } else { '-' };
    let mut out = format!("{sign} {}: {word}  [{}:{}]\n", rule.rule, rule.path, rule.line);
    if matches!(rule.result, RuleResult::NoMatch | RuleResult::Error | RuleResult::Matched)
        && let Some(note) = &rule.note
    {
        out.push_str(&format!("    {note}\n"));
    }
    out.push_str(&parts(&rule.when));
    for Clause { clause, says, outcome } in &rule.clauses {
        out.push_str(&format!("    {clause:<10}{says}: {outcome}\n"));
    }
    if let Some(run) = rule.run.as_ref().filter(|run| run.inputs.is_some()) {
        let inputs = run.inputs.as_ref().and_then(Json::as_object).into_iter().flatten();
        let inputs: Vec<String> =
            inputs.map(|(name, input)| format!("{name}: {}", shortened(&input.to_string()))).collect();
        let starts = if run.starts { "" } else { "  (not made by this event)" };
        out.push_str(&format!("    {:<10}{}({}){starts}\n", "run", run.workflow, inputs.join(", ")));
    }
    for emit in &rule.emit {
        let when = emit.deliver_at.map(|moment| format!(", at {moment}")).unwrap_or_default();
        out.push_str(&format!("    {:<10}{} {}{when}\n", "emit", emit.kind, shortened(&emit.data.to_string())));
    }
    out
}

/// The condition, a line a part: `>` marks those that made it what it is.
fn parts(parts: &[Part]) -> String {
    let values: Vec<String> = parts
        .iter()
        .map(|part| match (&part.error, &part.value) {
            (Some(error), _) => format!("error: {error}"),
            (_, Some(value)) => shortened(&value.to_string()),
            (_, None) => "nothing".to_owned(),
        })
        .collect();
    let widest = values.iter().map(|value| value.chars().count()).filter(|width| *width <= LONGEST / 2).max();
    let width = widest.unwrap_or_default();
    let mut out = String::new();
    for (at, (part, value)) in parts.iter().zip(&values).enumerate() {
        let title = if at == 0 { "when" } else { "" };
        let mark = if part.decisive { '>' } else { ' ' };
        let blanks = "  ".repeat(part.depth);
        out.push_str(&format!("    {title:<8}{mark} {value:<width$}  {blanks}{}\n", part.text));
    }
    out
}

/// A value on one line; text without its quotes.
fn value(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let kept: String = text.chars().take(LONGEST - 1).collect();
    format!("{kept}…")
}

#[cfg(test)]
#[path = "event_tests.rs"]
mod tests;
