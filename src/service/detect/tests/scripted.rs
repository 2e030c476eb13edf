//! What the supervisor makes of looks, in virtual time: restarts, an inbox that refuses, limits and failures.

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::harness::world::clock::{VirtualClock, within_virtual_time};
use crate::model::schema::JsonMap;
use crate::service::detect::Detector;
use crate::service::detect::supervisor::run_opened;

const START: Timestamp = Timestamp(1_700_000_000_000);

/// What is there to be seen, by second from the start.
type Scene = fn(i64) -> Result<Vec<(&'static str, Json)>, &'static str>;

/// Sees what a scene shows.
#[derive(Debug)]
struct Scripted {
    clock: Arc<dyn Clock>,
    scene: Scene,
    looks: Arc<Mutex<Vec<i64>>>,
}

#[async_trait]
impl Detector for Scripted {
    async fn look(&mut self) -> Result<Vec<Sight>, Failure> {
        let second = (self.clock.now().0 - START.0) / 1_000;
        self.looks.lock().unwrap().push(second);
        let seen = (self.scene)(second).map_err(|why| Failure::from(why.to_owned()))?;
        let sight = |(key, value): (&str, Json)| Sight {
            key: key.to_owned(),
            target: Some("checkout".into()),
            names: JsonMap::from_iter([("value".to_owned(), value.clone())]),
            state: Some(value).filter(|value| !value.is_null()),
        };
        Ok(seen.into_iter().map(sight).collect())
    }
}

struct Stage {
    clock: Arc<VirtualClock>,
    house: House,
    looks: Arc<Mutex<Vec<i64>>>,
    running: CancellationToken,
}

impl Stage {
    fn start(&mut self, settings: &str, scene: Scene) {
        let mut settings = read(&format!("kind: http, url: 'http://127.0.0.1/', {settings}"), "eye");
        settings.event = "SEEN".to_owned();
        settings.data = crate::model::detector::DataTemplate::Text(crate::model::load::Template(vec![
            crate::model::load::Piece::Expression("value".to_owned()),
        ]));
        let senses = Senses::new(AllowedHosts::loopback(), Arc::new(Kept));
        let (_, carried) = senses.open(&settings).unwrap().unwrap();
        let (clock, looks) = (Arc::clone(&self.clock) as _, Arc::clone(&self.looks));
        let detector = Box::new(Scripted { clock, scene, looks });
        self.running = CancellationToken::new();
        tokio::spawn(run_opened(self.house.options(), vec![(settings, detector, carried)], self.running.clone()));
    }

    /// Lets time pass, up to that second from the start.
    async fn until(&self, second: i64) -> Vec<(i64, Json)> {
        let moment = Timestamp(START.0 + second * 1_000);
        self.clock.run_until(moment).await;
        self.clock.jump_to(moment);
        self.told().await
    }

    /// What was told, with the second at which it was taken in.
    async fn told(&self) -> Vec<(i64, Json)> {
        let events = self.house.events().await.into_iter();
        events.map(|stored| ((stored.accepted_at.0 - START.0) / 1_000, stored.event.data)).collect()
    }

    fn looks(&self) -> Vec<i64> {
        self.looks.lock().unwrap().clone()
    }
}

fn play(act: impl AsyncFnOnce(Stage)) {
    let clock = Arc::new(VirtualClock::starting_at(START));
    let house = House::new(Arc::clone(&clock) as _);
    let stage = Stage { clock: Arc::clone(&clock), house, looks: Arc::default(), running: CancellationToken::new() };
    within_virtual_time(&clock, act(stage)).unwrap();
}

/// Another version every minute.
#[expect(clippy::unnecessary_wraps, reason = "scenes may fail")]
fn versions(second: i64) -> Result<Vec<(&'static str, Json)>, &'static str> {
    Ok(vec![("", json!(second / 60))])
}

#[test]
fn each_change_is_told_once_over_restarts_and_named_for_ever() {
    play(async |mut stage| {
        for second in [7, 50, 65, 130, 131, 185] {
            stage.start("every: 5s, target: checkout", versions);
            stage.until(second).await;
            stage.running.cancel();
        }
        let told = stage.told().await;
        assert_eq!(told, [(0, json!(0)), (60, json!(1)), (120, json!(2)), (181, json!(3))]);
        let first = &stage.house.events().await[0].event;
        assert_eq!((first.source.as_str(), first.kind.as_str()), ("homeostat:detectors", "SEEN"));
        assert_eq!(first.id, "eye/2023-11-14T22:13:20.000Z");
        assert_eq!((first.subject.clone(), first.time), (Some("checkout".into()), START));
    });
}

#[test]
fn an_inbox_that_takes_nothing_gets_the_latest_once_it_does() {
    play(async |mut stage| {
        stage.house.inbox.failing.store(130, Ordering::Relaxed);
        stage.start("every: 5s", versions);
        // Tried once a second: versions 0 and 1 go by.
        assert_eq!(stage.until(150).await, [(130, json!(2))]);
    });
}

#[test]
fn an_answer_that_is_lost_makes_no_second_event() {
    play(async |mut stage| {
        stage.house.inbox.failing.store(3, Ordering::Relaxed);
        *stage.house.inbox.loses_answers.lock().unwrap() = true;
        stage.start("every: 5s", versions);
        assert_eq!(stage.until(50).await, [(0, json!(0))]);
        assert_eq!(stage.until(70).await, [(0, json!(0)), (60, json!(1))]);
    });
}

#[test]
fn no_more_is_told_than_is_allowed_and_the_latest_of_each_wins() {
    play(async |mut stage| {
        // Two things that change with every look.
        stage.start("every: 1s, per_minute: 4", |second| Ok(vec![("a", json!(second)), ("b", json!(-second))]));
        let told = stage.until(179).await;
        let seconds: Vec<_> = told.iter().map(|(second, _)| *second).collect();
        assert_eq!(seconds, [0, 0, 1, 1, 60, 60, 61, 61, 120, 120, 121, 121]);
        assert_eq!(told[4..6], [(60, json!(60)), (60, json!(-60))]);
    });
}

#[test]
fn looks_that_fail_are_further_and_further_apart_and_change_nothing() {
    play(async |mut stage| {
        let scene = |second| if (20..1000).contains(&second) { Err("it is away") } else { Ok(vec![("", json!("v1"))]) };
        stage.start("every: 10s, max_backoff: 1m", scene);
        stage.until(500).await;
        let looks = stage.looks();
        assert_eq!(looks[..3], [0, 10, 20]);
        let pauses: Vec<_> = looks[2..].windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.iter().all(|pause| *pause <= 60), "{pauses:?}");
        assert!(pauses[6..].iter().all(|pause| *pause >= 29), "{pauses:?}");
        let [(_, standing)] = &stage.house.board.all()[..] else { panic!("one stands there") };
        assert_eq!(standing.failing.as_deref(), Some("it is away"));
        assert_eq!(usize::try_from(standing.failures), Ok(looks.len() - 2));
        let told = stage.until(1200).await;
        assert_eq!(told, [(0, json!("v1"))], "what is there again has not changed");
        assert_eq!(stage.house.board.all()[0].1.failures, 0);
    });
}

#[test]
fn one_that_panics_looks_again() {
    play(async |mut stage| {
        stage.start("every: 10s", |second| if second < 5 { panic!("on purpose") } else { versions(second) });
        assert_eq!(stage.until(30).await.len(), 1);
    });
}

#[test]
fn what_nobody_declares_is_passed_over_for_good() {
    play(async |mut stage| {
        *stage.house.inbox.undeclared.lock().unwrap() = Some("SEEN".to_owned());
        stage.start("every: 5s", versions);
        stage.until(30).await;
        assert!(stage.house.memory("eye").await.is_some(), "it is not tried again after a restart");
        *stage.house.inbox.undeclared.lock().unwrap() = None;
        assert_eq!(stage.until(90).await, [(60, json!(1))]);
    });
}

#[test]
fn what_was_told_by_one_that_is_gone_is_forgotten() {
    play(async |mut stage| {
        stage.start("every: 5s", versions);
        stage.until(10).await;
        stage.running.cancel();
        let other = CancellationToken::new();
        tokio::spawn(run_opened(stage.house.options(), Vec::new(), other.clone()));
        stage.until(20).await;
        assert_eq!(stage.house.memory("eye").await, None);
        stage.start("every: 5s, first: skip", versions);
        assert_eq!(stage.until(70).await, [(0, json!(0)), (60, json!(1))]);
    });
}

#[test]
fn what_holds_is_told_after_a_while_and_again_after_another() {
    play(async |mut stage| {
        let scene = |second| Ok(vec![("a", if (100..400).contains(&second) { json!(true) } else { Json::Null })]);
        stage.start("every: 10s, for: 30s, repeat: 2m", scene);
        let seconds: Vec<_> = stage.until(600).await.into_iter().map(|(second, _)| second).collect();
        assert_eq!(seconds, [130, 250, 370]);
    });
}
