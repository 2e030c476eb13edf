//! Keys as other tools call them, and what they are called here.

use crate::base::suggest::nearest;
use crate::syntax::yaml::Node;

/// A key of others, and the keys of ours that it may stand for: the first that is known at the place.
const FOREIGN: &[(&str, &[&str])] = &[
    ("name", &["workflow", "summary"]),
    ("id", &["workflow"]),
    ("description", &["summary"]),
    ("desc", &["summary"]),
    ("title", &["summary"]),
    ("doc", &["summary"]),
    ("comment", &["summary"]),
    ("params", &["inputs", "with"]),
    ("parameters", &["inputs", "with"]),
    ("arguments", &["inputs", "with"]),
    ("args", &["inputs", "with"]),
    ("variables", &["inputs"]),
    ("vars", &["inputs", "with"]),
    ("inputs", &["with"]),
    ("input", &["inputs", "with"]),
    ("results", &["outputs"]),
    ("returns", &["outputs"]),
    ("tasks", &["steps"]),
    ("jobs", &["steps"]),
    ("stages", &["steps"]),
    ("states", &["steps"]),
    ("activities", &["steps"]),
    ("on_error", &["on_failure"]),
    ("onError", &["on_failure"]),
    ("onFailure", &["on_failure"]),
    ("on-failure", &["on_failure"]),
    ("onExit", &["on_failure"]),
    ("catch", &["on_failure"]),
    ("errors", &["on_failure"]),
    ("action", &["uses"]),
    ("run", &["uses"]),
    ("type", &["uses"]),
    ("task", &["uses"]),
    ("call", &["uses"]),
    ("do", &["uses"]),
    ("when", &["if"]),
    ("condition", &["if"]),
    ("unless", &["if"]),
    ("depends", &["needs"]),
    ("depends_on", &["needs"]),
    ("dependsOn", &["needs"]),
    ("dependencies", &["needs"]),
    ("after", &["needs"]),
    ("requires", &["needs"]),
    ("retries", &["retry"]),
    ("retryStrategy", &["retry"]),
    ("retry_policy", &["retry"]),
    ("timeout-minutes", &["timeout"]),
    ("timeoutSeconds", &["timeout"]),
    ("activeDeadlineSeconds", &["timeout"]),
    ("deadline", &["timeout"]),
    ("withItems", &["for_each"]),
    ("withParam", &["for_each"]),
    ("with_items", &["for_each"]),
    ("foreach", &["for_each"]),
    ("forEach", &["for_each"]),
    ("loop", &["for_each"]),
    ("matrix", &["for_each"]),
    ("items", &["for_each"]),
    ("parallelism", &["concurrency"]),
    ("parallel", &["concurrency"]),
    ("max-parallel", &["concurrency"]),
    ("rollback", &["undo"]),
    ("compensate", &["undo"]),
    ("revert", &["undo"]),
    ("limit", &["attempts"]),
    ("max_attempts", &["attempts"]),
    ("maxAttempts", &["attempts"]),
    ("times", &["attempts"]),
    ("count", &["attempts"]),
    ("max", &["max_backoff"]),
    ("max_delay", &["max_backoff"]),
    ("max_interval", &["max_backoff"]),
    ("delay", &["backoff"]),
    ("interval", &["backoff"]),
    ("wait", &["backoff"]),
];

/// What has no key here, and what there is in its place.
const ELSEWHERE: &[(&str, &str)] = &[
    ("on", "a workflow does not say when it runs: a rule does, in a `.rules` file"),
    ("trigger", "a workflow does not say when it runs: a rule does, in a `.rules` file"),
    ("triggers", "a workflow does not say when it runs: a rule does, in a `.rules` file"),
    ("schedule", "a workflow does not say when it runs: a rule does, in a `.rules` file"),
    ("env", "steps see no environment: give a value with `with`"),
    ("continue-on-error", "what happens after a failure is said in `on_failure`"),
    ("continue_on_error", "what happens after a failure is said in `on_failure`"),
    ("version", "a workflow has no version of its own: its digest names it"),
    ("on_failure", "it stands beside `steps`: it is for the workflow as a whole"),
    ("<<", "YAML's merge keys are not known here: write the keys out"),
];

/// The key of ours that `key` was meant to be, among those known at its place.
pub(super) fn meant<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let ours = FOREIGN.iter().find(|(foreign, _)| *foreign == key).map_or(&[][..], |(_, ours)| *ours);
    let foreign = ours.iter().find_map(|ours| known.iter().copied().find(|known| known == ours));
    foreign.or_else(|| nearest(key, known.iter().copied()))
}

/// What to do in place of a key that has no counterpart.
pub(super) fn elsewhere(key: &str) -> Option<&'static str> {
    ELSEWHERE.iter().find(|(foreign, _)| *foreign == key).map(|(_, help)| *help)
}

/// What to write for an input that is described as in a JSON Schema, with `type` among other words of its own.
pub(super) fn like_json_schema(node: &Node, name: &str) -> Option<String> {
    let described = ["required", "optional", "default", "description", "enum"];
    let kind = node.get("type")?.as_str()?;
    let entries = node.as_map()?;
    let all_known = entries.iter().all(|(key, _)| key.name == "type" || described.contains(&key.name.as_str()));
    if !all_known || entries.len() < 2 {
        return None;
    }
    let name = name.trim_end_matches('?');
    let help = format!("write `{name}: {kind}`, or `{name}?: {kind}` where it may be left out");
    let has_default = node.get("default").is_some();
    Some(if has_default {
        format!("{help}; what to take then is said where it is read: `.?{name}.orValue(…)`")
    } else {
        help
    })
}
