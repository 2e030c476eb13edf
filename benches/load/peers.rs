//! Load generators as processes: how fast, and what of the processor they used.

use std::io::ErrorKind;
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use crate::Outcome;
use crate::load::sender::Figures;
use crate::load::server::Server;

/// A load generator that others made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Wrk,
    Oha,
}

impl Peer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Wrk => "wrk",
            Self::Oha => "oha",
        }
    }
}

/// What came of one of them.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// As the server counted.
    pub(crate) rate_rps: f64,
    /// For each request.
    pub(crate) cpu_us: f64,
    /// As the generator tells.
    pub(crate) p99_ms: Option<f64>,
    /// Of Homeostat alone.
    pub(crate) figures: Option<Figures>,
}

/// As fast as it goes; `None` where it is not installed.
pub(crate) fn flat_out(peer: Peer, server: &Server, seconds: u64) -> Outcome<Option<Sent>> {
    let time = format!("{seconds}s");
    let arguments: &[&str] = match peer {
        Peer::Wrk => &["-t1", "-c64", "-d", &time],
        Peer::Oha => &["--no-tui", "-c", "64", "-z", &time],
    };
    Ok(run(peer.name(), &[arguments, &[&server.url()]].concat(), server)?.map(|(sent, _)| sent))
}

/// oha at a rate, with its latency from when requests were due.
pub(crate) fn oha_at(server: &Server, rate: f64, seconds: u64) -> Outcome<Option<Sent>> {
    let (time, rate) = (format!("{seconds}s"), format!("{rate:.0}"));
    let arguments = ["--no-tui", "-c", "64", "-z", &time, "-q", &rate, "--latency-correction", "--output-format", "json"];
    let ran = run("oha", &[&arguments[..], &[&server.url()]].concat(), server)?;
    Ok(ran.map(|(sent, output)| {
        let told: Json = serde_json::from_str(&output).unwrap_or_default();
        let p99_ms = told["latencyPercentiles"]["p99"].as_f64().map(|seconds| seconds * 1e3);
        Sent { p99_ms, ..sent }
    }))
}

/// Homeostat at a rate.
pub(crate) fn homeostat(server: &Server, rate: f64, seconds: u64) -> Outcome<Sent> {
    let program = std::env::current_exe()?.display().to_string();
    let (rate, seconds) = (rate.to_string(), seconds.to_string());
    let (sent, output) =
        run(&program, &["send", &server.url(), &rate, &seconds], server)?.ok_or("it cannot be started")?;
    Ok(Sent { figures: Some(Figures::read(&output)?), ..sent })
}

/// Runs a program to its end; what it came to, and what it printed.
fn run(program: &str, arguments: &[&str], server: &Server) -> Outcome<Option<(Sent, String)>> {
    server.seen()?;
    let before = children_us()?;
    let output = match Command::new(program).args(arguments).stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let used_us = children_us()? - before;
    if !output.status.success() {
        return Err(format!("{program}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    let seen = server.seen()?;
    #[expect(clippy::cast_precision_loss, reason = "a trial has far fewer than 2^53 requests")]
    let requests = seen.requests.max(1) as f64;
    let sent =
        Sent { rate_rps: (requests - 1.0) / seen.seconds, cpu_us: used_us / requests, p99_ms: None, figures: None };
    Ok(Some((sent, String::from_utf8_lossy(&output.stdout).into_owned())))
}

/// What children that have ended used of the processor.
fn children_us() -> Outcome<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The fields behind the name, which may hold blanks: `cutime` and `cstime` are the 16th and 17th of all.
    let (_, fields) = stat.rsplit_once(')').ok_or("no fields")?;
    let mut fields = fields.split_whitespace().skip(13);
    let mut next = || -> Outcome<f64> { Ok(fields.next().ok_or("no times")?.parse()?) };
    let ticks = next()? + next()?;
    #[expect(clippy::cast_precision_loss, reason = "it is about 100")]
    let a_second = rustix::param::clock_ticks_per_second() as f64;
    Ok(ticks / a_second * 1e6)
}
