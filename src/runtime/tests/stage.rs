//! An engine, its store and its time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use crate::app::program::{StoredPlans, assemble};
use crate::base::clock::{Clock as _, Timestamp};
use crate::base::source::Sources;
use crate::compile;
use crate::config::TargetTable;
use crate::diagnostic::Diagnostics;
use crate::harness::world::clock::{VirtualClock, within_virtual_time};
use crate::harness::world::life::Life;
use crate::harness::world::{Laws, Setting, World};
use crate::model::event::{Event, Priority};
use crate::runtime::control::{Acceptance, Control as _};
use crate::runtime::engine::Engine;
use crate::runtime::ports::{EventFilter, EventOrder, Store, StoredEvent};
use crate::runtime::program::Program;
use crate::runtime::scheduler::Scheduler;

pub(super) const START: Timestamp = Timestamp(1_700_000_000_000);

/// The program of some rules and workflows.
pub(super) fn program(files: &[(&str, &str)]) -> Arc<Program> {
    let mut sources = Sources::new();
    for (name, text) in files {
        sources.add(*name, *text);
    }
    assemble(compile::compile(sources, Diagnostics::new(), &crate::action::catalogue())).unwrap()
}

/// Plays a test under rules, on the one target `checkout`, which the configuration does not list.
pub(super) fn play<T>(rules: &str, act: impl AsyncFnOnce(Stage) -> T) -> T {
    play_files(&[("test.rules", rules)], act)
}

pub(super) fn play_files<T>(files: &[(&str, &str)], act: impl AsyncFnOnce(Stage) -> T) -> T {
    let clock = Arc::new(VirtualClock::starting_at(START));
    let laws = Laws { program: program(files), planner: Arc::new(StoredPlans) };
    let settings = crate::config::read("test.yaml", "defaults: {}", std::path::Path::new(""), &[]).config.unwrap();
    within_virtual_time(&clock, async {
        let world = Arc::new(make(settings.targets, laws, &clock).await);
        let (engine, life) = world.start_engine().await.unwrap();
        let scheduling = CancellationToken::new();
        act(Stage { clock: Arc::clone(&clock), world, engine, life, scheduling, sent: 0 }).await
    })
    .unwrap()
}

async fn make(targets: TargetTable, laws: Laws, clock: &Arc<VirtualClock>) -> World {
    let setting = Setting { start: START, targets, ..Setting::default() };
    World::make(setting, laws, Arc::clone(clock)).await.unwrap()
}

pub(super) struct Stage {
    pub(super) clock: Arc<VirtualClock>,
    world: Arc<World>,
    pub(super) engine: Arc<Engine>,
    life: Life,
    scheduling: CancellationToken,
    sent: u32,
}

impl Stage {
    /// The engine dies as by a power failure, and another one starts, under the same rules.
    pub(super) async fn crash(&mut self) {
        self.scheduling.cancel();
        self.world.lives.end();
        self.life.ended().await;
        (self.engine, self.life) = self.world.start_engine().await.unwrap();
        self.pass(Duration::ZERO).await;
    }

    /// The same, but nobody starts another one for a while.
    pub(super) async fn down(&mut self, time: Duration) {
        self.scheduling.cancel();
        self.world.lives.end();
        self.life.ended().await;
        self.clock.jump_to(self.clock.now().after(time));
        (self.engine, self.life) = self.world.start_engine().await.unwrap();
        self.pass(Duration::ZERO).await;
    }

    /// Lets these schedules come for as long as the engine lives.
    pub(super) fn schedule(&mut self, schedules: &str) {
        let text = format!("defaults: {{}}\nschedules: {{ {schedules} }}\n");
        let config = crate::config::read("test.yaml", &text, std::path::Path::new(""), &[]).config.unwrap();
        let schedules = config.schedules.into_iter().map(|scheduled| scheduled.schedule).collect();
        self.scheduling = CancellationToken::new();
        tokio::spawn(Scheduler::new(self.engine.context(), schedules).run(self.scheduling.clone()));
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        self.world.store()
    }

    pub(super) fn event(&mut self, kind: &str, data: Json) -> Event {
        self.sent += 1;
        Event {
            id: self.sent.to_string(),
            source: "test".to_owned(),
            kind: kind.to_owned(),
            subject: Some("checkout".into()),
            time: self.clock.now(),
            data,
            priority: Priority::default(),
            deliver_at: None,
            during_test: false,
            chain: 0,
            extensions: serde_json::Map::new(),
        }
    }

    /// Sends an event and lets everything happen that follows at once; its number.
    pub(super) async fn send(&mut self, kind: &str, data: Json) -> u64 {
        let event = self.event(kind, data);
        self.accept(event).await
    }

    pub(super) async fn accept(&mut self, event: Event) -> u64 {
        let answers = self.engine.accept(vec![event]).await.unwrap();
        let [Acceptance::Accepted { sequence }] = answers[..] else { panic!("{answers:?}") };
        self.pass(Duration::ZERO).await;
        sequence
    }

    /// Lets time pass.
    pub(super) async fn pass(&self, time: Duration) {
        let until = self.clock.now().after(time);
        self.clock.run_until(until).await;
        self.clock.jump_to(until);
    }

    pub(super) async fn at(&self, sequence: u64) -> StoredEvent {
        self.store().event_at(sequence).await.unwrap().unwrap()
    }

    /// All events in order.
    pub(super) async fn events(&self) -> Vec<StoredEvent> {
        let filter = EventFilter { order: EventOrder::OldestFirst { after: 0 }, limit: 1000, ..EventFilter::default() };
        self.store().events(&filter).await.unwrap()
    }

    /// The dead letters, the newest first.
    pub(super) async fn letters(&self) -> Vec<StoredEvent> {
        let filter = EventFilter { only_dead_letters: true, ..EventFilter::default() };
        self.store().events(&filter).await.unwrap()
    }
}
