//! A graph of steps over petgraph, kept in a topological order that depends on nothing but the workflow's text.

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

use super::Step;

/// Names a step within its graph. Indices are in topological order, ties by place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepIndex(pub usize);

/// Why there is an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Edge {
    /// Written under `needs`, whether or not an expression refers to the step as well.
    Needs,
    /// An expression refers to the step.
    Reference,
}

impl Edge {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Needs => "needs",
            Self::Reference => "reference",
        }
    }
}

/// The steps of a workflow, or of its failure handler, and what waits for what.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    inner: DiGraph<Step, Edge>,
}

impl Graph {
    /// A graph of steps that are in topological order already; edges are (before, after, why).
    pub(super) fn from_ordered(steps: Vec<Step>, edges: impl IntoIterator<Item = (usize, usize, Edge)>) -> Self {
        let mut inner = DiGraph::new();
        for step in steps {
            inner.add_node(step);
        }
        for (before, after, why) in edges {
            inner.update_edge(NodeIndex::new(before), NodeIndex::new(after), why);
        }
        Self { inner }
    }

    pub fn len(&self) -> usize {
        self.inner.node_count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every step in topological order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (StepIndex, &Step)> {
        self.inner.node_indices().filter_map(|node| Some((StepIndex(node.index()), self.inner.node_weight(node)?)))
    }

    pub fn step(&self, index: StepIndex) -> Option<&Step> {
        self.inner.node_weight(NodeIndex::new(index.0))
    }

    /// The step of that name.
    pub fn find(&self, name: &str) -> Option<StepIndex> {
        self.iter().find(|(_, step)| step.name.as_str() == name).map(|(index, _)| index)
    }

    /// What must have settled before the step may start, in order.
    pub fn dependencies(&self, index: StepIndex) -> Vec<(StepIndex, Edge)> {
        let mut found: Vec<_> = self
            .inner
            .neighbors_directed(NodeIndex::new(index.0), Direction::Incoming)
            .filter_map(|node| {
                let edge = self.inner.find_edge(node, NodeIndex::new(index.0))?;
                Some((StepIndex(node.index()), *self.inner.edge_weight(edge)?))
            })
            .collect();
        found.sort_unstable();
        found
    }

    /// What waits for the step, in order.
    pub fn dependents(&self, index: StepIndex) -> Vec<StepIndex> {
        let mut found: Vec<_> = self
            .inner
            .neighbors_directed(NodeIndex::new(index.0), Direction::Outgoing)
            .map(|node| StepIndex(node.index()))
            .collect();
        found.sort_unstable();
        found
    }

    /// Every edge as (before, after, why), sorted.
    pub fn edges(&self) -> Vec<(StepIndex, StepIndex, Edge)> {
        let mut found: Vec<_> = self
            .inner
            .edge_references()
            .map(|edge| (StepIndex(edge.source().index()), StepIndex(edge.target().index()), *edge.weight()))
            .collect();
        found.sort_unstable();
        found
    }

    /// Whether `after` starts only once `before` has settled, directly or by way of other steps.
    pub fn waits_for(&self, after: StepIndex, before: StepIndex) -> bool {
        before != after
            && petgraph::algo::has_path_connecting(&self.inner, NodeIndex::new(before.0), NodeIndex::new(after.0), None)
    }
}
