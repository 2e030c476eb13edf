//! A plan as a Graphviz digraph: solid edges are `needs`, dashed ones references, dashed boxes may be skipped.

use super::{is_conditional, label, parts};
use crate::plan::Plan;
use crate::plan::graph::Edge;

pub(super) fn render(plan: &Plan) -> String {
    let mut out = format!("digraph {} {{\n  rankdir=TB;\n  node [shape=box];\n", quoted(plan.workflow.as_str()));
    for (letter, graph) in parts(plan) {
        if graph.is_empty() {
            continue;
        }
        let (indent, is_handler) = if letter == "f" { ("    ", true) } else { ("  ", false) };
        if is_handler {
            out.push_str("  subgraph cluster_on_failure {\n    label=\"on failure\";\n");
        }
        for (index, step) in graph.iter() {
            let style = if is_conditional(step) { ", style=dashed" } else { "" };
            let lines = label(step).join("\n");
            out.push_str(&format!("{indent}{letter}{} [label={}{style}];\n", index.0, quoted(&lines)));
        }
        for (before, after, why) in graph.edges() {
            let style = match why {
                Edge::Needs => "",
                Edge::Reference => " [style=dashed]",
            };
            out.push_str(&format!("{indent}{letter}{} -> {letter}{}{style};\n", before.0, after.0));
        }
        if is_handler {
            out.push_str("  }\n");
        }
    }
    out.push_str("}\n");
    out
}

/// A quoted DOT string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
