//! Who gets the events of which type.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::handler::{Handler, Pace};

/// A handler that is plugged in.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) handler: Arc<dyn Handler>,
    pub(super) pace: Pace,
}

impl Seat {
    pub(super) fn new(handler: Arc<dyn Handler>) -> Arc<Self> {
        let pace = handler.pace();
        Arc::new(Self { handler, pace })
    }
}

/// Everybody who gets the events of one type, in the order in which they were plugged in.
#[derive(Clone, Debug, Default)]
pub(super) struct Topic {
    pub(super) quick: Vec<Arc<Seat>>,
    pub(super) slow: Vec<Arc<Seat>>,
}

impl Topic {
    fn add(&mut self, seat: &Arc<Seat>) {
        match seat.pace {
            Pace::Quick => self.quick.push(Arc::clone(seat)),
            Pace::Slow => self.slow.push(Arc::clone(seat)),
        }
    }
}

/// All types that somebody gets.
#[derive(Debug, Default)]
pub(super) struct Topics {
    table: RwLock<Table>,
}

#[derive(Debug, Default)]
struct Table {
    by_type: HashMap<String, Arc<Topic>>,
    /// Of those who get everything: what holds for a type that nobody names.
    every: Option<Arc<Topic>>,
}

impl Topics {
    /// Plugs a handler in for these types; for all where there are none.
    pub(super) fn add(&self, seat: &Arc<Seat>, types: &[String]) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let Table { by_type, every } = &mut *table;
        if types.is_empty() {
            let named = by_type.values_mut();
            for topic in named.chain([every.get_or_insert_default()]) {
                Arc::make_mut(topic).add(seat);
            }
            return;
        }
        for kind in types {
            let topic = by_type.entry(kind.clone()).or_insert_with(|| every.clone().unwrap_or_default());
            Arc::make_mut(topic).add(seat);
        }
    }

    /// Who gets events of that type; `None` where nobody does.
    pub(super) fn of(&self, kind: &str) -> Option<Arc<Topic>> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.by_type.get(kind).or(table.every.as_ref()).cloned()
    }
}
