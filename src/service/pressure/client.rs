//! One endpoint as a load test calls it: which requests, over which connections, from which thread.
//!
//! Redirects are answers, never followed.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, Uri};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::requests::{Mix, Turn};
use super::thread::Thread;
use super::transport::Transport;
use crate::base::id::RunId;
use crate::model::load::LoadSettings;
use crate::model::network::AllowedHosts;
use crate::model::record::without_credentials;

/// An endpoint, what is sent to it, and the connections to it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    inner: Arc<Inner>,
    thread: Thread,
}

#[derive(Debug)]
struct Inner {
    mix: Mix,
    transport: Transport,
    timeout: Duration,
}

/// What came of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What was wanted, to its last byte.
    Success,
    /// Another status.
    Status(StatusCode),
    /// An answer that its own test refused: why.
    Unwanted(String),
    Failed(Failure),
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    Timeout,
    /// The sending machine had no socket, port or file handle left.
    Sender(String),
    /// The address is not on the list of allowed hosts.
    NotAllowed(String),
    /// No connection, or it broke.
    Connection(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.write_str("it answered"),
            Self::Status(status) if status.is_redirection() => {
                write!(f, "it answered {status}, and redirects are not followed")
            }
            Self::Status(status) => write!(f, "it answered {status}"),
            Self::Failed(Failure::Timeout) => f.write_str("it did not answer in time"),
            Self::Unwanted(why)
            | Self::Failed(Failure::Sender(why) | Failure::NotAllowed(why) | Failure::Connection(why)) => {
                f.write_str(why)
            }
        }
    }
}

impl Endpoint {
    /// Makes every request, and sends none.
    ///
    /// # Errors
    /// What is wrong with the URL, the requests or their data, as a sentence.
    pub fn new(
        url: &str,
        load: &LoadSettings,
        allowed: Arc<AllowedHosts>,
        run: RunId,
        timeout: Duration,
        thread: Thread,
    ) -> Result<Self, String> {
        let shown = without_credentials(url);
        let uri: Uri = shown.parse().map_err(|error| format!("`{shown}` is not a URL: {error}"))?;
        if !matches!((uri.scheme_str(), uri.host()), (Some("http" | "https"), Some(_))) {
            return Err(format!("`{shown}` is not a URL like `http://host:port/path`"));
        }
        let mix = Mix::new(&uri, load, run)?;
        let transport = Transport::new(&uri, load, allowed)?;
        Ok(Self { inner: Arc::new(Inner { mix, transport, timeout }), thread })
    }

    /// A request that takes longer has failed.
    pub fn timeout(&self) -> Duration {
        self.inner.timeout
    }

    /// Where its requests are sent from.
    pub(super) fn thread(&self) -> &Thread {
        &self.thread
    }

    /// Sends one request, of the kind that is sent most, and takes the answer to its last byte.
    pub async fn call(&self) -> Answer {
        let inner = Arc::clone(&self.inner);
        let calling = self.thread.spawn(async move {
            let Some(turn) = inner.mix.probe() else { return Answer::Failed(Failure::Timeout) };
            inner.call(turn, Instant::now()).await
        });
        let gone = |_| Answer::Failed(Failure::Sender("the thread that sends has ended".to_owned()));
        AbortOnDropHandle::new(calling).await.unwrap_or_else(gone)
    }

    /// Sends the request whose turn it is. Only on the endpoint's own thread.
    pub(super) async fn call_next(&self, due: Instant) -> Answer {
        let Some(turn) = self.inner.mix.next() else { return Answer::Failed(Failure::Timeout) };
        self.inner.call(turn, due).await
    }
}

impl Inner {
    /// Has its answer by `due` and the request timeout.
    async fn call(&self, Turn { made, success }: Turn<'_>, due: Instant) -> Answer {
        let exchange = self.transport.exchange(made, success.wants());
        match tokio::time::timeout_at(due + self.timeout, exchange).await {
            Ok(Ok(reply)) => success.judge(reply),
            Ok(Err(failure)) => Answer::Failed(failure),
            Err(_) => Answer::Failed(Failure::Timeout),
        }
    }
}
