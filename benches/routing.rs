//! What finding the rules of an event costs: with 10 rules and with 10,000, and how many events a second two threads do.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench routing`; `-- 100` for other than 40 rounds, `-- profile` routes for
//! ten seconds and prints nothing, for a profiler.
//!
//! Events are about 800 bytes of JSON with 30 fields. "Parse" is bytes to an event, "route" is an event to what its
//! rules ask for. The sizes take turns, a batch each, so that noise hits both; shown are the fastest and the median batch.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use homeostat::action::catalogue;
use homeostat::base::clock::Timestamp;
use homeostat::base::source::Sources;
use homeostat::compile::compile;
use homeostat::diagnostic::Diagnostics;
use homeostat::diagnostic::render::to_people;
use homeostat::model::event::Event;
use homeostat::router::{Match, Router};
use serde_json::{Map, Value as Json, json};

type Failure = Box<dyn std::error::Error>;

/// Fields that rules read.
const PATHS: usize = 20;
/// Events that take turns.
const EVENTS: usize = 512;
const THREADS: usize = 2;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.first().map(String::as_str) {
        Some("profile") => return profile(),
        Some(rounds) => growth(rounds.parse()?)?,
        None => growth(40)?,
    }
    println!();
    throughput()
}

/// A router over rules of one event type with these conditions.
fn router(conditions: &[String]) -> Result<Router, Failure> {
    let fields = (0..PATHS).map(|path| format!("f{path:02}: {}", if is_number(path) { "double" } else { "string" }));
    let fields = fields.chain((0..10).map(|filler| format!("filler{filler}: string"))).collect::<Vec<_>>().join(", ");
    let mut sources = Sources::new();
    sources.add("event.rules", format!("event ORDER {{ {fields} }}\n"));
    // A file holds a mebibyte at most.
    for (file, conditions) in conditions.chunks(2_000).enumerate() {
        let rule = |(number, condition): (usize, &String)| {
            format!("rule r{file}_{number} {{\n    on ORDER\n    when {condition}\n    run note()\n}}\n")
        };
        sources.add(format!("orders{file}.rules"), conditions.iter().enumerate().map(rule).collect::<String>());
    }
    sources.add("note.yaml", "workflow: note\nsteps:\n  warn: { uses: state.degraded, with: { reason: noted } }\n");
    let compilation = compile(sources, Diagnostics::new(), &catalogue());
    let problems = to_people(&compilation.diagnostics, &compilation.sources, false);
    let router = Router::new(Arc::new(compilation.program.ok_or(problems)?));
    assert!(router.unindexed().is_empty() || conditions.len() == 1);
    Ok(router)
}

fn is_number(path: usize) -> bool {
    path % 10 >= 6
}

/// Rule `number` reads two paths of its own among the twenty, by one of five kinds of tests.
fn condition(number: usize) -> String {
    let family = number % (PATHS / 2);
    let (first, second) = (2 * family, 2 * family + 1);
    match family % 5 {
        0 => format!("event.data.f{first:02} == 'order-{number}' && event.data.f{second:02} != 'never'"),
        1 => format!("event.data.f{first:02}.startsWith('order-{number}-') && event.data.f{second:02} in ['a', 'b']"),
        2 => format!("event.data.f{first:02}.endsWith('-{number}.end') && event.data.f{second:02} != 'never'"),
        3 => format!(
            "event.data.f{first:02} >= {number}.0 && event.data.f{first:02} < {}.0 && event.data.f{second:02} != 0.5",
            number + 1
        ),
        _ => format!("event.data.f{first:02} in [{number}.25, {number}.75] && !(event.data.f{second:02} < 0.0)"),
    }
}

/// An event that the rule `number` matches and no other one does; without a number, one that none matches.
fn event(serial: usize, number: Option<usize>) -> Json {
    let mut data = Map::new();
    for path in 0..PATHS {
        let text = if path % 10 == 3 { "a".to_owned() } else { format!("nothing-{serial}") };
        data.insert(format!("f{path:02}"), if is_number(path) { json!(1e6 + serial as f64) } else { json!(text) });
    }
    if let Some(number) = number {
        let family = number % (PATHS / 2);
        let value = match family % 5 {
            0 => json!(format!("order-{number}")),
            1 => json!(format!("order-{number}-{serial}")),
            2 => json!(format!("{serial}-{number}.end")),
            3 => json!(number as f64 + 0.5),
            _ => json!(number as f64 + 0.25),
        };
        data.insert(format!("f{:02}", 2 * family), value);
    }
    for filler in 0..10 {
        data.insert(format!("filler{filler}"), json!("some text of a field"));
    }
    json!({
        "id": format!("event-{serial}"), "source": "bench", "type": "ORDER", "time": "2026-01-01T00:00:00Z", "data": data,
    })
}

/// Events, half of which match one of `rules` rules.
fn events(rules: usize) -> Vec<Vec<u8>> {
    let number = |serial: usize| (serial % 2 == 0).then(|| serial * 7_919 % rules);
    (0..EVENTS).map(|serial| event(serial, number(serial)).to_string().into_bytes()).collect()
}

fn parsed(texts: &[Vec<u8>]) -> Result<Vec<Event>, Failure> {
    Ok(texts.iter().map(|text| serde_json::from_slice(text)).collect::<Result<_, _>>()?)
}

fn matches(router: &Router, event: &Event) -> usize {
    let routed = router.route(black_box(event), None, Timestamp(0));
    routed.iter().filter(|routed| routed.result == Match::Matched).count()
}

/// Nanoseconds an event.
fn timed(mut batch: impl FnMut()) -> f64 {
    let begun = Instant::now();
    batch();
    begun.elapsed().as_secs_f64() * 1e9 / EVENTS as f64
}

struct Size {
    rules: usize,
    router: Router,
    texts: Vec<Vec<u8>>,
    events: Vec<Event>,
    parse: Vec<f64>,
    route: Vec<f64>,
    none: Vec<f64>,
    both: Vec<f64>,
}

fn growth(rounds: usize) -> Result<(), Failure> {
    let mut sizes = Vec::new();
    for rules in [10, 10_000] {
        let router = router(&(0..rules).map(condition).collect::<Vec<_>>())?;
        let texts = events(rules);
        let events = parsed(&texts)?;
        let found: Vec<usize> = events.iter().map(|event| matches(&router, event)).collect();
        assert!(found.iter().enumerate().all(|(serial, found)| *found == usize::from(serial % 2 == 0)), "{found:?}");
        let [parse, route, none, both] = [const { Vec::new() }; 4];
        sizes.push(Size { rules, router, texts, events, parse, route, none, both });
    }
    let bytes: usize = sizes.iter().flat_map(|size| &size.texts).map(Vec::len).sum::<usize>() / EVENTS / sizes.len();
    for _ in 0..rounds {
        for Size { router, texts, events, parse, route, none, both, .. } in &mut sizes {
            parse.push(timed(|| texts.iter().for_each(|text| drop(black_box(serde_json::from_slice::<Event>(text))))));
            route.push(timed(|| {
                events.iter().for_each(|event| {
                    black_box(matches(router, event));
                })
            }));
            // Those that match none, twice.
            let without = || events.iter().skip(1).step_by(2);
            none.push(timed(|| {
                without().chain(without()).for_each(|event| {
                    black_box(matches(router, event));
                })
            }));
            both.push(timed(|| {
                for text in texts.iter() {
                    if let Ok(event) = serde_json::from_slice::<Event>(text) {
                        black_box(matches(router, &event));
                    }
                }
            }));
        }
    }
    println!(
        "events of {bytes} bytes that read {PATHS} paths, ns an event, fastest (median) of {rounds} batches of {EVENTS}"
    );
    println!(
        "{:>6} {:>16} {:>16} {:>16} {:>16} {:>8}",
        "rules", "parse", "route, half match", "route, none", "both", "parsing"
    );
    let mut fastest = Vec::new();
    for size in &mut sizes {
        let [parse, route, none, both] =
            [&mut size.parse, &mut size.route, &mut size.none, &mut size.both].map(|list| {
                list.sort_by(f64::total_cmp);
                (list[0], list[list.len() / 2])
            });
        let cell = |(least, median): (f64, f64)| format!("{least:.0} ({median:.0})");
        let share = 100.0 * parse.0 / both.0;
        println!(
            "{:>6} {:>16} {:>16} {:>16} {:>16} {share:>7.0}%",
            size.rules,
            cell(parse),
            cell(route),
            cell(none),
            cell(both)
        );
        fastest.push([route.0, none.0, both.0]);
    }
    let [few, many] = fastest[..] else { return Err("two sizes".into()) };
    let ratio = |at: usize| format!("{:.2}", many[at] / few[at]);
    println!("{:>6} {:>16} {:>16} {:>16} {:>16}", "ratio", "", ratio(0), ratio(1), ratio(2));
    Ok(())
}

/// Five rules of one kind.
fn kinds() -> [(&'static str, Vec<String>); 7] {
    let five = |condition: fn(usize) -> String| (0..5).map(condition).collect();
    let mixed: [fn(usize) -> String; 5] = [
        |at| format!("event.data.f00 == 'order-{at}'"),
        |at| format!("event.data.f02.startsWith('order-{at}-')"),
        |at| format!("event.data.f04.endsWith('-{at}.end')"),
        |at| format!("event.data.f06 >= {at}.0 && event.data.f06 < {}.0", at + 1),
        |at| format!("event.data.f01 in ['order-{at}', 'x-{at}', 'y-{at}'] && event.data.f03 != 'b'"),
    ];
    [
        ("exact", five(|at| format!("event.data.f00 == 'order-{at}'"))),
        ("prefix", five(|at| format!("event.data.f00.startsWith('order-{at}-')"))),
        ("suffix", five(|at| format!("event.data.f00.endsWith('-{at}.end')"))),
        ("range", five(|at| format!("event.data.f06 >= {at}.0 && event.data.f06 < {}.0", at + 1))),
        ("in", five(|at| format!("event.data.f00 in ['order-{at}', 'x-{at}', 'y-{at}']"))),
        ("exact, negated", five(|at| format!("event.data.f00 == 'order-{at}' && event.data.f01 != 'never'"))),
        ("one of each", (0..5).map(|at| mixed[at](at)).collect()),
    ]
}

/// The values of an event that one of the five rules matches, whatever their kind.
fn five_event(serial: usize, kind: &str) -> Vec<u8> {
    let mut event = event(serial, None);
    let at = serial % 5;
    let value = match kind {
        "prefix" => json!(format!("order-{at}-{serial}")),
        "suffix" => json!(format!("{serial}-{at}.end")),
        _ => json!(format!("order-{at}")),
    };
    // One in ten matches.
    if serial % 10 == 0 {
        event["data"]["f00"] = value;
        event["data"]["f06"] = json!(at as f64 + 0.5);
    }
    event.to_string().into_bytes()
}

fn throughput() -> Result<(), Failure> {
    println!("five rules, {THREADS} threads, one event in ten matches: events/s");
    println!("{:<16} {:>14} {:>16}", "conditions", "route", "parse and route");
    for (kind, conditions) in kinds() {
        let router = router(&conditions)?;
        let texts: Vec<Vec<u8>> = (0..EVENTS).map(|serial| five_event(serial, kind)).collect();
        let events = parsed(&texts)?;
        assert!(events.iter().map(|event| matches(&router, event)).sum::<usize>() >= EVENTS / 10);
        let routed = per_second(|| {
            events.iter().for_each(|event| {
                black_box(matches(&router, event));
            })
        });
        let both = per_second(|| {
            for text in &texts {
                if let Ok(event) = serde_json::from_slice::<Event>(text) {
                    black_box(matches(&router, &event));
                }
            }
        });
        println!("{kind:<16} {routed:>14.0} {both:>16.0}");
    }
    Ok(())
}

/// Events a second over all threads, the best of five spans.
fn per_second(batch: impl Fn() + Sync) -> f64 {
    const SPAN: Duration = Duration::from_millis(500);
    let span = || {
        let batches = AtomicU64::new(0);
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    while begun.elapsed() < SPAN {
                        batch();
                        batches.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        batches.into_inner() as f64 * EVENTS as f64 / begun.elapsed().as_secs_f64()
    };
    (0..5).map(|_| span()).fold(0.0, f64::max)
}

fn profile() -> Result<(), Failure> {
    let router = router(&(0..10_000).map(condition).collect::<Vec<_>>())?;
    let events = parsed(&events(10_000))?;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(10) {
        events.iter().for_each(|event| {
            black_box(matches(&router, event));
        });
    }
    Ok(())
}
