//! The trees of every program that was asked about, kept as long as nothing changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::index::Index;
use super::workspace::Program;

/// Trees by program, each with the number of the change after which they were made.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    known: BTreeMap<Program, (u64, Arc<Index>)>,
}

impl Indexes {
    /// The trees of a program as they were made last, and whether nothing has changed since.
    pub(super) fn get(&self, program: &Program, change: u64) -> Option<(Arc<Index>, bool)> {
        self.known.get(program).map(|(made, index)| (Arc::clone(index), *made == change))
    }

    /// Keeps them. Of programs that nobody has asked about for `forgotten` changes, nothing is kept.
    pub(super) fn put(&mut self, program: Program, change: u64, index: Arc<Index>, forgotten: u64) {
        self.known.retain(|_, (made, _)| change.saturating_sub(*made) < forgotten);
        self.known.insert(program, (change, index));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::source::Sources;

    fn program(name: &str) -> Program {
        Program { paths: vec![name.into()], configuration: None, is_named: true, is_flat: false }
    }

    fn index(texts: &[(&str, &str)], before: Option<&Index>) -> Arc<Index> {
        let mut sources = Sources::new();
        for (path, text) in texts {
            sources.add(*path, *text);
        }
        Arc::new(Index::new(sources, &crate::action::catalogue().into(), before))
    }

    #[test]
    fn only_what_has_changed_is_read_again() {
        let first = index(&[("a.rules", "event A {}"), ("b.yaml", "workflow: b\nsteps: {}")], None);
        let second = index(&[("a.rules", "event B {}"), ("b.yaml", "workflow: b\nsteps: {}")], Some(&first));
        assert!(!Arc::ptr_eq(&first.files[0], &second.files[0]));
        assert!(Arc::ptr_eq(&first.files[1], &second.files[1]));
        assert!(second.event("B").is_some() && second.event("A").is_none());
        // In another place of the list its spans would be wrong.
        let third = index(&[("b.yaml", "workflow: b\nsteps: {}")], Some(&second));
        assert!(!Arc::ptr_eq(&second.files[1], &third.files[0]));
    }

    #[test]
    fn trees_are_kept_while_nothing_changes_and_forgotten_once_nobody_asks() {
        let mut indexes = Indexes::default();
        let made = index(&[], None);
        indexes.put(program("a"), 1, Arc::clone(&made), 10);
        let (found, is_new) = indexes.get(&program("a"), 1).unwrap();
        assert!(is_new && Arc::ptr_eq(&found, &made));
        let (found, is_new) = indexes.get(&program("a"), 2).unwrap();
        assert!(!is_new && Arc::ptr_eq(&found, &made));
        indexes.put(program("b"), 11, made, 10);
        assert!(indexes.get(&program("a"), 11).is_none() && indexes.get(&program("b"), 11).is_some());
    }
}
