//! What a detector sees becomes what is to be told, each change once.
//!
//! A state is told when it has held for as long as is wanted, and again only when it was another one in between. Of what
//! could not be told yet the latest counts. Pure: time comes in as a value.
//! What it must not know: what is looked at, and who is told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::base::clock::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::TargetName;
use crate::model::detector::DetectorSettings;
use crate::model::schema::JsonMap;

/// Something that one look shows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sight {
    /// Tells it from what else the same look shows.
    pub key: String,
    pub target: Option<TargetName>,
    /// What a change of is told; `None`: nothing is there that would be told.
    pub state: Option<Json>,
    /// What the expressions of the event see.
    pub names: JsonMap,
}

/// What is kept of a detector.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// What was watched.
    pub of: String,
    /// By key.
    pub told: BTreeMap<String, Told>,
}

/// The last that was told under one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Told {
    state: String,
    at: Timestamp,
}

/// What is to be told and is not yet.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pending {
    pub sight: Sight,
    state: String,
    /// Since when it was seen. The same for every try to tell it, so that it names the change.
    pub since: Timestamp,
    is_due: bool,
}

/// What was told and what is to be.
#[derive(Clone, Debug)]
pub(super) struct Telling {
    lasting: Duration,
    repeat: Option<Duration>,
    memory: Memory,
    pending: BTreeMap<String, Pending>,
    /// What the first look of all shows is taken as told.
    takes_first: bool,
    is_dirty: bool,
}

impl Telling {
    /// Goes on from what is kept; what was kept of something else that was watched says nothing.
    pub(super) fn new(settings: &DetectorSettings, kept: Option<Memory>) -> Self {
        let of = settings.watched.digest().to_string();
        let kept = kept.filter(|kept| kept.of == of);
        Self {
            lasting: settings.lasting,
            repeat: settings.repeat,
            takes_first: kept.is_none() && !settings.tells_first,
            memory: kept.unwrap_or(Memory { of, told: BTreeMap::new() }),
            pending: BTreeMap::new(),
            is_dirty: false,
        }
    }

    /// Takes in all that a look shows.
    pub(super) fn see(&mut self, sights: Vec<Sight>, now: Timestamp) {
        let there: BTreeSet<String> =
            sights.iter().filter(|sight| sight.state.is_some()).map(|sight| sight.key.clone()).collect();
        let before = self.memory.told.len();
        self.memory.told.retain(|key, _| there.contains(key));
        self.is_dirty |= self.memory.told.len() < before;
        self.pending.retain(|key, _| there.contains(key));
        for sight in sights {
            self.see_one(sight, now);
        }
        if std::mem::take(&mut self.takes_first) {
            self.is_dirty = true;
        }
    }

    fn see_one(&mut self, sight: Sight, now: Timestamp) {
        let Some(state) = sight.state.as_ref().map(|state| Digest::of(state.to_string()).to_string()) else { return };
        let key = sight.key.clone();
        if self.takes_first {
            self.memory.told.insert(key, Told { state, at: now });
            return;
        }
        let told = self.memory.told.get(&key).filter(|told| told.state == state);
        if let Some(told) = told
            && self.repeat.is_none_or(|repeat| now.since(told.at) < repeat)
        {
            self.pending.remove(&key);
            return;
        }
        let is_repeated = told.is_some();
        let pending = match self.pending.remove(&key) {
            Some(pending) if pending.state == state => Pending { sight, ..pending },
            _ => Pending { sight, state, since: now, is_due: false },
        };
        // It has held all the time since it was told first.
        let is_due = pending.is_due || is_repeated || now.since(pending.since) >= self.lasting;
        self.pending.insert(key, Pending { is_due, ..pending });
    }

    /// What is to be told now, those first that were seen first.
    pub(super) fn due(&self) -> Vec<Pending> {
        let mut due: Vec<_> = self.pending.values().filter(|pending| pending.is_due).cloned().collect();
        due.sort_by(|a, b| (a.since, &a.sight.key).cmp(&(b.since, &b.sight.key)));
        due
    }

    /// What is to be kept once this is told.
    pub(super) fn memory_with(&self, pending: &Pending, now: Timestamp) -> Memory {
        let mut memory = self.memory.clone();
        memory.told.insert(pending.sight.key.clone(), Told { state: pending.state.clone(), at: now });
        memory
    }

    /// It was told, and that is kept.
    pub(super) fn told(&mut self, pending: &Pending, memory: Memory) {
        self.memory = memory;
        self.pending.remove(&pending.sight.key);
        self.is_dirty = false;
    }

    /// It is not told any more, though that is not kept yet.
    pub(super) fn passed_over(&mut self, pending: &Pending, memory: Memory) {
        self.told(pending, memory);
        self.is_dirty = true;
    }

    /// What is to be kept and is not yet.
    pub(super) fn unsaved(&self) -> Option<&Memory> {
        self.is_dirty.then_some(&self.memory)
    }

    pub(super) fn saved(&mut self) {
        self.is_dirty = false;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::service::detect::tests::settings;

    fn sight(key: &str, state: Json) -> Sight {
        let state = Some(state).filter(|state| !state.is_null());
        Sight { key: key.to_owned(), target: None, state, names: JsonMap::new() }
    }

    /// A detector whose looks are told by hand.
    struct Seer {
        telling: Telling,
        settings: DetectorSettings,
    }

    impl Seer {
        fn new(change: impl FnOnce(&mut DetectorSettings)) -> Self {
            let mut settings = settings("a");
            change(&mut settings);
            Self { telling: Telling::new(&settings, None), settings }
        }

        /// What is told after a look at that second, as state and moment of its beginning.
        fn look(&mut self, second: i64, sights: Vec<Sight>) -> Vec<(Json, i64)> {
            let now = Timestamp(second * 1_000);
            self.telling.see(sights, now);
            self.tell(now)
        }

        fn tell(&mut self, now: Timestamp) -> Vec<(Json, i64)> {
            let due = self.telling.due();
            for pending in &due {
                let memory = self.telling.memory_with(pending, now);
                self.telling.told(pending, memory);
            }
            due.into_iter().map(|pending| (pending.sight.state.unwrap(), pending.since.0 / 1_000)).collect()
        }

        fn value(&mut self, second: i64, state: &str) -> Vec<(Json, i64)> {
            self.look(second, vec![sight("", json!(state))])
        }

        /// As it would be after a restart.
        fn restart(&mut self) {
            let kept = serde_json::to_value(&self.telling.memory).unwrap();
            self.telling = Telling::new(&self.settings, Some(serde_json::from_value(kept).unwrap()));
        }
    }

    #[test]
    fn a_change_is_told_once_over_restarts() {
        let mut seer = Seer::new(|_| {});
        assert_eq!(seer.value(0, "v1"), [(json!("v1"), 0)]);
        assert_eq!(seer.value(1, "v1"), []);
        seer.restart();
        assert_eq!(seer.value(2, "v1"), []);
        assert_eq!(seer.value(3, "v2"), [(json!("v2"), 3)]);
        // A way back is a change as well, under another moment.
        assert_eq!(seer.value(4, "v1"), [(json!("v1"), 4)]);
    }

    #[test]
    fn what_is_there_at_first_is_told_unless_that_is_not_wanted() {
        let mut seer = Seer::new(|settings| settings.tells_first = false);
        assert_eq!(seer.value(0, "v1"), []);
        assert!(seer.telling.unsaved().is_some());
        seer.restart();
        assert_eq!(seer.value(1, "v2"), [(json!("v2"), 1)]);
        // Something else is watched: that begins anew.
        seer.settings.watched = settings("b").watched;
        seer.restart();
        assert_eq!(seer.value(2, "v3"), []);
    }

    #[test]
    fn what_does_not_last_is_not_told() {
        let mut seer = Seer::new(|settings| settings.lasting = Duration::from_secs(3));
        assert_eq!(seer.value(0, "v1"), []);
        assert_eq!(seer.value(2, "v1"), []);
        assert_eq!(seer.value(3, "v1"), [(json!("v1"), 0)]);
        assert_eq!(seer.value(4, "v2"), []);
        assert_eq!(seer.value(5, "v1"), [], "it went by");
        assert_eq!(seer.value(6, "v2"), []);
        assert_eq!(seer.value(7, "v3"), [], "that is another one, which has just begun");
        assert_eq!(seer.value(9, "v3"), []);
        assert_eq!(seer.value(10, "v3"), [(json!("v3"), 7)]);
    }

    #[test]
    fn a_condition_is_told_again_once_it_did_not_hold_or_after_a_while() {
        let mut seer = Seer::new(|settings| settings.repeat = Some(Duration::from_secs(10)));
        let holds = |keys: &[&str]| keys.iter().map(|key| sight(key, json!(true))).collect::<Vec<_>>();
        assert_eq!(seer.look(0, holds(&["a", "b"])).len(), 2);
        assert_eq!(seer.look(1, holds(&["a", "b"])).len(), 0);
        // One series is gone, of the other the condition does not hold.
        assert_eq!(seer.look(2, vec![sight("a", Json::Null)]).len(), 0);
        assert!(seer.telling.unsaved().is_some_and(|memory| memory.told.is_empty()));
        assert_eq!(seer.look(3, holds(&["a"])), [(json!(true), 3)]);
        assert_eq!(seer.look(12, holds(&["a"])), []);
        assert_eq!(seer.look(13, holds(&["a"])), [(json!(true), 13)]);
        assert_eq!(seer.look(14, holds(&["a"])), []);
    }

    #[test]
    fn of_what_could_not_be_told_the_latest_counts() {
        let mut seer = Seer::new(|_| {});
        for (second, state) in [(0, "v1"), (1, "v2"), (2, "v2"), (3, "v3")] {
            seer.telling.see(vec![sight("", json!(state))], Timestamp(second * 1_000));
        }
        assert_eq!(seer.tell(Timestamp(9_000)), [(json!("v3"), 3)]);
        // What is as it was told meanwhile is no change.
        seer.telling.see(vec![sight("", json!("v4"))], Timestamp(10_000));
        assert_eq!(seer.value(11, "v3"), []);
    }
}
