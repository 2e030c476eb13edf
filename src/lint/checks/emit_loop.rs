//! Rules that emit each other's events at once.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic};
use crate::lint::{Findings, Level, Lint, Subject};
use crate::model::event::MAX_CHAIN;
use crate::syntax::rules::ast::ClauseKind;

pub(super) const LINT: Lint =
    Lint { name: "emit-loop", code: Code::EmitLoop, level: Level::Warn, page: include_str!("emit_loop.md"), check };

/// An event leads to another one at once.
struct Link<'a> {
    from: &'a str,
    to: &'a str,
    place: Span,
}

fn check(subject: &Subject<'_>, findings: &mut Findings) {
    let links = links(subject);
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for link in &links {
        next.entry(link.from).or_default().push(link.to);
    }
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for link in &links {
        let back = reach(link.to, &next);
        if !back.contains(link.from) || told.contains(link.from) {
            continue;
        }
        let circle: BTreeSet<&str> = back.into_iter().filter(|event| reach(event, &next).contains(link.from)).collect();
        told.extend(&circle);
        let message = if link.from == link.to {
            format!("`{}` is emitted for every `{}`, at once and without end", link.to, link.from)
        } else {
            format!("`{}` leads to `{}`, and that back to `{}`, at once and without end", link.from, link.to, link.from)
        };
        let mut finding = Diagnostic::warning(Code::EmitLoop, link.place, message)
            .label(format!("the chain is cut off after {MAX_CHAIN} events"))
            .help("delay it with `after`, emit it only `when` something has changed, or break the circle");
        for other in links.iter().filter(|other| other.place != link.place) {
            if circle.contains(other.from) && circle.contains(other.to) {
                finding = finding.also(other.place, format!("`{}` leads to `{}` here", other.from, other.to));
            }
        }
        findings.push(finding);
    }
}

fn links<'a>(subject: &Subject<'a>) -> Vec<Link<'a>> {
    let mut links = Vec::new();
    for rule in &subject.rules {
        let checked = rule.rule;
        // What waits for more matches, or for time to pass, goes round slowly or not at all.
        if checked.threshold.is_some_and(|it| it.count > 1) || checked.debounce.is_some() || checked.throttle.is_some()
        {
            continue;
        }
        let clauses = rule.tree.clauses.iter().filter(|clause| matches!(clause.kind, ClauseKind::Emit { .. }));
        for (emit, clause) in checked.emit.iter().zip(clauses).filter(|(emit, _)| emit.after.is_zero()) {
            links.push(Link { from: &checked.on, to: &emit.event, place: clause.span });
        }
    }
    links
}

/// All events that `from` leads to, itself included.
fn reach<'a>(from: &'a str, next: &BTreeMap<&'a str, Vec<&'a str>>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(event) = open.pop() {
        for to in next.get(event).into_iter().flatten() {
            if found.insert(to) {
                open.push(to);
            }
        }
    }
    found
}
