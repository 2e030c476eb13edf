//! Which of many prefixes a text begins with, found without asking each; suffixes are the same from the other end.

use std::collections::BTreeMap;

/// Prefixes or suffixes, each with rules.
///
/// They lie in order, and each knows the longest that it begins with itself. A text begins only with the last one that is
/// not above it, or with those that this one begins with.
#[derive(Clone, Debug, Default)]
pub(super) struct Affixes {
    list: Box<[Affix]>,
    from_end: bool,
}

#[derive(Clone, Debug)]
struct Affix {
    /// From the outer end on.
    bytes: Box<[u8]>,
    /// The longest other one that it begins with.
    shorter: Option<usize>,
    rules: Box<[u32]>,
}

impl Affixes {
    pub(super) fn new(affixes: Vec<(String, u32)>, from_end: bool) -> Self {
        let mut by_bytes: BTreeMap<Vec<u8>, Vec<u32>> = BTreeMap::new();
        for (text, rule) in affixes {
            let bytes = if from_end { text.bytes().rev().collect() } else { text.into_bytes() };
            by_bytes.entry(bytes).or_default().push(rule);
        }
        let mut list: Vec<Affix> = Vec::with_capacity(by_bytes.len());
        for (bytes, rules) in by_bytes {
            let mut shorter = list.len().checked_sub(1);
            while let Some(other) = shorter.and_then(|at| list.get(at)) {
                if bytes.starts_with(&other.bytes) {
                    break;
                }
                shorter = other.shorter;
            }
            list.push(Affix { bytes: bytes.into(), shorter, rules: rules.into() });
        }
        Self { list: list.into(), from_end }
    }

    /// The rules whose prefixes, or suffixes, the text has.
    pub(super) fn wake(&self, text: &str, woken: &mut Vec<u32>) {
        let text = text.as_bytes();
        let above = self.list.partition_point(|affix| !self.is_above(&affix.bytes, text));
        let mut at = above.checked_sub(1);
        while let Some(affix) = at.and_then(|at| self.list.get(at)) {
            if self.begins(text, &affix.bytes) {
                woken.extend_from_slice(&affix.rules);
            }
            at = affix.shorter;
        }
    }

    fn is_above(&self, affix: &[u8], text: &[u8]) -> bool {
        if self.from_end { affix.iter().gt(text.iter().rev()) } else { affix > text }
    }

    fn begins(&self, text: &[u8], affix: &[u8]) -> bool {
        if self.from_end {
            text.len() >= affix.len() && affix.iter().eq(text.iter().rev().take(affix.len()))
        } else {
            text.starts_with(affix)
        }
    }
}
