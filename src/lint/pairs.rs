//! Which of many rules are worth holding against each other: not those whose conditions fix one thing to different
//! constants. That is known without looking at each pair.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::iter::Peekable;

/// Most pairs of a program that are looked at closely: after so many, what a lint does not say may still be so.
pub(super) const MAX_PAIRS: usize = 100_000;

/// What each of some rules fixes, as [`super::solve::fixed`] tells.
type Fixed = BTreeMap<String, String>;

/// Rules by their place in a list, found by what they fix.
#[derive(Debug)]
pub(super) struct Pairs {
    fixed: Vec<Fixed>,
    /// The thing that tells most of them apart.
    thing: Option<String>,
    /// Those that fix it, by its value, in order.
    by_value: HashMap<String, Vec<usize>>,
    /// Those that do not, in order.
    others: Vec<usize>,
    all: Vec<usize>,
}

impl Pairs {
    pub(super) fn new(fixed: Vec<Fixed>) -> Self {
        let mut values: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
        for (thing, value) in fixed.iter().flatten() {
            values.entry(thing).or_default().insert(value);
        }
        let most = values.iter().max_by_key(|(_, values)| values.len()).map(|(thing, _)| (*thing).to_owned());
        let mut by_value: HashMap<String, Vec<usize>> = HashMap::new();
        let mut others = Vec::new();
        for (place, fixed) in fixed.iter().enumerate() {
            match most.as_ref().and_then(|thing| fixed.get(thing)) {
                Some(value) => by_value.entry(value.clone()).or_default().push(place),
                None => others.push(place),
            }
        }
        let all = (0..fixed.len()).collect();
        Self { fixed, thing: most, by_value, others, all }
    }

    /// The rules, in order, that do not exclude the one at `place` by what they fix; itself among them.
    pub(super) fn beside(&self, place: usize) -> impl Iterator<Item = usize> {
        let own = self.fixed.get(place);
        let value = self.thing.as_ref().and_then(|thing| own?.get(thing));
        let (same, rest) = match value {
            Some(value) => (self.by_value.get(value).map(Vec::as_slice).unwrap_or_default(), self.others.as_slice()),
            None => (self.all.as_slice(), &[][..]),
        };
        let excludes = move |other: &usize| match (own, self.fixed.get(*other)) {
            (Some(own), Some(other)) => own.iter().any(|(thing, value)| other.get(thing).is_some_and(|is| is != value)),
            _ => false,
        };
        merged(same.iter().copied().peekable(), rest.iter().copied().peekable()).filter(move |other| !excludes(other))
    }
}

/// Two ascending lists as one.
fn merged<I: Iterator<Item = usize>>(mut a: Peekable<I>, mut b: Peekable<I>) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || match (a.peek(), b.peek()) {
        (Some(first), Some(second)) if second < first => b.next(),
        (None, _) => b.next(),
        _ => a.next(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The same rules as looking at every pair would give, in the same order.
        #[test]
        fn none_is_left_out_that_is_not_excluded(
            fixed in prop::collection::vec(prop::collection::btree_map("[ab]", "[123]", 0..3), 0..12),
        ) {
            let pairs = Pairs::new(fixed.clone());
            for (place, own) in fixed.iter().enumerate() {
                let agree = |other: &Fixed| own.iter().all(|(thing, value)| other.get(thing).is_none_or(|is| is == value));
                let expected: Vec<usize> = (0..fixed.len()).filter(|other| agree(&fixed[*other])).collect();
                prop_assert_eq!(pairs.beside(place).collect::<Vec<_>>(), expected);
            }
        }
    }

    #[test]
    fn what_is_told_apart_is_not_looked_at() {
        let rule =
            |at: usize| Fixed::from([("kind".to_owned(), at.to_string()), ("urgent".to_owned(), "true".to_owned())]);
        let pairs = Pairs::new((0..1_000).map(rule).collect());
        assert_eq!(pairs.by_value.len(), 1_000);
        assert_eq!(pairs.beside(7).collect::<Vec<_>>(), [7]);
    }
}
