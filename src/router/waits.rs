//! The rules that wait for what lies at one path, found by what is seen there.

use std::collections::HashMap;

use super::affixes::Affixes;
use super::ranges::Ranges;
use super::test::{Answer, Bound, Kind, Kinds, Seen, Test};
use crate::expression::fact::Constant;

/// Who waits at one path while the index is made.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    waits: Waits,
    ranges: Vec<(Bound, Bound, u32)>,
    prefixes: Vec<(String, u32)>,
    suffixes: Vec<(String, u32)>,
}

/// Who waits at one path.
#[derive(Clone, Debug, Default)]
pub(super) struct Waits {
    /// For anything of a kind.
    kinds: [Vec<u32>; Kind::ALL.len()],
    booleans: [Vec<u32>; 2],
    numbers: HashMap<u64, Vec<u32>>,
    texts: HashMap<Box<str>, Vec<u32>>,
    ranges: Ranges,
    prefixes: Affixes,
    suffixes: Affixes,
}

impl Waiting {
    /// The rule waits for the test not to be false, but not at values of the kinds that are `out`.
    pub(super) fn add(&mut self, test: &Test, default: Option<&Constant>, out: Kinds, rule: u32) {
        for kind in Kind::ALL.into_iter().filter(|kind| !out.contains(*kind)) {
            match test.answer(kind, default) {
                Answer::Never => {}
                Answer::Always => self.waits.kinds.get_mut(kind as usize).into_iter().for_each(|list| push(list, rule)),
                Answer::ByValue => self.add_values(test, kind, rule),
            }
        }
    }

    fn add_values(&mut self, test: &Test, kind: Kind, rule: u32) {
        match test {
            Test::Among(constants) => {
                for constant in constants {
                    match (constant, kind) {
                        (Constant::Bool(value), Kind::Bool) => push(self.waits.boolean(*value), rule),
                        (Constant::Number(value), Kind::Number) => {
                            push(self.waits.numbers.entry(bits(*value)).or_default(), rule);
                        }
                        (Constant::Text(text), Kind::Text) => {
                            push(self.waits.texts.entry(text.as_str().into()).or_default(), rule);
                        }
                        _ => {}
                    }
                }
            }
            Test::Within { low, high } => self.ranges.push((*low, *high, rule)),
            Test::Prefix(prefix) => self.prefixes.push((prefix.clone(), rule)),
            Test::Suffix(suffix) => self.suffixes.push((suffix.clone(), rule)),
            Test::Is(value) => push(self.waits.boolean(*value), rule),
            Test::NotAmong(_) | Test::Present | Test::Absent => {}
        }
    }

    pub(super) fn finish(self) -> Waits {
        Waits {
            ranges: Ranges::new(&self.ranges),
            prefixes: Affixes::new(self.prefixes, false),
            suffixes: Affixes::new(self.suffixes, true),
            ..self.waits
        }
    }
}

impl Waits {
    /// The rules that what is seen does not rule out, in no order; one may come twice.
    pub(super) fn wake(&self, seen: Seen<'_>, woken: &mut Vec<u32>) {
        if let Some(rules) = self.kinds.get(seen.kind() as usize) {
            woken.extend_from_slice(rules);
        }
        match seen {
            Seen::Bool(value) => {
                let [no, yes] = &self.booleans;
                woken.extend_from_slice(if value { yes } else { no });
            }
            Seen::Number(figure) => {
                if !self.numbers.is_empty()
                    && let Some(rules) = self.numbers.get(&bits(figure.value))
                {
                    woken.extend_from_slice(rules);
                }
                self.ranges.wake(figure, woken);
            }
            Seen::Text(text) => {
                if !self.texts.is_empty()
                    && let Some(rules) = self.texts.get(text)
                {
                    woken.extend_from_slice(rules);
                }
                self.prefixes.wake(text, woken);
                self.suffixes.wake(text, woken);
            }
            Seen::Unreachable | Seen::Missing | Seen::Null | Seen::Nested => {}
        }
    }

    fn boolean(&mut self, value: bool) -> &mut Vec<u32> {
        let [no, yes] = &mut self.booleans;
        if value { yes } else { no }
    }
}

/// A number by which equal ones are found.
fn bits(value: f64) -> u64 {
    // Zero has no sign here.
    (value + 0.0).to_bits()
}

/// Rules come in their order, so that one that is there already is the last.
fn push(list: &mut Vec<u32>, rule: u32) {
    if list.last() != Some(&rule) {
        list.push(rule);
    }
}
