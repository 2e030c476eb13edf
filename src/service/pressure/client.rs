//! One endpoint as the load test calls it: HTTP/1.1 over kept connections, to allowed addresses only.
//!
//! A name is resolved once for each connection, and the connection goes to the very address that was checked, so that a
//! name that resolves differently the next moment leads nowhere else. Redirects are answers, never followed.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::base::id::RunId;
use crate::model::network::AllowedHosts;
use crate::model::record::without_credentials;

/// Marks every request of a load test, so that services and detectors can tell it from their users' traffic.
pub const RUN_HEADER: &str = "homeostat-run";

/// Idle connections are kept between trials.
const IDLE: Duration = Duration::from_secs(20);

/// An endpoint, and the connections to it.
#[derive(Clone)]
pub struct Endpoint {
    client: Client<Connector, Empty<Bytes>>,
    uri: Uri,
    run: HeaderValue,
    timeout: Duration,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("uri", &self.uri).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// What came of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A status below 300, and the whole body.
    Success,
    /// Any other status.
    Status(StatusCode),
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
            Self::Failed(Failure::Sender(why) | Failure::NotAllowed(why) | Failure::Connection(why)) => {
                f.write_str(why)
            }
        }
    }
}

impl Endpoint {
    /// # Errors
    /// What is wrong with the URL, as a sentence.
    pub fn new(url: &str, allowed: Arc<AllowedHosts>, run: RunId, timeout: Duration) -> Result<Self, String> {
        let shown = without_credentials(url);
        let uri: Uri = shown.parse().map_err(|error| format!("`{shown}` is not a URL: {error}"))?;
        match (uri.scheme_str(), uri.host()) {
            (Some("http"), Some(_)) => {}
            (Some("https"), _) => {
                return Err(format!("`{shown}`: load tests speak plain http only; give an http endpoint"));
            }
            _ => return Err(format!("`{shown}` is not a URL like `http://host:port/path`")),
        }
        let run = HeaderValue::from_str(&run.to_string()).map_err(|error| error.to_string())?;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(Connector { allowed });
        Ok(Self { client, uri, run, timeout })
    }

    /// A request that takes longer has failed.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends one request and takes the answer to its last byte, by `due` and the request timeout.
    pub async fn call(&self, due: Instant) -> Answer {
        tokio::time::timeout_at(due + self.timeout, self.exchange()).await.unwrap_or(Answer::Failed(Failure::Timeout))
    }

    async fn exchange(&self) -> Answer {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().insert(RUN_HEADER, self.run.clone());
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => return Answer::Failed(failure(&error)),
        };
        let status = response.status();
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            if let Err(error) = frame {
                return Answer::Failed(Failure::Connection(format!("the answer broke off: {error}")));
            }
        }
        if status.is_success() { Answer::Success } else { Answer::Status(status) }
    }
}

/// Finds the cause that a person can do something about.
fn failure(error: &legacy::Error) -> Failure {
    let mut cause = error.source();
    let mut last = error.to_string();
    while let Some(inner) = cause {
        last = inner.to_string();
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return match io.kind() {
                // From our own connector.
                io::ErrorKind::PermissionDenied if io.raw_os_error().is_none() => Failure::NotAllowed(io.to_string()),
                io::ErrorKind::AddrNotAvailable => Failure::Sender("no local port is free".to_owned()),
                _ if out_of_files(io) => Failure::Sender("too many open files: raise `ulimit -n`".to_owned()),
                _ => Failure::Connection(io.to_string()),
            };
        }
        cause = inner.source();
    }
    Failure::Connection(last)
}

fn out_of_files(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    matches!(errno, Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE))
}

/// Connects to the addresses of a host that are allowed.
#[derive(Clone, Debug)]
struct Connector {
    allowed: Arc<AllowedHosts>,
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let allowed = Arc::clone(&self.allowed);
        Box::pin(async move {
            let stream = connect(&uri, &allowed).await?;
            stream.set_nodelay(true)?;
            Ok(TokioIo::new(stream))
        })
    }
}

async fn connect(uri: &Uri, allowed: &AllowedHosts) -> io::Result<TcpStream> {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(80);
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
    let mut refused = None;
    let mut failed = None;
    for address in found {
        if !allowed.allows(host, address.ip()) {
            refused = Some(address.ip());
            continue;
        }
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = Some(error),
        }
    }
    Err(match (failed, refused) {
        (Some(error), _) => error,
        (None, Some(ip)) => io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("`{host}` is at {ip}, and the configuration allows no load there; add it to `allowed_hosts`"),
        ),
        (None, None) => io::Error::new(io::ErrorKind::NotFound, format!("`{host}` has no address")),
    })
}
