//! `docs/reference/actions.md`, from the catalogue.

use homeostat::model::action::{ActionSignature, Effect};
use homeostat::model::schema::{Object, Shape};

use super::{MADE, cell, hold};

#[test]
fn every_action_is_described() {
    let catalogue = homeostat::action::catalogue();
    let mut page = format!(
        "{MADE}# Actions\n\nWhat a step of a workflow can `use`. [Workflows](../workflows.md) says how a step gives an action \
         its inputs\nand reads its output. A `?` marks what may be absent; what is absent is left out, never null.\n"
    );
    for action in catalogue.iter() {
        page.push_str(&section(action));
    }
    assert!(catalogue.iter().count() > 0);
    hold("docs/reference/actions.md", &page);
}

fn section(action: &ActionSignature) -> String {
    let ActionSignature { name, docs, version, .. } = action;
    let mut text = format!("\n## `{name}`\n\n{docs}\n\n");
    text.push_str(&format!("- Effect: {}\n", effect(action.effect)));
    text.push_str(if action.undoable {
        "- Undo: takes `undo: previous`\n"
    } else {
        "- Undo: nothing to restore; `undo: previous` is an error\n"
    });
    if let Some(phase) = action.proposes {
        text.push_str(&format!("- Phase: proposes `{}`\n", phase.as_str()));
    }
    let notes = [
        (action.needs_target, "- Target: needed\n"),
        (action.sets_rate, "- Rate: its `total_rps` is the target's rate from then on\n"),
        (action.loads_target, "- Load: events that come in meanwhile are marked `during_test`\n"),
    ];
    notes.iter().filter(|(holds, _)| *holds).for_each(|(_, note)| text.push_str(note));
    if !action.one_of.is_empty() {
        let names: Vec<String> = action.one_of.iter().map(|name| format!("`{name}`")).collect();
        text.push_str(&format!("- Exactly one of these inputs: {}\n", names.join(", ")));
    }
    text.push_str(&format!("- Version: {version}\n"));
    text.push_str(&fields("Input", &action.inputs));
    text.push_str(&fields("Output", &action.output));
    text
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::None => "none; it may be performed again freely",
        Effect::Idempotent => "performed again under the same key after a crash, which changes nothing more",
        Effect::AtMostOnce => "performed at most once; a crash in the middle of it fails the run",
    }
}

fn fields(title: &str, object: &Object) -> String {
    if object.fields.is_empty() {
        return format!("\n{title}: nothing.\n");
    }
    let mut text = format!("\n| {} | type | |\n| --- | --- | --- |\n", title.to_lowercase());
    rows("", object, &mut text);
    text
}

/// A row for each field, and for the fields of what it holds.
fn rows(path: &str, object: &Object, text: &mut String) {
    for field in &object.fields {
        let name = format!("{path}{}", field.name);
        let mark = if field.optional { "?" } else { "" };
        let null = if field.nullable { " or null" } else { "" };
        text.push_str(&format!("| `{name}{mark}` | `{}`{null} | {} |\n", field.shape, cell(&field.docs)));
        match &field.shape {
            Shape::Object(inner) => rows(&format!("{name}."), inner, text),
            Shape::List(item) => {
                if let Shape::Object(inner) = item.as_ref() {
                    rows(&format!("{name}[]."), inner, text);
                }
            }
            _ => {}
        }
    }
}
