//! A plan for people: what it takes, every step in the order in which it may start, and what each waits for.

use super::{one_line, scalar};
use crate::base::literal::format_duration;
use crate::model::action::Effect;
use crate::model::schema::Field;
use crate::plan::canonical::written;
use crate::plan::graph::Edge;
use crate::plan::{Border, Graph, Plan, Step, StepIndex, Undo};

pub(super) fn render(plan: &Plan) -> String {
    let mut out = format!("workflow {}\n", plan.workflow);
    if !plan.summary.is_empty() {
        out.push_str(&format!("  {}\n", one_line(&plan.summary)));
    }
    out.push_str(&format!("  plan {}\n", plan.digest));
    out.push_str("\ninputs\n");
    if plan.inputs.fields.is_empty() {
        out.push_str("  none\n");
    }
    for field in &plan.inputs.fields {
        out.push_str(&format!("  {}\n", input(field)));
    }
    out.push_str("\nsteps\n");
    steps(&plan.steps, &mut out);
    if plan.on_failure.is_empty() {
        out.push_str("\non failure\n  what can be undone is undone; the target is left degraded\n");
    } else {
        out.push_str("\non failure, once what can be undone is undone\n");
        steps(&plan.on_failure, &mut out);
    }
    if !plan.outputs.is_empty() {
        out.push_str("\noutputs\n");
        for (name, template) in &plan.outputs {
            out.push_str(&format!("  {name}: {}\n", scalar(&written(template))));
        }
    }
    out
}

fn input(field: &Field) -> String {
    let mark = if field.optional { "?" } else { "" };
    let null = if field.nullable { " or null" } else { "" };
    let docs = if field.docs.is_empty() { String::new() } else { format!("  # {}", one_line(&field.docs)) };
    format!("{}{mark}: {}{null}{docs}", field.name, field.shape)
}

fn steps(graph: &Graph, out: &mut String) {
    for (index, step) in graph.iter() {
        let number = (index.0 + 1).to_string();
        let docs = if step.docs.is_empty() { String::new() } else { format!("  # {}", one_line(&step.docs)) };
        out.push_str(&format!("  {number}. {}{docs}\n", step.name));
        for (title, text) in lines(graph, index, step) {
            out.push_str(&format!("       {title:<9}{text}\n"));
        }
    }
}

/// What is said of a step, each line with its title.
fn lines(graph: &Graph, index: StepIndex, step: &Step) -> Vec<(&'static str, String)> {
    let effect = match step.action.effect {
        Effect::None => "changes nothing",
        Effect::Idempotent => "may be repeated",
        Effect::AtMostOnce => "never repeated",
    };
    let mut list = Vec::new();
    list.push(match step.border {
        None => ("uses", format!("{}@{} ({effect})", step.action.name, step.action.version)),
        Some(Border::Entry) => ("calls", step.action.name.to_string()),
        Some(Border::Return) => ("returns", format!("what `{}` came to", step.action.name)),
    });
    let after: Vec<String> = graph
        .dependencies(index)
        .into_iter()
        .filter_map(|(before, why)| {
            let why = match why {
                Edge::Needs => "",
                Edge::Reference => " (refers to it)",
            };
            Some(format!("{}{why}", graph.step(before)?.name))
        })
        .collect();
    if !after.is_empty() {
        list.push(("after", after.join(", ")));
    }
    if let Some(condition) = &step.condition {
        list.push(("if", one_line(condition.text())));
    }
    if let Some(each) = &step.for_each {
        list.push(("for each", format!("{}, {} at a time", scalar(&written(&each.items)), each.concurrency)));
    }
    let title = if step.border == Some(Border::Return) { "gives" } else { "with" };
    list.extend(inputs(title, &written(&step.with)));
    if let Some(retry) = step.retry {
        let (backoff, most) = (format_duration(retry.backoff), format_duration(retry.max_backoff));
        list.push(("retry", format!("{} attempts, backoff {backoff} to {most}", retry.attempts)));
    }
    if let Some(timeout) = step.timeout {
        list.push(("timeout", format!("{} an attempt", format_duration(timeout))));
    }
    match &step.undo {
        None => {}
        Some(Undo::Previous) => list.push(("undo", "restores what was before".to_owned())),
        Some(Undo::Action { action, with }) => {
            list.push(("undo", format!("{}@{}", action.name, action.version)));
            list.extend(inputs("", &written(with)));
        }
    }
    if let Some(phase) = step.action.proposes {
        list.push(("phase", phase.as_str().to_owned()));
    }
    list
}

/// One line for each input, the first with the title.
fn inputs(title: &'static str, with: &serde_json::Value) -> Vec<(&'static str, String)> {
    let Some(entries) = with.as_object() else { return Vec::new() };
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| key.as_str());
    entries
        .into_iter()
        .zip(0..)
        .map(|((key, value), at)| (if at == 0 { title } else { "" }, format!("{key}: {}", scalar(value))))
        .collect()
}
