//! Steps and what they wait for become an order, or a description of every cycle.
//!
//! Works on places in the file (indices into the workflow's list of steps); `build` turns the result into a graph.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::graph::Edge;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::ir;

/// One step waits for another, and where that is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    pub(super) waiter: usize,
    pub(super) dependency: usize,
    pub(super) why: Edge,
    pub(super) span: Span,
}

/// Every wait of `steps`, by waiter and then as written, `needs` first; each pair of steps once.
///
/// `outer` are steps that have settled before the first of `steps` starts: naming one is no wait.
pub(super) fn waits(steps: &[ir::Step], outer: &[ir::Step], found: &mut Diagnostics) -> Vec<Wait> {
    let index: HashMap<&str, usize> = steps.iter().zip(0..).map(|(step, at)| (step.name.node.as_str(), at)).collect();
    let settled: BTreeSet<&str> = outer.iter().map(|step| step.name.node.as_str()).collect();
    let mut list = Vec::new();
    for (step, waiter) in steps.iter().zip(0..) {
        let mut seen = BTreeSet::new();
        let needs = step.needs.iter().map(|name| (name, Edge::Needs));
        let references = step.references.iter().map(|name| (name, Edge::Reference));
        for (name, why) in needs.chain(references) {
            match index.get(name.node.as_str()) {
                Some(&dependency) if seen.insert(dependency) => {
                    list.push(Wait { waiter, dependency, why, span: name.span });
                }
                Some(_) => {}
                None if settled.contains(name.node.as_str()) => {}
                None => {
                    let message = format!("step `{}` waits for `{}`, which does not exist", step.name.node, name.node);
                    found.push(Diagnostic::error(Code::UnknownStep, name.span, message));
                }
            }
        }
    }
    list
}

/// The places of all steps in topological order, of several ready ones the first in the file first; `None` where
/// there is a cycle.
pub(super) fn topological(count: usize, waits: &[Wait]) -> Option<Vec<usize>> {
    let mut open = vec![0_usize; count];
    let mut waiters: Vec<Vec<usize>> = vec![Vec::new(); count];
    for wait in waits {
        *open.get_mut(wait.waiter)? += 1;
        waiters.get_mut(wait.dependency)?.push(wait.waiter);
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        open.iter().zip(0..).filter(|(open, _)| **open == 0).map(|(_, at)| Reverse(at)).collect();
    let mut order = Vec::with_capacity(count);
    while let Some(Reverse(at)) = ready.pop() {
        order.push(at);
        for &waiter in waiters.get(at)? {
            let left = open.get_mut(waiter)?;
            *left -= 1;
            if *left == 0 {
                ready.push(Reverse(waiter));
            }
        }
    }
    (order.len() == count).then_some(order)
}

/// Most cycles that are told of one knot.
const MAX_CYCLES: usize = 16;

/// For each knot of steps that wait for each other: a shortest cycle through its first step in the file, and, unless giving up
/// one wait of it would untie the knot, what is left without the whole cycle.
pub(super) fn report_cycles(steps: &[ir::Step], waits: &[Wait], found: &mut Diagnostics) {
    let mut left = waits.to_vec();
    for _ in 0..MAX_CYCLES {
        let mut told: BTreeSet<(usize, usize)> = BTreeSet::new();
        for members in knots(steps.len(), &left) {
            let within = |wait: &Wait| members.contains(&wait.waiter) && members.contains(&wait.dependency);
            let inner: Vec<Wait> = left.iter().copied().filter(within).collect();
            let Some(cycle) = members.first().and_then(|first| shortest_cycle(*first, &inner)) else { continue };
            found.push(describe(steps, &cycle));
            let pair = |wait: &Wait| (wait.waiter, wait.dependency);
            let unties = |one: &Wait| {
                let rest: Vec<Wait> = inner.iter().copied().filter(|wait| pair(wait) != pair(one)).collect();
                topological(steps.len(), &rest).is_some()
            };
            told.extend(if cycle.iter().any(unties) { inner.iter().map(pair) } else { cycle.iter().map(pair) });
        }
        if told.is_empty() {
            return;
        }
        left.retain(|wait| !told.contains(&(wait.waiter, wait.dependency)));
    }
}

/// The steps that wait for each other, knot by knot; every other step is a knot of its own.
fn knots(count: usize, waits: &[Wait]) -> Vec<BTreeSet<usize>> {
    let mut graph: DiGraph<(), ()> = DiGraph::new();
    for _ in 0..count {
        graph.add_node(());
    }
    for wait in waits {
        graph.add_edge(NodeIndex::new(wait.waiter), NodeIndex::new(wait.dependency), ());
    }
    kosaraju_scc(&graph).into_iter().map(|knot| knot.into_iter().map(NodeIndex::index).collect()).collect()
}

/// A shortest way from `start` back to itself over `waits`; `None` where there is no way.
fn shortest_cycle(start: usize, waits: &[Wait]) -> Option<Vec<Wait>> {
    let mut by_waiter: HashMap<usize, Vec<Wait>> = HashMap::new();
    for wait in waits {
        by_waiter.entry(wait.waiter).or_default().push(*wait);
    }
    let mut came_by: HashMap<usize, Wait> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for wait in by_waiter.get(&at).into_iter().flatten() {
            if wait.dependency == start {
                let mut cycle = vec![*wait];
                let mut back = at;
                while back != start {
                    let step = came_by.get(&back)?;
                    cycle.push(*step);
                    back = step.waiter;
                }
                cycle.reverse();
                return Some(cycle);
            }
            if let Entry::Vacant(free) = came_by.entry(wait.dependency) {
                free.insert(*wait);
                queue.push_back(wait.dependency);
            }
        }
    }
    None
}

fn describe(steps: &[ir::Step], cycle: &[Wait]) -> Diagnostic {
    let name = |at: usize| steps.get(at).map_or("?", |step| step.name.node.as_str());
    let label = |wait: &Wait| {
        let verb = match wait.why {
            Edge::Needs => "needs",
            Edge::Reference => "refers to",
        };
        format!("`{}` {verb} `{}`", name(wait.waiter), name(wait.dependency))
    };
    let names: Vec<String> = cycle.iter().map(|wait| format!("`{}`", name(wait.dependency))).collect();
    let first = cycle.first().map_or(0, |wait| wait.waiter);
    let message = if cycle.len() == 1 {
        format!("step `{}` waits for itself", name(first))
    } else {
        format!("steps wait for each other: `{}` waits for {}", name(first), names.join(", which waits for "))
    };
    let span = cycle.first().map_or(Span::new(crate::base::source::SourceId(0), 0, 0), |wait| wait.span);
    let mut diagnostic = Diagnostic::error(Code::Cycle, span, message);
    for (wait, at) in cycle.iter().zip(0..) {
        diagnostic = if at == 0 { diagnostic.label(label(wait)) } else { diagnostic.also(wait.span, label(wait)) };
    }
    diagnostic.help(if cycle.len() == 1 {
        "a step's own output does not exist before it has run: remove this"
    } else {
        "remove one of these, so that one of the steps can start first"
    })
}
