//! What one evaluation of a condition costs, beside four other engines in the same run.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench expression`; `-- 400` for other than 200 rounds.
//!
//! Engines take turns, a short batch each, so that noise hits all alike; shown are the fastest and the median batch.
//! Everything is compiled before. "Ready" means that an engine's data is already in the form that it likes best;
//! "arrived" begins with the event as parsed JSON and contains what it takes to bind it. Homeostat reads the JSON as it
//! is in both. evalexpr has no macros and no nested data: it gets flat variables and sits out the third condition. It
//! is under the AGPL and used by this benchmark alone.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// An evaluation that is ready to be repeated.
type Run<'a> = Box<dyn FnMut() -> bool + 'a>;

struct Condition {
    name: &'static str,
    cel: &'static str,
    zen: &'static str,
    rhai: &'static str,
    evalexpr: Option<&'static str>,
}

const CONDITIONS: [Condition; 3] = [
    Condition {
        name: "(a) one comparison",
        cel: r#"event.type == "HIGH_LATENCY""#,
        zen: r#"event.type == "HIGH_LATENCY""#,
        rhai: r#"event.type == "HIGH_LATENCY""#,
        evalexpr: Some(r#"event_type == "HIGH_LATENCY""#),
    },
    Condition {
        name: "(b) three comparisons",
        cel: r#"event.type == "HIGH_LATENCY" && event.data.p99_ms > 250.0 && event.data.service in ["a", "b", "c"]"#,
        zen: r#"event.type == "HIGH_LATENCY" and event.data.p99_ms > 250.0 and event.data.service in ["a", "b", "c"]"#,
        rhai: r#"event.type == "HIGH_LATENCY" && event.data.p99_ms > 250.0 && event.data.service in ["a", "b", "c"]"#,
        evalexpr: Some(
            r#"event_type == "HIGH_LATENCY" && event_data_p99_ms > 250.0
               && contains(("a", "b", "c"), event_data_service)"#,
        ),
    },
    Condition {
        name: "(c) the same and a macro",
        cel: r#"event.type == "HIGH_LATENCY" && event.data.p99_ms > 250.0 && event.data.service in ["a", "b", "c"]
                && event.data.tags.exists(t, t.startsWith("prod-"))"#,
        zen: r#"event.type == "HIGH_LATENCY" and event.data.p99_ms > 250.0 and event.data.service in ["a", "b", "c"]
                and some(event.data.tags, startsWith(#, "prod-"))"#,
        rhai: r#"event.type == "HIGH_LATENCY" && event.data.p99_ms > 250.0 && event.data.service in ["a", "b", "c"]
                && event.data.tags.some(|t| t.starts_with("prod-"))"#,
        evalexpr: None,
    },
];

fn event() -> Json {
    json!({
        "id": "01980f6e-0000-7000-8000-000000000001",
        "source": "/detectors/latency",
        "type": "HIGH_LATENCY",
        "subject": "checkout",
        "time": "2026-03-01T12:30:00Z",
        "priority": 5,
        "during_test": false,
        "data": {
            "p99_ms": 312.5,
            "service": "b",
            "window_ms": 60_000,
            "tags": ["team-pay", "blue", "prod-eu"],
        },
    })
}

struct Engine<'a> {
    name: &'static str,
    ready: Run<'a>,
    arrived: Run<'a>,
}

fn main() -> Result<()> {
    // Cargo passes `--bench`.
    let rounds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(200);
    let event = event();
    println!("ns an evaluation over {rounds} rounds; × is how many times longer than Homeostat's median\n");
    println!("{:<26}{:<18}{:>8}{:>9}{:>8}{:>8}", "", "", "fastest", "median", "×", "allocs");
    for condition in &CONDITIONS {
        let mut engines = engines(condition, &event)?;
        let (mut ready, mut arrived): (Vec<_>, Vec<_>) = engines
            .iter_mut()
            .map(|engine| ((engine.name, &mut engine.ready), (engine.name, &mut engine.arrived)))
            .unzip();
        table(condition.name, "ready", &mut ready, rounds);
        table("", "arrived", &mut arrived, rounds);
    }
    Ok(())
}

fn table(condition: &str, form: &str, runs: &mut [(&'static str, &mut Run<'_>)], rounds: usize) {
    let allocations: Vec<u64> = runs.iter_mut().map(|(_, run)| count(run)).collect();
    let figures = measure(runs, rounds);
    let ours = figures.first().map_or(f64::NAN, |(_, median)| *median);
    println!("{condition}, {form}");
    for (((name, _), (fastest, median)), allocations) in runs.iter().zip(figures).zip(allocations) {
        println!("{:<26}{name:<18}{fastest:>8.0}{median:>9.0}{:>8.1}{allocations:>8}", "", median / ours);
    }
}

/// The fastest and the median batch of each, in ns a turn.
fn measure(runs: &mut [(&'static str, &mut Run<'_>)], rounds: usize) -> Vec<(f64, f64)> {
    const BATCH: Duration = Duration::from_micros(400);
    let sizes: Vec<u32> = runs.iter_mut().map(|(_, run)| turns_in(BATCH, run)).collect();
    let mut times: Vec<Vec<f64>> = vec![Vec::with_capacity(rounds); runs.len()];
    for _ in 0..rounds {
        for (((_, run), size), times) in runs.iter_mut().zip(&sizes).zip(&mut times) {
            times.push(batch(run, *size).as_secs_f64() * 1e9 / f64::from(*size));
        }
    }
    let figures = times.into_iter().map(|mut times| {
        times.sort_by(f64::total_cmp);
        (times[0], times[times.len() / 2])
    });
    figures.collect()
}

fn batch(run: &mut Run<'_>, size: u32) -> Duration {
    let begun = Instant::now();
    for _ in 0..size {
        assert!(black_box(run()));
    }
    begun.elapsed()
}

/// About how many turns fit into `time`.
fn turns_in(time: Duration, run: &mut Run<'_>) -> u32 {
    let mut size = 16;
    loop {
        let taken = batch(run, size);
        if taken > time / 4 {
            return ((f64::from(size) * time.as_secs_f64() / taken.as_secs_f64()) as u32).max(1);
        }
        size *= 2;
    }
}

/// Ours first.
fn engines<'a>(condition: &Condition, event: &'a Json) -> Result<Vec<Engine<'a>>> {
    let mut engines =
        vec![homeostat(condition, event)?, zen(condition, event)?, cel(condition, event)?, rhai(condition, event)?];
    if let Some(text) = condition.evalexpr {
        engines.push(evalexpr(text, event)?);
    }
    Ok(engines)
}

fn homeostat<'a>(condition: &Condition, event: &'a Json) -> Result<Engine<'a>> {
    use homeostat::base::fragment::Fragment;
    use homeostat::base::source::SourceId;
    use homeostat::expression::{Bindings, TypeEnv, compile};
    use homeostat::model::schema::Shape;

    let env = TypeEnv::new().with("event", Shape::Any).with("now", Shape::Timestamp).with("target", Shape::Any);
    let program = compile(&Fragment::verbatim(SourceId(0), 0, condition.cel), &env)
        .map_err(|problems| format!("{problems:?}"))?;
    let (now, target) = (json!("2026-03-01T12:30:00Z"), json!({ "phase": "stable" }));
    let (again, bound) = (program.clone(), now.clone());
    let bindings = Bindings::new().with("event", event);
    Ok(Engine {
        name: "homeostat",
        ready: Box::new(move || program.evaluate_bool(black_box(&bindings)).unwrap()),
        arrived: Box::new(move || {
            let event = black_box(event);
            let bindings = Bindings::new().with("event", event).with("now", &bound).with("target", &target);
            again.evaluate_bool(&bindings).unwrap()
        }),
    })
}

fn zen<'a>(condition: &Condition, event: &'a Json) -> Result<Engine<'a>> {
    use zen_expression::vm::VM;
    use zen_expression::{Scope, Variable, compile_expression};

    let program = compile_expression(condition.zen)?;
    let context = |event: &Json| {
        let context = Variable::empty_object();
        context.dot_insert("event", Variable::from(event));
        context
    };
    let scope = Scope::new(context(event));
    let again = program.clone();
    let (mut vm, mut other) = (VM::new(), VM::new());
    Ok(Engine {
        name: "zen-expression",
        ready: Box::new(move || program.evaluate_with_scope(black_box(&scope), &mut vm).unwrap().as_bool().unwrap()),
        arrived: Box::new(move || {
            again.evaluate_with(context(black_box(event)), &mut other).unwrap().as_bool().unwrap()
        }),
    })
}

fn cel<'a>(condition: &Condition, event: &'a Json) -> Result<Engine<'a>> {
    use cel::{Context, Program, Value};

    let mut context = Context::default();
    context.add_variable_from_value("event", cel::to_value(event)?);
    let (program, again) = (Program::compile(condition.cel)?, Program::compile(condition.cel)?);
    let base = Context::default();
    Ok(Engine {
        name: "cel",
        ready: Box::new(move || matches!(program.execute(black_box(&context)), Ok(Value::Bool(true)))),
        arrived: Box::new(move || {
            let mut context = base.new_inner_scope();
            context.add_variable_from_value("event", cel::to_value(black_box(event)).unwrap());
            matches!(again.execute(&context), Ok(Value::Bool(true)))
        }),
    })
}

fn rhai<'a>(condition: &Condition, event: &'a Json) -> Result<Engine<'a>> {
    use rhai::{Engine as Rhai, OptimizationLevel, Scope};

    let engine = || {
        let mut engine = Rhai::new();
        engine.set_optimization_level(OptimizationLevel::Full);
        engine
    };
    let (first, second) = (engine(), engine());
    let mut scope = Scope::new();
    scope.push("event", rhai::serde::to_dynamic(event)?);
    let (program, again) = (first.compile(condition.rhai)?, second.compile(condition.rhai)?);
    Ok(Engine {
        name: "rhai",
        ready: Box::new(move || first.eval_ast_with_scope::<bool>(black_box(&mut scope), &program).unwrap()),
        arrived: Box::new(move || {
            let mut scope = Scope::new();
            scope.push("event", rhai::serde::to_dynamic(black_box(event)).unwrap());
            second.eval_ast_with_scope::<bool>(&mut scope, &again).unwrap()
        }),
    })
}

fn evalexpr<'a>(text: &str, event: &'a Json) -> Result<Engine<'a>> {
    use evalexpr::{ContextWithMutableVariables, DefaultNumericTypes, HashMapContext, Value, build_operator_tree};

    let flat = |event: &Json| {
        let text = |value: &Json| Value::String(value.as_str().unwrap().to_owned());
        let mut context: HashMapContext<DefaultNumericTypes> = HashMapContext::new();
        context.set_value("event_type".to_owned(), text(&event["type"])).unwrap();
        let p99_ms = Value::Float(event["data"]["p99_ms"].as_f64().unwrap());
        context.set_value("event_data_p99_ms".to_owned(), p99_ms).unwrap();
        context.set_value("event_data_service".to_owned(), text(&event["data"]["service"])).unwrap();
        context
    };
    let context = flat(event);
    let program = build_operator_tree::<DefaultNumericTypes>(text)?;
    let again = program.clone();
    Ok(Engine {
        name: "evalexpr",
        ready: Box::new(move || program.eval_boolean_with_context(black_box(&context)).unwrap()),
        arrived: Box::new(move || again.eval_boolean_with_context(&flat(black_box(event))).unwrap()),
    })
}

/// Counts allocations while it is told to; else it costs one load, the same for all.
struct Counting;

static COUNTS: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if COUNTS.load(Ordering::Relaxed) {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Allocations of one turn, after some that fill what is kept between turns.
fn count(run: &mut Run<'_>) -> u64 {
    batch(run, 8);
    ALLOCATIONS.store(0, Ordering::Relaxed);
    COUNTS.store(true, Ordering::Relaxed);
    run();
    COUNTS.store(false, Ordering::Relaxed);
    ALLOCATIONS.load(Ordering::Relaxed)
}
