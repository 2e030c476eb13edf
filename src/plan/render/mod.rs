//! Plans as people and programs see them: text, JSON, Mermaid, DOT and SVG. The same plan always gives the same bytes.
//!
//! What it must not know: files, terminals, colours.

mod dot;
mod json;
mod mermaid;
mod svg;
mod text;

use super::graph::Graph;
use super::{Border, Plan, Step};

/// How to show a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// What people read.
    #[default]
    Text,
    /// What programs read.
    Json,
    /// A Mermaid flowchart.
    Mermaid,
    /// A Graphviz digraph.
    Dot,
    /// A picture.
    Svg,
}

/// The whole plan; ends with a line break.
pub fn render(plan: &Plan, format: Format) -> String {
    match format {
        Format::Text => text::render(plan),
        Format::Json => json::render(plan),
        Format::Mermaid => mermaid::render(plan),
        Format::Dot => dot::render(plan),
        Format::Svg => svg::render(plan),
    }
}

/// The two graphs of a plan with the letters that name their nodes in a drawing.
fn parts(plan: &Plan) -> [(&'static str, &Graph); 2] {
    [("s", &plan.steps), ("f", &plan.on_failure)]
}

/// The lines of a node's label: name, action, and what decides whether it runs.
fn label(step: &Step) -> Vec<String> {
    let mut lines = vec![step.name.to_string(), uses(step)];
    if let Some(condition) = &step.condition {
        lines.push(format!("if {}", one_line(condition.text())));
    }
    if let Some(each) = &step.for_each {
        lines.push(format!("for each {}", scalar(&super::canonical::written(&each.items))));
    }
    lines
}

/// What a step uses, or which side of which call it is.
fn uses(step: &Step) -> String {
    match step.border {
        None => format!("{}@{}", step.action.name, step.action.version),
        Some(Border::Entry) => format!("calls {}", step.action.name),
        Some(Border::Return) => format!("returns from {}", step.action.name),
    }
}

/// Whether a step may be passed over.
fn is_conditional(step: &Step) -> bool {
    step.condition.is_some() || step.for_each.is_some()
}

/// A value on one line: strings bare, everything else as JSON.
pub(in crate::plan) fn scalar(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => one_line(text),
        other => super::canonical::sorted(other.clone()).to_string(),
    }
}

/// Text without what would break a line or a terminal.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for letter in text.trim().chars() {
        match letter {
            '\n' => line.push_str("\\n"),
            '\t' => line.push_str("\\t"),
            control if control.is_control() => line.extend(control.escape_default()),
            other => line.push(other),
        }
    }
    line
}
