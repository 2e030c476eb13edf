//! What is known of events and targets before any of them is there.

use std::collections::BTreeMap;

use crate::ir;
use crate::lint::solve::Domain;

/// The only type of event that a paused target takes.
const WAKE: &str = "WAKE";

pub(super) const MODES: &[&str] = &["observe", "recommend", "enforce"];
pub(super) const PHASES: &[&str] = &["stable", "adjusting", "degraded", PAUSED];
const PAUSED: &str = "paused";

/// What a rule's condition is evaluated with.
pub(super) fn of_rule(rule: &ir::Rule) -> Domain {
    let mut domain = of_target();
    if rule.on != WAKE {
        let awake = PHASES.iter().copied().filter(|phase| *phase != PAUSED).collect();
        domain.words.insert("target.phase".to_owned(), awake);
    }
    domain.owned = BTreeMap::from([("event.type".to_owned(), rule.on.clone())]);
    domain.bounds = BTreeMap::from([("event.priority".to_owned(), (0.0, 9.0))]);
    domain
}

/// What a step's condition is evaluated with.
pub(super) fn of_target() -> Domain {
    let words = [("target.phase", PHASES), ("target.mode", MODES)];
    let words = words.into_iter().map(|(thing, words)| (thing.to_owned(), words.to_vec())).collect();
    Domain { words, ..Domain::default() }
}

/// Why something is never so, or always, before anything is there; `None` where it is not for what is known of events
/// and targets.
pub(super) fn explain(text: &str, rule: &ir::Rule) -> Option<String> {
    Some(if text.contains("target.phase") {
        "a paused target takes no event but `WAKE`: no other rule sees it paused".to_owned()
    } else if text.contains("event.type") {
        format!("the rule is on `{}`, so that is the type of every event that it sees", rule.on)
    } else if text.contains("event.priority") {
        "priorities go from 0 to 9".to_owned()
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::{MODES, PHASES};
    use crate::model::target::{Mode, Phase};

    #[test]
    fn the_words_are_those_of_the_model() {
        let phases = [Phase::Stable, Phase::Adjusting, Phase::Degraded, Phase::Paused].map(Phase::as_str);
        assert_eq!(PHASES, phases);
        assert_eq!(MODES, [Mode::Observe, Mode::Recommend, Mode::Enforce].map(Mode::as_str));
    }
}
