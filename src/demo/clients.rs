//! The demo's clients: they keep sending through the agents at a set rate, whatever comes back.
//!
//! One evenly spaced schedule for each agent, an open arrival model. What an agent refuses (429) is counted apart from what
//! it passed on: anything else that was answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A client gives up on an answer after this.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A client that finds so many requests unanswered sends no more until some are: its machine has no endless memory.
const IN_FLIGHT: usize = 2_000;

/// What the clients of one agent have sent and got since they started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientCounts {
    pub sent: u64,
    /// Passed on by the agent and answered with success.
    pub passed: u64,
    /// Passed on by the agent and answered with an error: 5xx and everything that is neither success nor 429.
    pub failed: u64,
    /// Refused by the agent: 429.
    pub refused: u64,
    /// No answer: no connection, or none in time.
    pub unanswered: u64,
}

/// Clients that keep sending to one agent. They stop when dropped.
#[derive(Debug)]
pub struct Clients {
    counters: Arc<Counters>,
    rate: watch::Sender<f64>,
    _stop: DropGuard,
}

#[derive(Debug, Default)]
struct Counters {
    sent: AtomicU64,
    passed: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    unanswered: AtomicU64,
}

impl Clients {
    /// Starts sending `rate_rps` to the agent at `address`.
    pub fn start(address: SocketAddr, rate_rps: f64) -> Self {
        let counters = Arc::new(Counters::default());
        let (rate, rates) = watch::channel(rate_rps);
        let stop = CancellationToken::new();
        let sender = Sender { uri: uri(address), counters: Arc::clone(&counters), client: client() };
        let stopped = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = sender.run(rates) => {}
            }
        });
        Self { counters, rate, _stop: stop.drop_guard() }
    }

    /// Sends at this rate from now on; 0 rests.
    pub fn set_rate(&self, rate_rps: f64) {
        self.rate.send_replace(rate_rps);
    }

    pub fn counts(&self) -> ClientCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ClientCounts {
            sent: read(&self.counters.sent),
            passed: read(&self.counters.passed),
            failed: read(&self.counters.failed),
            refused: read(&self.counters.refused),
            unanswered: read(&self.counters.unanswered),
        }
    }
}

impl ClientCounts {
    /// What came since an earlier reading.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            sent: self.sent.saturating_sub(earlier.sent),
            passed: self.passed.saturating_sub(earlier.passed),
            failed: self.failed.saturating_sub(earlier.failed),
            refused: self.refused.saturating_sub(earlier.refused),
            unanswered: self.unanswered.saturating_sub(earlier.unanswered),
        }
    }
}

struct Sender {
    uri: Uri,
    counters: Arc<Counters>,
    client: Client<HttpConnector, Empty<Bytes>>,
}

impl Sender {
    async fn run(self, mut rates: watch::Receiver<f64>) {
        let mut requests = JoinSet::new();
        loop {
            let rate_rps = *rates.borrow_and_update();
            let start = Instant::now();
            let mut number = 0_u32;
            while !rates.has_changed().unwrap_or(false) {
                if rate_rps <= 0.0 {
                    if rates.changed().await.is_err() {
                        return;
                    }
                    break;
                }
                let due = start + Duration::from_secs_f64(f64::from(number) / rate_rps);
                tokio::time::sleep_until(due).await;
                number += 1;
                while requests.try_join_next().is_some() {}
                self.counters.sent.fetch_add(1, Ordering::Relaxed);
                if requests.len() < IN_FLIGHT {
                    requests.spawn(request(self.client.clone(), self.uri.clone(), Arc::clone(&self.counters)));
                } else {
                    self.counters.unanswered.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

async fn request(client: Client<HttpConnector, Empty<Bytes>>, uri: Uri, counters: Arc<Counters>) {
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = uri;
    let exchange = async {
        let response = client.request(request).await.ok()?;
        let status = response.status();
        // The connection can be used again only once the body was read.
        response.into_body().collect().await.ok()?;
        Some(status)
    };
    let counter = match tokio::time::timeout(TIMEOUT, exchange).await.ok().flatten() {
        None => &counters.unanswered,
        Some(StatusCode::TOO_MANY_REQUESTS) => &counters.refused,
        Some(status) if status.is_success() => &counters.passed,
        Some(_) => &counters.failed,
    };
    counter.fetch_add(1, Ordering::Relaxed);
}

fn client() -> Client<HttpConnector, Empty<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector)
}

fn uri(address: SocketAddr) -> Uri {
    // An address and a port are always a valid authority.
    format!("http://{address}/").parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::service::{Capacity, Plant};

    #[tokio::test]
    async fn what_is_sent_is_counted_by_what_came_of_it() {
        let plant = Plant::start("a", Capacity::of_rps(400.0)).await.unwrap();
        let clients = Clients::start(plant.address(), 200.0);
        while clients.counts().passed < 50 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        clients.set_rate(0.0);
        tokio::time::sleep(Duration::from_millis(500)).await;
        let counts = clients.counts();
        assert_eq!(counts.sent, counts.passed + counts.failed + counts.refused + counts.unanswered, "{counts:?}");
        assert_eq!(counts.refused, 0);
        assert_eq!(plant.counts().offered, counts.sent - counts.unanswered);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(clients.counts().since(&counts), ClientCounts::default(), "nothing is sent at rate 0");
    }
}
