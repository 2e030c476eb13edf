//! Another program sends a trial: its command line out, its figures as JSON in.
//!
//! The program is that of the configuration, started without a shell, with few variables of the environment and in a
//! process group of its own, all of which is ended with the trial. What it tells is held against what it was asked: figures
//! that cannot be are no figures.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::{Instant, MissedTickBehavior};

use super::figures::{Cut, Figures, count, whole};
use super::generator::{Load, Sent};
use super::requests::Argument;
use crate::base::id::RunId;
use crate::model::load::{Arrivals, DriverSettings};
use crate::model::objective::Objective;
use crate::model::record::without_credentials;

/// To start and to sum up a program may take so much longer than the trial.
const GRACE: Duration = Duration::from_secs(30);

/// How often it is asked whether the trial still has a point.
const LOOK: Duration = Duration::from_millis(100);

/// Of each of its outputs so much is kept, in bytes.
const KEPT: usize = 1024 * 1024;

/// So many requests more than asked for are no mistake in counting.
const EXCESS: f64 = 1.02;

/// What of the environment it gets: the key and other secrets of the engine are none of its business.
const VARIABLES: [&str; 9] =
    ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// What the program tells in the last line of its output.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    requests: u64,
    /// Of them.
    errors: u64,
    p99_ms: f64,
    #[serde(default)]
    p50_ms: f64,
    #[serde(default)]
    mean_ms: f64,
    /// How late requests were sent; latency is from when they were due if it is told.
    #[serde(default)]
    lateness_p99_ms: f64,
    /// How long it sent; the trial's time if it is not told.
    seconds: Option<f64>,
}

/// A trial for another program.
#[derive(Debug)]
pub(super) struct Trial<'a> {
    pub(super) driver: &'a DriverSettings,
    pub(super) endpoint: &'a str,
    pub(super) run: RunId,
    pub(super) load: &'a Load,
    pub(super) objective: &'a Objective,
}

impl Trial<'_> {
    /// Has the program send the trial. `look` is called several times a second and may end it.
    ///
    /// # Errors
    /// The program cannot be started, fails, takes too long, or tells what cannot be.
    pub(super) async fn send(&self, mut look: impl FnMut() -> Option<Cut>) -> Result<Sent, String> {
        let words = self.words()?;
        let name = words.first().cloned().unwrap_or_default();
        let wrong = |why: String| format!("`measure.command`: {why}");
        let mut started = Started::new(self.driver, &words)
            .map_err(|error| wrong(format!("`{name}` cannot be started: {error}; check that it is installed")))?;
        let began = Instant::now();
        let patience = self.load.duration + GRACE;
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ending = Box::pin(started.end());
        let ended = loop {
            tokio::select! {
                biased;
                ended = &mut ending => break ended,
                _ = ticks.tick() => {
                    if let Some(cut) = look() {
                        return Ok(self.cut(cut, began.elapsed()));
                    }
                    if began.elapsed() > patience {
                        return Err(wrong(format!(
                            "`{name}` did not end within {} s of a trial of {} s, and was stopped",
                            patience.as_secs(),
                            self.load.duration.as_secs_f64()
                        )));
                    }
                }
            }
        };
        let (status, output, complaint) = ended.map_err(|error| wrong(format!("`{name}`: {error}")))?;
        if !status.success() {
            return Err(wrong(format!("`{name}` ended with {status}{}", last(&complaint))));
        }
        let line = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let told: Told = serde_json::from_str(line).map_err(|error| {
            wrong(format!(
                "the last line that `{name}` prints must be its figures, like \
                 `{{\"requests\": 600, \"errors\": 0, \"p99_ms\": 85.2}}`: {error}"
            ))
        })?;
        let figures = self.figures(&told).map_err(|why| wrong(format!("`{name}` tells {why}")))?;
        Ok(Sent { figures, failure: None })
    }

    /// The command line of this trial.
    fn words(&self) -> Result<Vec<String>, String> {
        let Load { rate_rps, duration, arrivals, seed, .. } = self.load;
        let trial = json!({
            "rate_rps": rate_rps,
            "seconds": duration.as_secs_f64(),
            "requests": self.load.requests(),
            "arrivals": match arrivals {
                Arrivals::Constant => "constant",
                Arrivals::Poisson => "poisson",
            },
            "seed": i64::try_from(*seed).unwrap_or(i64::MAX),
            "endpoint": without_credentials(self.endpoint),
            "run": self.run.to_string(),
        });
        let render = |word| Argument::new(word)?.render(&trial);
        let words: Result<Vec<_>, String> = self.driver.command.iter().map(render).collect();
        words.map_err(|why| format!("`measure.command`: {why}"))
    }

    fn figures(&self, told: &Told) -> Result<Figures, String> {
        let planned = self.load.requests();
        let seconds = told.seconds.unwrap_or(self.load.duration.as_secs_f64());
        let times = [told.p99_ms, told.p50_ms, told.mean_ms, told.lateness_p99_ms];
        if times.iter().any(|time| !time.is_finite() || *time < 0.0) || told.p50_ms > told.p99_ms {
            return Err("times that cannot be".to_owned());
        }
        if !seconds.is_finite() || seconds < self.load.duration.as_secs_f64() * 0.5 {
            return Err(format!(
                "that it sent for {seconds} s, and {} s were asked for",
                self.load.duration.as_secs_f64()
            ));
        }
        if told.errors > told.requests {
            return Err(format!("{} errors of {} requests", told.errors, told.requests));
        }
        if count(told.requests) > count(planned) * EXCESS + 1.0 {
            return Err(format!("{} requests where {planned} were asked for: limits cannot be kept so", told.requests));
        }
        // How many were slow it does not tell: more than one in a hundred, if the 99th percentile is.
        let is_slow = told.p99_ms > self.objective.p99_ms;
        let slow = if is_slow { (told.requests / 100).max(3) } else { 0 };
        Ok(Figures {
            planned,
            sent: told.requests,
            failed: told.errors,
            slow,
            span_ms: seconds * 1e3,
            own_rps: count(told.requests) / seconds,
            p50_ms: told.p50_ms,
            p99_ms: told.p99_ms,
            mean_ms: told.mean_ms,
            lateness_p99_ms: told.lateness_p99_ms,
            ..Figures::default()
        })
    }

    /// A trial that was ended: how much it sent is not known, and reckoned as if it had kept its rate.
    fn cut(&self, cut: Cut, elapsed: Duration) -> Sent {
        let elapsed = elapsed.min(self.load.duration).as_secs_f64();
        let figures = Figures {
            planned: self.load.requests(),
            sent: whole(self.load.rate_rps * elapsed),
            span_ms: elapsed * 1e3,
            own_rps: self.load.rate_rps,
            cut: Some(cut),
            ..Figures::default()
        };
        Sent { figures, failure: None }
    }
}

/// The last line of what it complained of.
fn last(complaint: &str) -> String {
    complaint.lines().rev().find(|line| !line.trim().is_empty()).map_or_else(String::new, |line| format!(": {line}"))
}

/// A program that runs. Dropping it ends it and whatever it started.
#[derive(Debug)]
struct Started {
    child: Child,
    group: Option<Pid>,
}

impl Started {
    fn new(driver: &DriverSettings, words: &[String]) -> io::Result<Self> {
        let Some((program, arguments)) = words.split_first() else { return Err(io::ErrorKind::InvalidInput.into()) };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        if !driver.folder.as_os_str().is_empty() {
            command.current_dir(&driver.folder);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        let child = command.spawn()?;
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { child, group })
    }

    /// Waits for its end; how it ended, and what it printed on either output.
    async fn end(&mut self) -> io::Result<(std::process::ExitStatus, String, String)> {
        let (output, complaint) = (self.child.stdout.take(), self.child.stderr.take());
        let (output, complaint, status) = tokio::join!(kept(output), kept(complaint), self.child.wait());
        Ok((status?, output, complaint))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // There may be nothing left to end.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// What comes, to its end; the last of it is kept.
async fn kept(output: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut output) = output else { return String::new() };
    let mut text = Vec::new();
    let mut piece = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = output.read(&mut piece).await {
        text.extend_from_slice(piece.get(..length).unwrap_or_default());
        let excess = text.len().saturating_sub(KEPT);
        text.drain(..excess);
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests;
