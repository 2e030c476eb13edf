//! Which of the rules on one event type an event does not rule out, found by what it holds.
//!
//! Each rule waits for the tests of its condition that are the most selective, at the paths of what they test. An event is
//! walked once, along these paths alone. Whoever is woken is then asked: the index is never wrong about who does not match,
//! and need not be right about who does.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;

use super::condition::{Atom, Need};
use super::test::{Figure, Kinds, Seen};
use super::waits::{Waiting, Waits};
use crate::model::event::Event;

/// What rules can wait for besides what an event carries: `event.id`, ….
pub(super) const ATTRIBUTES: [&str; 6] = ["id", "source", "type", "subject", "priority", "during_test"];

/// The rules on one event type, by the numbers they were given.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// Those that are asked each time.
    always: Vec<u32>,
    event: Node,
    target: Node,
}

/// What lies at one path, and below.
#[derive(Clone, Debug, Default)]
struct Node {
    waits: Option<Box<Waits>>,
    /// By name.
    below: Vec<(Box<str>, Node)>,
}

/// The same, while it is made.
#[derive(Debug, Default)]
struct Place {
    waiting: Option<Waiting>,
    below: BTreeMap<String, Place>,
}

impl Index {
    /// What each rule needs, by its number; a rule without a condition needs nothing that could be looked for.
    pub(super) fn new(needs: &[(u32, Need)]) -> Self {
        let mut uses = Uses::default();
        needs.iter().for_each(|(_, need)| uses.count(need));
        let mut index = Self::default();
        let mut root = Place::default();
        for (rule, need) in needs {
            let Some((_, tests)) = uses.cheapest(need) else {
                index.always.push(*rule);
                continue;
            };
            for (atom, out) in tests {
                let place =
                    atom.path.iter().fold(&mut root, |place, name| place.below.entry(name.clone()).or_default());
                place.waiting.get_or_insert_default().add(&atom.test, atom.default.as_ref(), *out, *rule);
            }
        }
        let mut take = |name| root.below.remove(name).unwrap_or_default().finish();
        index.event = take("event");
        index.target = take("target");
        index
    }

    /// Those that are asked each time.
    pub(super) fn always(&self) -> &[u32] {
        &self.always
    }

    /// The rules that the event does not rule out, in order. Nothing is told of rules that use a target that there is not.
    pub(super) fn wake(&self, event: &Event, target: Option<&Json>, woken: &mut Vec<u32>) {
        woken.extend_from_slice(&self.always);
        for (name, node) in &self.event.below {
            match &**name {
                "data" => node.wake(&event.data, woken),
                "id" => node.meet(Seen::Text(&event.id), woken),
                "source" => node.meet(Seen::Text(&event.source), woken),
                "type" => node.meet(Seen::Text(&event.kind), woken),
                "subject" => {
                    let subject = event.subject.as_ref();
                    node.meet(subject.map_or(Seen::Null, |subject| Seen::Text(subject.as_str())), woken);
                }
                "priority" => {
                    let value = f64::from(event.priority.level());
                    node.meet(Seen::Number(Figure { value, exact: true }), woken);
                }
                _ => node.meet(Seen::Bool(event.during_test), woken),
            }
        }
        if let Some(target) = target {
            self.target.wake(target, woken);
        }
        if woken.len() > 1 {
            woken.sort_unstable();
            woken.dedup();
        }
    }
}

impl Node {
    fn wake(&self, data: &Json, woken: &mut Vec<u32>) {
        self.meet(Seen::of(data), woken);
        if self.below.is_empty() {
            return;
        }
        let Json::Object(entries) = data else {
            self.below.iter().for_each(|(_, node)| node.miss(Seen::Unreachable, woken));
            return;
        };
        // Both lie in the order of their names, as a rule; what is not come across is looked up.
        let mut rest = entries.iter();
        let mut next = rest.next();
        for (name, node) in &self.below {
            while next.is_some_and(|(key, _)| key.as_str() < &**name) {
                next = rest.next();
            }
            let found = match next {
                Some((key, value)) if *key == **name => Some(value),
                _ => entries.get(&**name),
            };
            match found {
                Some(value) => node.wake(value, woken),
                None => node.miss(Seen::Missing, woken),
            }
        }
    }

    /// Nothing lies here, nor below.
    fn miss(&self, seen: Seen<'_>, woken: &mut Vec<u32>) {
        self.meet(seen, woken);
        self.below.iter().for_each(|(_, node)| node.miss(Seen::Unreachable, woken));
    }

    fn meet(&self, seen: Seen<'_>, woken: &mut Vec<u32>) {
        if let Some(waits) = &self.waits {
            waits.wake(seen, woken);
        }
    }
}

impl Place {
    fn finish(self) -> Node {
        Node {
            waits: self.waiting.map(|waiting| Box::new(waiting.finish())),
            below: self.below.into_iter().map(|(name, place)| (name.into(), place.finish())).collect(),
        }
    }
}

/// How often each test is needed: what many rules wait for tells few of them apart.
#[derive(Debug, Default)]
struct Uses<'n>(HashMap<(&'n [String], String), u64>);

type Chosen<'n> = Vec<(&'n Atom, &'n Kinds)>;

impl<'n> Uses<'n> {
    fn count(&mut self, need: &'n Need) {
        match need {
            Need::Never | Need::Unknown => {}
            Need::Test(atom, _) => {
                for key in atom.test.keys() {
                    *self.0.entry((&atom.path, key.into_owned())).or_default() += 1;
                }
            }
            Need::All(needs) | Need::Any(needs) => needs.iter().for_each(|need| self.count(need)),
        }
    }

    /// The tests to wait for, and what they cost; `None` where there are none that would rule anything out.
    fn cheapest(&self, need: &'n Need) -> Option<(u64, Chosen<'n>)> {
        match need {
            Need::Never => Some((0, Vec::new())),
            Need::Unknown => None,
            Need::Test(atom, out) => {
                let many = |key: String| self.0.get(&(atom.path.as_slice(), key)).copied().unwrap_or(1);
                let most = atom.test.keys().into_iter().map(|key| many(key.into_owned())).max().unwrap_or(1);
                Some((atom.test.weight()?.saturating_mul(most), vec![(atom, out)]))
            }
            Need::All(needs) => needs.iter().filter_map(|need| self.cheapest(need)).min_by_key(|(cost, _)| *cost),
            Need::Any(needs) => {
                let mut all = (0_u64, Vec::new());
                for need in needs {
                    let (cost, tests) = self.cheapest(need)?;
                    all.0 = all.0.saturating_add(cost);
                    all.1.extend(tests);
                }
                Some(all)
            }
        }
    }
}
