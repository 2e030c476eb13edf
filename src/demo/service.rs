//! The demo's plant: an HTTP service that bears an exact rate and not a request more.
//!
//! It has `workers`, each busy with one request for `service_time`, and a bounded queue before them. Nothing computes: a
//! request is booked on the worker that is free first, from the later of that moment and now, and is answered when the
//! booking ends. Bookings follow from bookings and not from when a timer fired, so late timers cost no capacity, which is
//! `workers / service_time` exactly. A request that would wait longer than the queue holds is refused at once with 503.
//!
//! The queue holds 0.4 s of work and a request takes about 20 ms. So against an objective of 250 ms the target breaks its
//! latency before it refuses, an overload of a few percent takes many seconds to show, and one of half is plain in one.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How much work the queue holds.
const QUEUE: Duration = Duration::from_millis(400);

/// About how long a request takes.
const SERVICE_TIME_S: f64 = 0.02;

/// Between these a capacity is drawn, requests a second.
const DRAWN_RPS: (f64, f64) = (200.0, 800.0);

/// What one deployment bears.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capacity {
    pub workers: u32,
    pub service_time: Duration,
}

impl Capacity {
    /// Workers of about 20 ms a request that bear `rate_rps` together.
    pub fn of_rps(rate_rps: f64) -> Self {
        let wanted = (rate_rps * SERVICE_TIME_S).round().clamp(1.0, 100_000.0);
        // The bounds make the cast exact.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and within 1 to 100,000")]
        let workers = wanted as u32;
        Self { workers, service_time: Duration::from_secs_f64(f64::from(workers) / rate_rps.max(0.1)) }
    }

    /// A capacity from 200 to 800 requests a second: the same for the same seed.
    pub fn drawn(seed: u64) -> Self {
        // One step of SplitMix64 (Steele, Lea and Flood, 2014); the upper 32 bits make the fraction.
        let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let fraction = f64::from(u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0)) / f64::from(u32::MAX);
        Self::of_rps(DRAWN_RPS.0 + (DRAWN_RPS.1 - DRAWN_RPS.0) * fraction)
    }

    /// The rate it bears.
    pub fn rps(&self) -> f64 {
        f64::from(self.workers) / self.service_time.as_secs_f64()
    }
}

/// What the plant was offered since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlantCounts {
    pub offered: u64,
    /// Answered, or about to be.
    pub served: u64,
    pub refused: u64,
}

/// A running service. Stops when dropped.
#[derive(Debug)]
pub struct Plant {
    address: SocketAddr,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

#[derive(Debug)]
struct Shared {
    deployment: Mutex<Deployment>,
    offered: AtomicU64,
    refused: AtomicU64,
}

#[derive(Debug)]
struct Deployment {
    signature: HeaderValue,
    capacity: Capacity,
    bookings: Bookings,
}

impl Plant {
    /// Serves one deployment on a loopback port of the system's choice.
    ///
    /// # Errors
    /// No port is to be had.
    pub async fn start(signature: &str, capacity: Capacity) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            deployment: Mutex::new(Deployment::new(signature, capacity)),
            offered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        });
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, Arc::clone(&shared), stop.clone()));
        Ok(Self { address, shared, _stop: stop.drop_guard() })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Replaces what is running: its workers are idle and its queue is empty. What the old one took it still answers.
    pub fn deploy(&self, signature: &str, capacity: Capacity) {
        *self.shared.deployment() = Deployment::new(signature, capacity);
    }

    pub fn capacity(&self) -> Capacity {
        self.shared.deployment().capacity
    }

    pub fn counts(&self) -> PlantCounts {
        let refused = self.shared.refused.load(Ordering::Relaxed);
        let offered = self.shared.offered.load(Ordering::Relaxed);
        PlantCounts { offered, served: offered.saturating_sub(refused), refused }
    }
}

impl Deployment {
    fn new(signature: &str, capacity: Capacity) -> Self {
        let signature = HeaderValue::from_str(signature).unwrap_or(HeaderValue::from_static("unnamed"));
        Self { signature, capacity, bookings: Bookings::new(capacity, QUEUE) }
    }
}

impl Shared {
    fn deployment(&self) -> MutexGuard<'_, Deployment> {
        self.deployment.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self) -> Response<Full<Bytes>> {
        let (signature, departure) = {
            let mut deployment = self.deployment();
            (deployment.signature.clone(), deployment.bookings.book(Instant::now()))
        };
        self.offered.fetch_add(1, Ordering::Relaxed);
        let mut response = Response::new(Full::new(Bytes::from_static(b"ok\n")));
        response.headers_mut().insert("x-deployment", signature);
        if let Some(departure) = departure {
            tokio::time::sleep_until(departure).await;
        } else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            *response.body_mut() = Full::new(Bytes::from_static(b"the queue is full\n"));
        }
        response
    }
}

/// When each worker is free.
#[derive(Debug)]
struct Bookings {
    capacity: Capacity,
    queue: Duration,
    origin: Option<Instant>,
    free_at: std::collections::BinaryHeap<std::cmp::Reverse<Duration>>,
}

impl Bookings {
    fn new(capacity: Capacity, queue: Duration) -> Self {
        let free_at = (0..capacity.workers).map(|_| std::cmp::Reverse(Duration::ZERO)).collect();
        Self { capacity, queue, origin: None, free_at }
    }

    /// When a request that arrives now is answered; `None` if the queue is full.
    fn book(&mut self, now: Instant) -> Option<Instant> {
        let origin = *self.origin.get_or_insert(now);
        let arrival = now.saturating_duration_since(origin);
        let mut first = self.free_at.peek_mut()?;
        let start = first.0.max(arrival);
        if start.saturating_sub(arrival) > self.queue {
            return None;
        }
        let departure = start + self.capacity.service_time;
        first.0 = departure;
        Some(origin + departure)
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = accepted else {
            // Out of file handles: some connection will end.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // Without it an answer may wait for the acknowledgement of the one before.
            if stream.set_nodelay(true).is_err() {
                return;
            }
            let answer = hyper::service::service_fn(move |_: Request<Incoming>| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(shared.answer().await) }
            });
            // A client that goes away is no trouble of ours.
            let _gone = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offers a rate for a while, evenly; returns how many were refused and the longest time to an answer.
    fn offer(bookings: &mut Bookings, start: Instant, rate_rps: f64, seconds: f64) -> (u32, Duration) {
        let (mut refused, mut longest, mut number) = (0, Duration::ZERO, 0.0);
        while number / rate_rps < seconds {
            let now = start + Duration::from_secs_f64(number / rate_rps);
            match bookings.book(now) {
                Some(departure) => longest = longest.max(departure - now),
                None => refused += 1,
            }
            number += 1.0;
        }
        (refused, longest)
    }

    #[test]
    fn a_capacity_is_what_it_says() {
        for rate_rps in [50.0, 200.0, 537.0, 800.0] {
            let capacity = Capacity::of_rps(rate_rps);
            assert!((capacity.rps() / rate_rps - 1.0).abs() < 1e-6, "{capacity:?}");
            let start = Instant::now();
            let (refused, longest) = offer(&mut Bookings::new(capacity, QUEUE), start, rate_rps * 0.999, 60.0);
            assert_eq!(refused, 0);
            assert!(longest < capacity.service_time * 2, "{longest:?}");
            let (refused, longest) = offer(&mut Bookings::new(capacity, QUEUE), start, rate_rps * 1.05, 60.0);
            // 5 % too much fills 0.4 s in 8 s; of the 52 s after that, the excess is refused.
            assert!((f64::from(refused) / (rate_rps * 0.05 * 52.0) - 1.0).abs() < 0.02, "{refused}");
            assert!(longest <= QUEUE + capacity.service_time, "{longest:?}");
        }
    }

    #[test]
    fn a_seed_draws_the_same_capacity_and_seeds_differ() {
        let drawn: Vec<f64> = (0..100).map(|seed| Capacity::drawn(seed).rps()).collect();
        assert!(drawn.iter().all(|rate| (199.0..=801.0).contains(rate)), "{drawn:?}");
        assert!(drawn.iter().any(|rate| *rate < 300.0) && drawn.iter().any(|rate| *rate > 700.0));
        assert_eq!(Capacity::drawn(7), Capacity::drawn(7));
    }

    #[tokio::test]
    async fn it_answers_over_http_and_refuses_beyond_its_queue() {
        // One request a second, so that 0.4 s of queue is full behind the first two.
        let slow = Capacity { workers: 1, service_time: Duration::from_millis(300) };
        let plant = Plant::start("a", slow).await.unwrap();
        let url = format!("http://{}/", plant.address());
        let statuses: Vec<u16> = futures_util::future::join_all((0..5).map(|_| reqwest_get(&url))).await;
        let refused = statuses.iter().filter(|status| **status == 503).count();
        assert!((2..=3).contains(&refused), "{statuses:?}");
        let counts = plant.counts();
        assert_eq!((counts.offered, counts.served + counts.refused), (5, 5));
        plant.deploy("b", Capacity::of_rps(500.0));
        assert_eq!(reqwest_get(&url).await, 200);
        assert!((plant.capacity().rps() - 500.0).abs() < 1e-3);
    }

    async fn reqwest_get(url: &str) -> u16 {
        let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http();
        let request = Request::get(url).body(Full::<Bytes>::default()).unwrap();
        client.request(request).await.unwrap().status().as_u16()
    }
}
