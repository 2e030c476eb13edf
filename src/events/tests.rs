use std::sync::{Condvar, mpsc};

use super::*;
use crate::base::clock::ManualClock;

/// What a handler does with an event.
type Deed = dyn Fn(&Event, &Context) -> Result<(), HandlerError> + Send + Sync;

struct Plug {
    name: &'static str,
    types: Vec<String>,
    pace: Pace,
    deed: Box<Deed>,
}

impl fmt::Debug for Plug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[async_trait]
impl Handler for Plug {
    fn name(&self) -> &str {
        self.name
    }

    fn types(&self) -> Vec<String> {
        self.types.clone()
    }

    fn pace(&self) -> Pace {
        self.pace
    }

    async fn handle(&self, event: &Event, context: &Context) -> Result<(), HandlerError> {
        (self.deed)(event, context)
    }
}

fn plug(
    name: &'static str,
    deed: impl Fn(&Event, &Context) -> Result<(), HandlerError> + Send + Sync + 'static,
) -> Arc<Plug> {
    Arc::new(Plug { name, types: Vec::new(), pace: Pace::Quick, deed: Box::new(deed) })
}

/// Keeps the ids of what it was given.
fn listener() -> (Arc<Plug>, mpsc::Receiver<String>) {
    let (sender, receiver) = mpsc::channel();
    (
        plug("listener", move |event, _| sender.send(event.id.clone()).map_err(|_| HandlerError::permanent("gone"))),
        receiver,
    )
}

fn event(id: impl ToString) -> Event {
    Event { subject: Some("checkout".into()), ..Event::new("test", id.to_string(), "X") }
}

fn priority(level: u8) -> Priority {
    Priority::new(level).unwrap()
}

fn heard(receiver: &mpsc::Receiver<String>) -> Vec<String> {
    receiver.try_iter().collect()
}

#[tokio::test]
async fn priority_goes_first_and_numbers_within_it() {
    let system = EventSystem::new(Options::default());
    let (listener, ids) = listener();
    system.register_handler(listener);
    for (id, level) in [(1, 5), (2, 0), (3, 9), (4, 5), (5, 0)] {
        assert_eq!(system.publish(event(id), priority(level)), Ok(id));
    }
    system.start();
    assert_eq!(system.stop().await, 0);
    assert_eq!(heard(&ids), ["2", "5", "1", "4", "3"]);
    assert_eq!(system.publish(event(6), priority(0)), Err(PublishError::Stopped));
}

#[tokio::test]
async fn handlers_get_what_they_ask_for() {
    let system = EventSystem::new(Options::default());
    let (every, all) = listener();
    let (one, xs) = listener();
    let (two, ys) = listener();
    let named = Plug { types: vec!["Y".to_owned()], ..Arc::into_inner(two).unwrap() };
    system.subscribe("X", one);
    system.register_handler(every);
    system.register_handler(Arc::new(named));
    system.start();
    for (id, kind) in [(1, "X"), (2, "Y"), (3, "Z")] {
        let event = Event { kind: kind.to_owned(), ..event(id) };
        system.publish(event, Priority::default()).unwrap();
    }
    system.stop().await;
    assert_eq!(
        (heard(&all), heard(&xs), heard(&ys)),
        (["1", "2", "3"].map(String::from).to_vec(), vec!["1".to_owned()], vec!["2".to_owned()],)
    );
}

#[tokio::test]
async fn what_there_is_no_room_for_is_refused_and_nothing_accepted_is_lost() {
    let system = EventSystem::new(Options { capacity: 3, ..Options::default() });
    let (listener, ids) = listener();
    system.register_handler(listener);
    let answers: Vec<_> = (1..=5).map(|id| system.publish(event(id), Priority::default())).collect();
    let busy = Err(PublishError::Busy { retry_after_ms: 100 });
    assert_eq!(answers, [Ok(1), Ok(2), Ok(3), busy, busy]);
    system.start();
    while system.waiting() > 0 {
        tokio::task::yield_now().await;
    }
    system.publish(event(6), Priority::default()).unwrap();
    system.stop().await;
    assert_eq!(heard(&ids), ["1", "2", "3", "6"]);
}

#[tokio::test]
async fn a_panic_is_contained_and_kept() {
    let system = EventSystem::new(Options::default());
    let (listener, ids) = listener();
    system.register_handler(plug("careless", |event, _| panic!("cannot bear {}", event.id)));
    system.register_handler(listener);
    system.start();
    for id in 1..=2 {
        system.publish(event(id), Priority::default()).unwrap();
    }
    system.stop().await;
    assert_eq!(heard(&ids), ["1", "2"]);
    let dead: Vec<_> = system.dead_letters().into_iter().map(|it| (it.handler, it.reason, it.attempts)).collect();
    let expected = |id| ("careless".to_owned(), format!("it panicked: cannot bear {id}"), 1);
    assert_eq!(dead, [expected(1), expected(2)]);
}

#[derive(Debug)]
struct Endless;

#[async_trait]
impl Handler for Endless {
    fn name(&self) -> &'static str {
        "endless"
    }

    fn time_limit(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn handle(&self, _: &Event, _: &Context) -> Result<(), HandlerError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_handler_that_never_ends_holds_nobody_up_and_is_given_up() {
    let clock = Arc::new(ManualClock::starting_at(Timestamp(0)));
    let options = Options { clock: clock.clone(), attempts: 2, backoff: Duration::from_secs(1), ..Options::default() };
    let system = EventSystem::new(options);
    let (listener, ids) = listener();
    system.register_handler(Arc::new(Endless));
    system.register_handler(listener);
    system.start();
    for id in 1..=3 {
        system.publish(event(id), Priority::default()).unwrap();
    }
    let mut all = Vec::new();
    while all.len() < 3 {
        all.extend(heard(&ids));
        tokio::task::yield_now().await;
    }
    assert_eq!(all, ["1", "2", "3"], "in order, though the other handler is at all of them");
    assert_eq!(system.waiting(), 3);
    while system.waiting() > 0 {
        clock.advance(Duration::from_secs(1));
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
    let dead: Vec<_> = system.dead_letters().into_iter().map(|it| (it.reason, it.attempts)).collect();
    assert_eq!(dead, vec![("it took longer than 5000 ms".to_owned(), 2); 3]);
    assert_eq!(system.stop().await, 0);
}

#[tokio::test]
async fn slow_handlers_have_threads_and_room_of_their_own() {
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let options = Options { slow_capacity: 2, slow_threads: NonZero::<usize>::MIN, ..Options::default() };
    let system = EventSystem::new(options);
    let (sender, done) = mpsc::channel();
    let blocked = {
        let gate = Arc::clone(&gate);
        plug("blocked", move |event, _| {
            let (open, changed) = &*gate;
            let open = changed.wait_while(lock(open), |open| !*open);
            drop(open);
            sender.send(event.id.clone()).map_err(|_| HandlerError::permanent("gone"))
        })
    };
    system.subscribe("SLOW", Arc::new(Plug { pace: Pace::Slow, ..Arc::into_inner(blocked).unwrap() }));
    let (listener, ids) = listener();
    system.subscribe("X", listener);
    system.start();
    let slow = |id: u64| Event { kind: "SLOW".to_owned(), ..event(id) };
    assert_eq!(system.publish(slow(1), priority(5)), Ok(1));
    assert_eq!(system.publish(slow(2), priority(5)), Ok(2));
    assert_eq!(system.publish(slow(3), priority(5)), Err(PublishError::Busy { retry_after_ms: 100 }));
    system.publish(event(4), priority(5)).unwrap();
    let mut all = Vec::new();
    while all.is_empty() {
        all.extend(heard(&ids));
        tokio::task::yield_now().await;
    }
    assert_eq!((all, heard(&done)), (vec!["4".to_owned()], Vec::new()));
    *lock(&gate.0) = true;
    gate.1.notify_all();
    system.stop().await;
    assert_eq!(heard(&done), ["1", "2"]);
}

#[tokio::test]
async fn what_fails_is_tried_again_later() {
    let clock = Arc::new(ManualClock::starting_at(Timestamp(0)));
    let system = EventSystem::new(Options { clock: clock.clone(), ..Options::default() });
    let (sender, attempts) = mpsc::channel();
    system.register_handler(plug("second", move |_, context| {
        sender.send((context.attempt, context.now)).unwrap();
        if context.attempt < 3 { Err(HandlerError::passing("not yet")) } else { Ok(()) }
    }));
    system.start();
    system.publish(event(1), Priority::default()).unwrap();
    while system.waiting() > 0 {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_millis(50));
    }
    system.stop().await;
    let attempts: Vec<_> = attempts.try_iter().collect();
    assert_eq!(attempts, [(1, Timestamp(0)), (2, Timestamp(100)), (3, Timestamp(300))]);
    assert!(system.dead_letters().is_empty());
}

#[tokio::test]
async fn a_scheduled_event_waits_for_its_moment() {
    let clock = Arc::new(ManualClock::starting_at(Timestamp(0)));
    let system = EventSystem::new(Options { clock: clock.clone(), ..Options::default() });
    let (listener, ids) = listener();
    system.register_handler(listener);
    system.start();
    for (id, at) in [(1, 2_000), (2, 1_000), (3, 9_000), (4, 0)] {
        system.schedule_event(event(id), Priority::default(), Timestamp(at)).unwrap();
    }
    let mut all = Vec::new();
    for _ in 0..3 {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        all.push(heard(&ids));
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(all, [vec!["4".to_owned()], vec!["2".to_owned()], vec!["1".to_owned()]]);
    assert_eq!(system.stop().await, 1, "what is to come later is given up, and said so");
}

#[tokio::test]
async fn a_handler_publishes_what_follows() {
    let system = EventSystem::new(Options::default());
    let (listener, ids) = listener();
    system.subscribe(
        "X",
        plug("first", |event, context| {
            let next = Event { kind: "NEXT".to_owned(), ..event.clone() };
            context.publish(next, event.priority).map(drop).map_err(|error| HandlerError::passing(error.to_string()))
        }),
    );
    system.subscribe("NEXT", listener);
    system.start();
    system.publish(event(1), Priority::default()).unwrap();
    while system.waiting() > 0 {
        tokio::task::yield_now().await;
    }
    system.stop().await;
    assert_eq!(heard(&ids), ["1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_ten_publishers_nothing_is_lost_and_each_subject_keeps_its_order() {
    let system = EventSystem::new(Options::default());
    let seen = Arc::new(Mutex::new(std::collections::BTreeMap::<String, Vec<u64>>::new()));
    let kept = Arc::clone(&seen);
    system.register_handler(plug("keeper", move |event, _| {
        let subject = event.subject.as_ref().map(ToString::to_string).unwrap_or_default();
        lock(&kept).entry(subject).or_default().push(event.id.parse().unwrap());
        Ok(())
    }));
    system.start();
    std::thread::scope(|scope| {
        for publisher in 0..10 {
            let system = &system;
            scope.spawn(move || {
                for id in 0..1_000 {
                    let subject = Some(format!("subject-{publisher}").into());
                    system.publish(Event { subject, ..event(id) }, Priority::default()).unwrap();
                }
            });
        }
    });
    system.stop().await;
    let seen = lock(&seen);
    assert_eq!(seen.len(), 10);
    assert!(seen.values().all(|ids| ids.iter().copied().eq(0..1_000)));
}
