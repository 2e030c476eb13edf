use std::path::Path;

use super::*;
use crate::model::load::{Piece, Template};

const OBJECTIVE: Objective = Objective { p99_ms: 250.0, error_rate: 0.001 };

fn driver(words: &[&str]) -> DriverSettings {
    let word = |word: &&str| Template(vec![Piece::Text((*word).to_owned())]);
    DriverSettings { command: words.iter().map(word).collect(), folder: "".into() }
}

/// A program for the shell, which the test and not Homeostat starts.
fn shell(text: &str) -> DriverSettings {
    driver(&["sh", "-c", text])
}

fn load() -> Load {
    let duration = Duration::from_secs(2);
    Load { rate_rps: 100.0, duration, arrivals: Arrivals::Poisson, seed: 7, patient: false }
}

async fn sent(driver: &DriverSettings, look: impl FnMut() -> Option<Cut>) -> Result<Figures, String> {
    let (run, load) = (RunId::generate(), load());
    let trial = Trial { driver, endpoint: "http://user:secret@127.0.0.1:1/", run, load: &load, objective: &OBJECTIVE };
    trial.send(look).await.map(|sent| sent.figures)
}

#[tokio::test]
async fn a_program_tells_what_it_sent() {
    let told = r#"echo warming up >&2; echo; echo '{"requests": 199, "errors": 2, "p99_ms": 85.5, "p50_ms": 20, "seconds": 2.0}'; echo"#;
    let figures = sent(&shell(told), || None).await.unwrap();
    assert_eq!((figures.planned, figures.sent, figures.failed, figures.slow), (200, 199, 2, 0));
    assert_eq!((figures.own_rps, figures.p99_ms, figures.p50_ms), (99.5, 85.5, 20.0));
    assert_eq!(figures.cut, None);
    let slow = sent(&shell(r#"echo '{"requests": 200, "errors": 0, "p99_ms": 300}'"#), || None).await.unwrap();
    let judged = crate::service::pressure::verdict::judge(&slow, 100.0, &OBJECTIVE);
    assert_eq!(judged.verdict, crate::model::record::TrialVerdict::Fail);
}

#[tokio::test]
async fn it_is_told_the_trial_and_nothing_of_the_engine() {
    let folder = tempfile::tempdir().unwrap();
    let mut driver =
        shell(r#"echo "$@" > asked; env > environment; echo '{"requests": 200, "errors": 0, "p99_ms": 1}'"#);
    let word = |text: &str| Template(vec![Piece::Expression(text.to_owned())]);
    let names = ["rate_rps", "seconds", "requests", "arrivals", "seed", "endpoint"];
    driver.command.push(Template(vec![Piece::Text("sh".to_owned())]));
    driver.command.extend(names.iter().map(|name| word(&format!("trial.{name}"))));
    driver.folder = folder.path().to_owned();
    sent(&driver, || None).await.unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("asked").trim(), "100.0 2.0 200 poisson 7 http://127.0.0.1:1/");
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(!read("environment").contains("CARGO_MANIFEST_DIR"));
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let mut told = Vec::new();
    for program in [
        driver(&["/nowhere/load"]),
        shell("echo cannot connect >&2; exit 3"),
        shell("echo done"),
        shell(r#"echo '{"requests": 200, "errors": 0}'"#),
        shell(r#"echo '{"requests": 200, "errors": 0, "p99_ms": 1, "p95_ms": 1}'"#),
        shell(r#"echo '{"requests": 200, "errors": 201, "p99_ms": 1}'"#),
        shell(r#"echo '{"requests": 300, "errors": 0, "p99_ms": 1}'"#),
        shell(r#"echo '{"requests": 200, "errors": 0, "p99_ms": -1}'"#),
        shell(r#"echo '{"requests": 200, "errors": 0, "p99_ms": 1, "seconds": 0}'"#),
    ] {
        told.push(sent(&program, || None).await.unwrap_err());
    }
    insta::assert_snapshot!(told.join("\n"));
}

/// Whether the process of the number in that file is at work.
fn is_running(file: &Path) -> bool {
    let id = std::fs::read_to_string(file).unwrap();
    let state = std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
    // One that has ended and nobody asked for its end is a zombie.
    state.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
}

/// A program that starts another one, tells its number, and waits for it.
fn lasting(folder: &Path) -> DriverSettings {
    let mut driver = shell("sleep 600 & echo $! > started.tmp; mv started.tmp started; wait");
    driver.folder = folder.to_owned();
    driver
}

async fn ended(file: &Path) {
    let began = Instant::now();
    while is_running(file) {
        assert!(began.elapsed() < Duration::from_secs(1), "it still runs");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_halt_ends_the_program_and_whatever_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let (driver, file) = (lasting(folder.path()), folder.path().join("started"));
    let mut running = Box::pin(sent(&driver, || None));
    while !file.exists() {
        tokio::select! {
            ended = &mut running => panic!("{ended:?}"),
            () = tokio::time::sleep(Duration::from_millis(10)) => {}
        }
    }
    assert!(is_running(&file));
    drop(running);
    ended(&file).await;
}

#[tokio::test]
async fn a_trial_that_has_no_point_any_more_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let (driver, file) = (lasting(folder.path()), folder.path().join("started"));
    let figures = sent(&driver, || file.exists().then_some(Cut::Unhealthy)).await.unwrap();
    assert_eq!((figures.cut, figures.planned), (Some(Cut::Unhealthy), 200));
    ended(&file).await;
}
