//! One trial of Homeostat's generator, in a process of its own.

use std::sync::Arc;
use std::time::Duration;

use homeostat::base::id::RunId;
use homeostat::model::load::{Arrivals, LoadSettings};
use homeostat::model::network::AllowedHosts;
use homeostat::model::objective::Objective;
use homeostat::service::pressure::client::Endpoint;
use homeostat::service::pressure::generator::{Load, send as trial};
use homeostat::service::pressure::thread::Thread;

use crate::Outcome;

/// Of Homeostat's trials: one that is judged by it is invalid where requests were sent later than a tenth of it.
const OBJECTIVE: Objective = Objective { p99_ms: 250.0, error_rate: 0.001 };

/// What a trial measured.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) failed: u64,
    pub(crate) p99_ms: f64,
    pub(crate) lateness_p99_ms: f64,
    pub(crate) is_whole: bool,
}

impl Figures {
    /// Whether the generator kept up.
    pub(crate) fn is_valid(&self) -> bool {
        self.is_whole && self.lateness_p99_ms <= OBJECTIVE.p99_ms * 0.1
    }

    /// Reads what [`send`] printed.
    pub(crate) fn read(line: &str) -> Outcome<Self> {
        let told: Vec<&str> = line.split_whitespace().collect();
        let [failed, p99_ms, lateness_p99_ms, is_whole] = told.as_slice() else {
            return Err(format!("`{line}` are no figures").into());
        };
        Ok(Self {
            failed: failed.parse()?,
            p99_ms: p99_ms.parse()?,
            lateness_p99_ms: lateness_p99_ms.parse()?,
            is_whole: is_whole.parse()?,
        })
    }
}

/// Sends, and prints figures in one line.
pub(crate) fn send(url: &str, rate_rps: f64, duration: Duration) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let allowed = Arc::new(AllowedHosts::loopback());
        let (run, thread) = (RunId::generate(), Thread::start()?);
        let settings = LoadSettings::default();
        let endpoint = Endpoint::new(url, &settings, allowed, run, Duration::from_secs(5), thread)?;
        let load = Load { rate_rps, duration, arrivals: Arrivals::Constant, seed: 1, patient: false };
        let figures = trial(&endpoint, &load, &OBJECTIVE, || None).await.figures;
        let is_whole = figures.cut.is_none() && figures.share_sent() >= 0.98;
        println!("{} {} {} {is_whole}", figures.failed, figures.p99_ms, figures.lateness_p99_ms);
        Ok(())
    })
}
