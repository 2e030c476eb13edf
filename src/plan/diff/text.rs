//! Differences as people read them: `+` is new, `-` is gone, `~` is another.

use serde_json::Value as Json;

use super::Change;
use crate::plan::render::scalar;

/// Longest value that stands on one line with its old one.
const SIDE_BY_SIDE: usize = 50;

pub(super) fn render(changes: &[Change]) -> String {
    if changes.is_empty() {
        return "no change in meaning\n".to_owned();
    }
    let mut out = String::new();
    // The thing, and the part of it, that the lines above are about.
    let (mut thing, mut part): (Option<(&str, &str)>, Option<&[String]>) = (None, None);
    for change in changes {
        let sign = sign(change);
        if change.path.is_empty() {
            out.push_str(&format!("{sign} {} {}\n", change.kind, change.name));
            thing = None;
            continue;
        }
        if thing != Some((change.kind, change.name.as_str())) {
            out.push_str(&format!("~ {} {}\n", change.kind, change.name));
            (thing, part) = (Some((change.kind, change.name.as_str())), None);
        }
        // A step, an input or an output is named on a line of its own, what changed in it below.
        let title = |place: &[String]| match place {
            [section, name] => match section.as_str() {
                "steps" => format!("step {name}"),
                "on_failure" => format!("step {name} on failure"),
                "inputs" => format!("input {name}"),
                "outputs" => format!("output {name}"),
                "fields" => format!("field {name}"),
                _ => place.join("."),
            },
            _ => place.join("."),
        };
        let whole = ["steps", "on_failure", "inputs", "outputs", "fields"];
        let is_part = change.path.first().is_some_and(|section| whole.contains(&section.as_str()));
        match change.path.split_at_checked(2) {
            Some((place, [])) if is_part => {
                out.push_str(&line(4, sign, &format!("{}{}", title(place), optional(change)), change));
                part = None;
            }
            Some((place, rest)) if is_part => {
                if part != Some(place) {
                    out.push_str(&format!("    ~ {}\n", title(place)));
                    part = Some(place);
                }
                out.push_str(&line(8, sign, &rest.join("."), change));
            }
            _ => out.push_str(&line(4, sign, &change.path.join("."), change)),
        }
    }
    let count = changes.len();
    out.push_str(&format!("\n{count} {}\n", if count == 1 { "change" } else { "changes" }));
    out
}

fn sign(change: &Change) -> char {
    match (&change.old, &change.new) {
        (None, _) => '+',
        (_, None) => '-',
        _ => '~',
    }
}

/// The mark of an input or field that may be left out, where it is new or gone.
fn optional(change: &Change) -> &'static str {
    let field = change.old.as_ref().or(change.new.as_ref());
    let is_optional = field.and_then(|field| field.get("optional")).and_then(Json::as_bool);
    if is_optional == Some(true) { "?" } else { "" }
}

/// One difference: what it is about, and both values.
fn line(indent: usize, sign: char, title: &str, change: &Change) -> String {
    let blanks = " ".repeat(indent);
    let title = title.strip_prefix("after.").map_or(title.to_owned(), |step| format!("after {step}"));
    match (change.old.as_ref().map(value), change.new.as_ref().map(value)) {
        (Some(old), Some(new)) if old.chars().count() + new.chars().count() <= 2 * SIDE_BY_SIDE => {
            format!("{blanks}{sign} {title}: {old} → {new}\n")
        }
        (Some(old), Some(new)) => format!("{blanks}{sign} {title}:\n{blanks}    - {old}\n{blanks}    + {new}\n"),
        (old, new) => match old.or(new).filter(|value| !value.is_empty()) {
            Some(value) => format!("{blanks}{sign} {title}: {value}\n"),
            None => format!("{blanks}{sign} {title}\n"),
        },
    }
}

/// A value on one line; of a step that is new or gone, what it uses; of a field, its type.
fn value(value: &Json) -> String {
    let named = |key: &str| value.get(key).and_then(Json::as_str);
    match (named("action"), value.get("type"), value) {
        (Some(action), ..) => action.to_owned(),
        (_, Some(kind), _) => scalar(kind),
        (.., Json::Object(map)) if map.is_empty() => String::new(),
        _ => scalar(value),
    }
}
