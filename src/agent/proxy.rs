//! Requests in, requests out: an HTTP/1.1 reverse proxy that asks the gate first. Bodies stream both ways.
//!
//! What it must not know: where the rate comes from.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::gate::{Entry, Gate};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Shorter than what servers usually keep, so that a connection is rarely closed under a request.
const IDLE: Duration = Duration::from_secs(15);

/// What is still under way after this is cut off when the agent stops.
const FINISH_WITHIN: Duration = Duration::from_secs(30);

/// After a failed accept: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Named in RFC 9110, section 7.6.1, and those that are hop-by-hop by custom. `Expect` is answered by this side.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
];

type Body = BoxBody<Bytes, hyper::Error>;

/// Where requests go.
#[derive(Clone, Debug)]
pub struct Upstream {
    authority: Authority,
    host: HeaderValue,
    /// Without a slash at its end.
    path: String,
}

impl Upstream {
    /// `None` for what is no `http` URL with a host.
    pub fn new(uri: &Uri) -> Option<Self> {
        let authority = uri.authority()?.clone();
        let host = HeaderValue::from_str(authority.as_str()).ok()?;
        let plain = uri.scheme() == Some(&Scheme::HTTP) && uri.query().is_none();
        plain.then(|| Self { authority, host, path: uri.path().trim_end_matches('/').to_owned() })
    }

    fn uri(&self, requested: &Uri) -> Option<Uri> {
        let path = requested.path_and_query().map_or("/", PathAndQuery::as_str);
        let path = if self.path.is_empty() { path.to_owned() } else { format!("{}{path}", self.path) };
        Uri::builder().scheme(Scheme::HTTP).authority(self.authority.clone()).path_and_query(path).build().ok()
    }
}

/// The proxy of one agent.
#[derive(Clone, Debug)]
pub struct Proxy {
    upstream: Arc<Upstream>,
    gate: Arc<Gate>,
    client: Client<HttpConnector, Incoming>,
    timeout: Duration,
}

/// Connections that were open when the proxy stopped.
#[derive(Debug)]
pub struct UnderWay(TaskTracker);

impl UnderWay {
    /// Waits for their requests, but not for ever.
    pub async fn finish(self) {
        if tokio::time::timeout(FINISH_WITHIN, self.0.wait()).await.is_err() {
            tracing::warn!(connections = self.0.len(), "requests that did not end are cut off");
        }
    }
}

impl Proxy {
    pub fn new(upstream: Upstream, gate: Arc<Gate>, timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Self { upstream: Arc::new(upstream), gate, client, timeout }
    }

    /// Accepts connections until `stop` is cancelled. Those that are open then end with the request they are in.
    pub async fn serve(&self, listener: TcpListener, stop: CancellationToken) -> UnderWay {
        let open = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let connection = self.clone().connection(stream, peer, stop.clone());
                    drop(open.spawn(connection));
                }
                Err(error) => {
                    tracing::warn!("a connection could not be accepted: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        open.close();
        UnderWay(open)
    }

    async fn connection(self, stream: TcpStream, peer: SocketAddr, stop: CancellationToken) {
        let _ = stream.set_nodelay(true);
        let service = service_fn(|request| {
            let proxy = self.clone();
            async move { Ok::<_, Infallible>(proxy.handle(request, peer).await) }
        });
        let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, "connection ended: {error}");
        }
    }

    async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        if let Entry::Refuse { retry_after } = self.gate.enter() {
            return too_many(retry_after);
        }
        let Some(request) = self.outgoing(request, peer) else {
            return problem(StatusCode::BAD_REQUEST, "bad_request", "the request's target is not a path");
        };
        let sent = Instant::now();
        let answer = tokio::time::timeout(self.timeout, self.client.request(request)).await;
        self.gate.answered(sent.elapsed(), !matches!(&answer, Ok(Ok(response)) if is_served(response.status())));
        match answer {
            Ok(Ok(response)) => incoming(response),
            Ok(Err(error)) => {
                tracing::debug!("the upstream could not be reached: {}", chain(&error));
                problem(StatusCode::BAD_GATEWAY, "upstream_failed", "the upstream could not be reached")
            }
            Err(_) => problem(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", "the upstream did not answer in time"),
        }
    }

    /// The request as the upstream gets it.
    fn outgoing(&self, mut request: Request<Incoming>, peer: SocketAddr) -> Option<Request<Incoming>> {
        if request.method() == Method::CONNECT {
            return None;
        }
        *request.uri_mut() = self.upstream.uri(request.uri())?;
        let version = std::mem::replace(request.version_mut(), Version::HTTP_11);
        let headers = request.headers_mut();
        strip(headers);
        let host = headers.insert(header::HOST, self.upstream.host.clone());
        if let Some(host) = host {
            headers.entry(FORWARDED_HOST).or_insert(host);
        }
        headers.entry(FORWARDED_PROTO).or_insert(HeaderValue::from_static("http"));
        append(headers, &FORWARDED_FOR, &peer.ip().to_canonical().to_string());
        append(headers, &header::VIA, via(version));
        Some(request)
    }
}

/// Whether the service did what it was asked, or said why not; what is too much for it, it does not serve.
fn is_served(status: StatusCode) -> bool {
    !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS
}

/// The upstream's answer as the client gets it.
fn incoming(response: Response<Incoming>) -> Response<Body> {
    let mut response = response.map(BodyExt::boxed);
    let version = std::mem::replace(response.version_mut(), Version::HTTP_11);
    let headers = response.headers_mut();
    strip(headers);
    append(headers, &header::VIA, via(version));
    response
}

fn via(received: Version) -> &'static str {
    if received == Version::HTTP_10 { "1.0 homeostat" } else { "1.1 homeostat" }
}

fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // A client must not be able to take away what frames the message or what we add.
        .filter(|name| *name != header::CONTENT_LENGTH && *name != header::HOST)
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

/// Adds to a list that may stand in several header lines.
fn append(headers: &mut HeaderMap, name: &HeaderName, value: &str) {
    let mut list: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    list.push(value);
    if let Ok(joined) = HeaderValue::from_str(&list.join(", ")) {
        headers.insert(name, joined);
    }
}

fn too_many(retry_after: Duration) -> Response<Body> {
    let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
    let mut response =
        problem(StatusCode::TOO_MANY_REQUESTS, "rate_limited", "this agent's rate is used up; come again later");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    response
}

fn problem(status: StatusCode, error: &str, message: &str) -> Response<Body> {
    let body = serde_json::json!({ "error": error, "message": message }).to_string();
    let mut response = Response::new(Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An error with what caused it, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
