//! A plan as a Mermaid flowchart: solid arrows are `needs`, dotted ones references, hexagons may be skipped.

use super::{is_conditional, label, parts};
use crate::plan::Plan;
use crate::plan::graph::Edge;

pub(super) fn render(plan: &Plan) -> String {
    let mut out = format!("---\ntitle: {}\n---\nflowchart TD\n", plan.workflow);
    for (letter, graph) in parts(plan) {
        if graph.is_empty() {
            continue;
        }
        let (indent, is_handler) = if letter == "f" { ("    ", true) } else { ("  ", false) };
        if is_handler {
            out.push_str("  subgraph on_failure[\"on failure\"]\n");
        }
        for (index, step) in graph.iter() {
            let lines: Vec<String> = label(step).iter().map(|line| escaped(line)).collect();
            let (open, close) = if is_conditional(step) { ("{{", "}}") } else { ("[", "]") };
            out.push_str(&format!("{indent}{letter}{}{open}\"{}\"{close}\n", index.0, lines.join("<br/>")));
        }
        for (before, after, why) in graph.edges() {
            let arrow = match why {
                Edge::Needs => "-->",
                Edge::Reference => "-.->",
            };
            out.push_str(&format!("{indent}{letter}{} {arrow} {letter}{}\n", before.0, after.0));
        }
        if is_handler {
            out.push_str("  end\n");
        }
    }
    out
}

/// Text within a quoted label: what Mermaid or HTML would read as its own is written as an entity.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("#quot;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            '#' | '`' | '\\' | ';' => out.push_str(&format!("#{};", u32::from(letter))),
            other => out.push(other),
        }
    }
    out
}
