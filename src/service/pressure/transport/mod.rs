//! A request that is made becomes bytes on a connection, and the bytes that come back a reply.
//!
//! Connections are kept between requests and used last in, first out, so that as few as possible are open. HTTP/1.1 is
//! written and read here and not by a library, since what a request costs the sender decides what rates it can measure;
//! HTTP/2 is hyper's.

mod dial;
mod http1;
mod http2;
mod tls;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::dial::{Dialer, Spoken};
use super::client::Failure;
use super::requests::{Made, Reply, Wants};
use crate::model::load::{Connections, LoadSettings};
use crate::model::network::AllowedHosts;

/// The connections to one endpoint.
#[derive(Debug)]
pub(super) struct Transport {
    dialer: Dialer,
    keep: bool,
    idle: Mutex<Vec<http1::Connection>>,
    shared: Mutex<Vec<http2::Connection>>,
    /// Held while a connection is opened that may come to serve many requests, so that not each of them opens one.
    opening: tokio::sync::Mutex<()>,
    /// Whether connections serve one request at a time, as far as is known.
    alone: AtomicBool,
}

impl Transport {
    /// # Errors
    /// What is wrong with the settings, as a sentence.
    pub(super) fn new(
        endpoint: &http::Uri,
        settings: &LoadSettings,
        allowed: Arc<AllowedHosts>,
    ) -> Result<Self, String> {
        let dialer = Dialer::new(endpoint, settings, allowed)?;
        Ok(Self {
            alone: AtomicBool::new(!dialer.may_share()),
            dialer,
            keep: settings.connections == Connections::Keep,
            idle: Mutex::default(),
            shared: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        })
    }

    /// Sends a request and takes the answer to its last byte.
    pub(super) async fn exchange(&self, made: &Made, wants: Wants) -> Result<Reply, Failure> {
        if self.keep {
            let idle = open(&self.idle).pop();
            if let Some(connection) = idle {
                match self.alone(connection, made, wants).await {
                    // The target closed it while it lay idle: nobody has seen the request.
                    Err(http1::Broken::Stale) if made.repeatable => {}
                    result => return result.map_err(http1::Broken::failure),
                }
            } else if let Some(connection) = self.shared() {
                return connection.exchange(made, wants).await;
            }
        }
        if self.alone.load(Ordering::Relaxed) || !self.keep {
            let spoken = self.dialer.dial().await?;
            return self.first(spoken, made, wants).await;
        }
        let turn = self.opening.lock().await;
        if let Some(connection) = self.shared() {
            drop(turn);
            return connection.exchange(made, wants).await;
        }
        let spoken = self.dialer.dial().await?;
        match &spoken {
            Spoken::Http1(_) => self.alone.store(true, Ordering::Relaxed),
            Spoken::Http2(connection) => open(&self.shared).push(connection.clone()),
        }
        drop(turn);
        self.first(spoken, made, wants).await
    }

    async fn first(&self, spoken: Spoken, made: &Made, wants: Wants) -> Result<Reply, Failure> {
        match spoken {
            Spoken::Http1(connection) => self.alone(connection, made, wants).await.map_err(http1::Broken::failure),
            Spoken::Http2(connection) => connection.exchange(made, wants).await,
        }
    }

    async fn alone(
        &self,
        mut connection: http1::Connection,
        made: &Made,
        wants: Wants,
    ) -> Result<Reply, http1::Broken> {
        let reply = connection.exchange(made, wants).await?;
        if self.keep && connection.is_reusable() {
            open(&self.idle).push(connection);
        }
        Ok(reply)
    }

    /// An open connection that has room for one more request.
    fn shared(&self) -> Option<http2::Connection> {
        let mut shared = open(&self.shared);
        if shared.is_empty() {
            return None;
        }
        shared.retain(http2::Connection::is_open);
        shared.iter().find(|connection| connection.has_room()).cloned()
    }
}

fn open<T>(connections: &Mutex<T>) -> MutexGuard<'_, T> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
