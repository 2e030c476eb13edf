//! The proxy in front of a real upstream, over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Options, serve};

/// Nothing here takes as long as this; a test that waits so long has failed.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Answers every request with what it got, and counts.
#[derive(Clone, Debug)]
pub(crate) struct Echo {
    pub(crate) address: SocketAddr,
    pub(crate) served: Arc<AtomicU64>,
}

pub(crate) async fn echo() -> Echo {
    let served = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&served);
    let router = axum::Router::new().fallback(move |request: axum::extract::Request| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move {
            let head = serde_json::json!({
                "method": request.method().as_str(),
                "path": request.uri().to_string(),
                "headers": request.headers().iter()
                    .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                    .collect::<std::collections::BTreeMap<_, _>>(),
            });
            let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
            let headers = [("connection", "x-private"), ("x-private", "1"), ("x-kept", "yes")];
            (StatusCode::CREATED, headers, format!("{head}\n{}", String::from_utf8_lossy(&body)))
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Echo { address, served }
}

/// An agent that runs, until it is told to stop.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    ended: JoinHandle<Result<(), super::AgentError>>,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(LONG, self.ended).await.unwrap().unwrap().unwrap();
    }
}

pub(crate) fn options(id: &str, engine: SocketAddr, upstream: SocketAddr) -> Options {
    Options {
        target: "checkout".into(),
        id: id.into(),
        engine: format!("http://{engine}").parse().unwrap(),
        upstream: format!("http://{upstream}").parse().unwrap(),
        initial_rps: None,
        bypass: false,
        upstream_timeout: Duration::from_secs(20),
    }
}

pub(crate) async fn start(options: Options) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let ended = tokio::spawn(serve(options, listener, shutdown.clone()));
    Running { address, shutdown, ended }
}

pub(crate) fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

pub(crate) async fn get(address: SocketAddr) -> (StatusCode, HeaderMap, String) {
    send(Request::get(format!("http://{address}/")).body(Full::default()).unwrap()).await
}

async fn send(request: Request<Full<Bytes>>) -> (StatusCode, HeaderMap, String) {
    let response = tokio::time::timeout(LONG, client().request(request)).await.unwrap().unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, head.headers, String::from_utf8(body.to_vec()).unwrap())
}

/// Nothing listens there.
fn nobody() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn free(upstream: SocketAddr) -> Options {
    Options { bypass: true, ..options("a", nobody(), upstream) }
}

#[tokio::test]
async fn a_request_arrives_as_it_was_sent_but_for_what_belongs_to_one_hop() {
    let upstream = echo().await;
    let agent = start(free(upstream.address)).await;
    let request = Request::builder()
        .method(Method::PUT)
        .uri(format!("http://{}/a/b?c=d%20e", agent.address))
        .header("host", "shop.example")
        .header("connection", "close, x-secret, content-length")
        .header("x-secret", "for the proxy")
        .header("x-forwarded-for", "10.1.1.1")
        .header("te", "trailers")
        .header("proxy-authorization", "Basic eDp5")
        .header("x-kept", "as it is")
        .body(Full::from("hello"))
        .unwrap();
    let (status, headers, body) = send(request).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!((headers.get("x-kept").unwrap(), headers.get("x-private")), (&"yes".parse().unwrap(), None));
    assert_eq!(headers.get("via").unwrap(), "1.1 homeostat");
    let (head, sent) = body.split_once('\n').unwrap();
    assert_eq!(sent, "hello");
    let mut head: serde_json::Value = serde_json::from_str(head).unwrap();
    assert_eq!(head["headers"]["host"], upstream.address.to_string());
    head["headers"]["host"] = "UPSTREAM".into();
    insta::assert_json_snapshot!(head);
    agent.stop().await;
}

#[tokio::test]
async fn an_upstream_may_have_a_path() {
    let upstream = echo().await;
    let mut options = free(upstream.address);
    options.upstream = format!("http://{}/base/", upstream.address).parse().unwrap();
    let agent = start(options).await;
    let uri = format!("http://{}/a?b", agent.address);
    let (_, _, body) = send(Request::get(uri).body(Full::default()).unwrap()).await;
    assert!(body.contains(r#""path":"/base/a?b""#), "{body}");
    agent.stop().await;
}

#[tokio::test]
async fn what_is_no_http_url_is_refused_before_anything_listens() {
    for wrong in ["https://127.0.0.1:1", "127.0.0.1:1", "/path", "http://127.0.0.1:1/?q"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = Options { upstream: wrong.parse::<Uri>().unwrap(), ..free(nobody()) };
        let error = serve(options, listener, CancellationToken::new()).await.unwrap_err();
        assert!(matches!(error, super::AgentError::BadUpstream(_)), "{wrong}: {error}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = Options { engine: "https://engine".parse().unwrap(), ..options("a", nobody(), nobody()) };
    let error = serve(options, listener, CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, super::AgentError::BadEngine(_)), "{error}");
}

#[tokio::test]
async fn bodies_stream_both_ways() {
    // Each part is sent only after the one before came back: no side may wait for the whole.
    let router = axum::Router::new().fallback(|request: axum::extract::Request| async move {
        Response::new(axum::body::Body::from_stream(request.into_body().into_data_stream()))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let agent = start(free(upstream)).await;

    let (parts, body) = tokio::sync::mpsc::channel::<Result<hyper::body::Frame<Bytes>, std::convert::Infallible>>(1);
    let body = http_body_util::StreamBody::new(tokio_stream::wrappers::ReceiverStream::new(body));
    let client: Client<_, _> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::post(format!("http://{}/", agent.address)).body(body).unwrap();
    let (response, sent) =
        tokio::join!(client.request(request), parts.send(Ok(hyper::body::Frame::data(Bytes::from("one")))));
    sent.unwrap();
    let mut back = response.unwrap().into_body().into_data_stream();
    assert_eq!(back.next().await.unwrap().unwrap(), "one");
    parts.send(Ok(hyper::body::Frame::data(Bytes::from("two")))).await.unwrap();
    assert_eq!(back.next().await.unwrap().unwrap(), "two");
    drop(parts);
    assert!(back.next().await.is_none());
    agent.stop().await;
}

#[tokio::test]
async fn an_upstream_that_is_away_or_silent_is_told_apart() {
    let agent = start(free(nobody())).await;
    let (status, _, body) = get(agent.address).await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    insta::assert_snapshot!(body, @r#"{"error":"upstream_failed","message":"the upstream could not be reached"}"#);
    agent.stop().await;

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let patience = Duration::from_millis(50);
    let agent = start(Options { upstream_timeout: patience, ..free(silent.local_addr().unwrap()) }).await;
    let (status, _, body) = get(agent.address).await;
    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    insta::assert_snapshot!(body, @r#"{"error":"upstream_timeout","message":"the upstream did not answer in time"}"#);
    agent.stop().await;
}

#[tokio::test]
async fn without_an_engine_and_an_initial_rate_nothing_passes() {
    let upstream = echo().await;
    let agent = start(options("a", nobody(), upstream.address)).await;
    let (status, headers, body) = get(agent.address).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(headers.get("retry-after").unwrap(), "5");
    insta::assert_snapshot!(body, @r#"{"error":"rate_limited","message":"this agent's rate is used up; come again later"}"#);
    assert_eq!(upstream.served.load(Ordering::Relaxed), 0);
    agent.stop().await;
}

#[tokio::test]
async fn without_an_engine_the_initial_rate_passes_and_what_is_beyond_is_told_when_to_come_again() {
    let upstream = echo().await;
    let agent = start(Options { initial_rps: Some(0.01), ..options("a", nobody(), upstream.address) }).await;
    let (status, headers, _) = get(agent.address).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    let seconds: u64 = headers.get("retry-after").unwrap().to_str().unwrap().parse().unwrap();
    assert!((1..=100).contains(&seconds), "{seconds}");
    agent.stop().await;

    let agent = start(Options { initial_rps: Some(1_000.0), ..options("a", nobody(), upstream.address) }).await;
    while get(agent.address).await.0 != StatusCode::CREATED {}
    agent.stop().await;
}

#[tokio::test]
async fn a_request_that_is_under_way_ends_well_when_the_agent_stops() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let agent = start(free(upstream.local_addr().unwrap())).await;
    let address = agent.address;
    let asked = tokio::spawn(get(address));
    let (mut stream, _) = upstream.accept().await.unwrap();
    let mut head = [0; 4_096];
    let read = stream.read(&mut head).await.unwrap();
    assert!(read > 0);

    agent.shutdown.cancel();
    // It accepts no more …
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    tokio::time::timeout(LONG, refused).await.unwrap();
    // … but what it has it finishes.
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nwell").await.unwrap();
    let (status, _, body) = asked.await.unwrap();
    assert_eq!((status, body.as_str()), (StatusCode::OK, "well"));
    agent.stop().await;
}
