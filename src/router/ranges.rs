//! Which of many ranges a number lies in, found without asking each.

use super::test::{Bound, Figure, is_same};

/// Ranges of numbers, each with a rule.
///
/// The bounds cut the line into pieces: each bound, and each gap between two. A range is held by the few nodes of a binary
/// tree over the pieces that make it up, and a number is in the ranges of all nodes above its piece.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges {
    bounds: Box<[f64]>,
    /// Of the rules of each node, where its own begin; one more at the end. The root is node 1, the piece `p` of `n` is node
    /// `n + p`.
    starts: Box<[u32]>,
    rules: Box<[u32]>,
}

impl Ranges {
    pub(super) fn new(ranges: &[(Bound, Bound, u32)]) -> Self {
        let ends = ranges.iter().flat_map(|(low, high, _)| [*low, *high]);
        let mut bounds: Vec<f64> = ends
            .filter_map(|bound| match bound {
                Bound::Open => None,
                Bound::At { value, .. } => Some(value),
            })
            .collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        let pieces = 2 * bounds.len() + 1;
        let mut nodes: Vec<Vec<u32>> = vec![Vec::new(); 2 * pieces];
        for (low, high, rule) in ranges {
            let piece = |value: f64| 2 * bounds.partition_point(|bound| *bound < value) + 1;
            let mut first = pieces
                + match low {
                    Bound::Open => 0,
                    Bound::At { value, excluded } => piece(*value) + usize::from(*excluded),
                };
            let mut end = pieces
                + match high {
                    Bound::Open => pieces,
                    Bound::At { value, excluded } => piece(*value) + usize::from(!*excluded),
                };
            while first < end {
                if first % 2 == 1 {
                    nodes.get_mut(first).into_iter().for_each(|rules| rules.push(*rule));
                    first += 1;
                }
                if end % 2 == 1 {
                    end -= 1;
                    nodes.get_mut(end).into_iter().for_each(|rules| rules.push(*rule));
                }
                first /= 2;
                end /= 2;
            }
        }
        let mut starts = vec![0];
        let mut rules = Vec::new();
        for node in nodes {
            rules.extend(node);
            starts.push(u32::try_from(rules.len()).unwrap_or(u32::MAX));
        }
        Self { bounds: bounds.into(), starts: starts.into(), rules: rules.into() }
    }

    /// The rules whose ranges the number may lie in.
    pub(super) fn wake(&self, figure: Figure, woken: &mut Vec<u32>) {
        if self.rules.is_empty() {
            return;
        }
        if figure.value.is_nan() {
            woken.extend_from_slice(&self.rules);
            return;
        }
        let below = self.bounds.partition_point(|bound| *bound < figure.value);
        let is_bound = self.bounds.get(below).is_some_and(|bound| is_same(*bound, figure.value));
        match (is_bound, figure.exact) {
            (false, _) => self.climb(2 * below, woken),
            (true, true) => self.climb(2 * below + 1, woken),
            // It may be the bound, or a number beside it.
            (true, false) => (0..3).for_each(|beside| self.climb(2 * below + beside, woken)),
        }
    }

    fn climb(&self, piece: usize, woken: &mut Vec<u32>) {
        let mut node = 2 * self.bounds.len() + 1 + piece;
        while node > 0 {
            if let (Some(start), Some(end)) = (self.starts.get(node), self.starts.get(node + 1))
                && start < end
                && let Some(rules) = self.rules.get(*start as usize..*end as usize)
            {
                woken.extend_from_slice(rules);
            }
            node /= 2;
        }
    }
}
