//! The phases of a target, as one table. Nothing else decides what phase follows.

use crate::model::target::Phase;

/// What can happen to a target's phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A run takes the target.
    Begin,
    /// The run ended, and a `state.*` step or a failed run says where the target rests.
    Rest(Phase),
    /// The run ended and says nothing: the target rests as it did before.
    Restore { before: Phase },
    /// A person pauses the target.
    Pause,
    /// A person or a `WAKE` event resumes the target.
    Resume,
}

/// The phase that follows, or `None` where the trigger is not for this phase.
pub fn next(phase: Phase, trigger: Trigger) -> Option<Phase> {
    use Phase::{Adjusting, Degraded, Paused, Stable};
    match (phase, trigger) {
        (Stable | Degraded, Trigger::Begin) => Some(Adjusting),
        (Adjusting, Trigger::Rest(rest) | Trigger::Restore { before: rest }) if rest != Adjusting => Some(rest),
        (Stable | Degraded, Trigger::Pause) => Some(Paused),
        (Paused, Trigger::Resume) => Some(Stable),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Trigger, next};
    use crate::model::target::Phase::{self, Adjusting, Degraded, Paused, Stable};

    #[test]
    fn the_whole_table() {
        let phases = [Stable, Adjusting, Degraded, Paused];
        let triggers = [
            Trigger::Begin,
            Trigger::Rest(Stable),
            Trigger::Rest(Degraded),
            Trigger::Rest(Paused),
            Trigger::Rest(Adjusting),
            Trigger::Restore { before: Stable },
            Trigger::Restore { before: Degraded },
            Trigger::Pause,
            Trigger::Resume,
        ];
        let mut table = String::new();
        for phase in phases {
            for trigger in triggers {
                let following = next(phase, trigger).map_or("–", Phase::as_str);
                table.push_str(&format!("{:<10} {:<28} {following}\n", phase.as_str(), format!("{trigger:?}")));
            }
        }
        insta::assert_snapshot!(table);
    }

    #[test]
    fn no_run_ends_in_adjusting() {
        assert_eq!(next(Adjusting, Trigger::Rest(Adjusting)), None);
    }
}
