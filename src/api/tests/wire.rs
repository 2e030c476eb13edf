//! What happens on the wire, and who may knock.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::fakes::{interface, state};
use super::{FakeControl, FakeStore, get, send};
use crate::api::{metrics, router, serve};

fn plain() -> Router {
    interface(&Arc::new(FakeControl::default()), FakeStore::default())
}

#[tokio::test]
async fn what_does_not_exist_is_said_so() {
    let answer = get(&plain(), "/v2/x").await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::NOT_FOUND, "H0602"));
    let request = Request::delete("/v1/runs").body(Body::empty()).unwrap();
    let answer = send(&plain(), request).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::METHOD_NOT_ALLOWED, "H0605"));
    assert_eq!(answer.headers["allow"], "GET,HEAD");
    let document = get(&plain(), "/v1/openapi.json").await.json();
    assert!(document["paths"]["/v1/events"]["post"].is_object());
}

#[tokio::test]
async fn web_pages_are_kept_out() {
    let knock = |name: &'static str, value: &'static str| async move {
        let request = Request::get("/healthz").header(name, value).body(Body::empty()).unwrap();
        send(&plain(), request).await
    };
    assert_eq!(knock("host", "localhost:7400").await.status, StatusCode::OK);
    let rebound = knock("host", "evil.example:7400").await;
    assert_eq!((rebound.status, rebound.code().as_str()), (StatusCode::FORBIDDEN, "H0608"));
    assert_eq!(knock("origin", "https://evil.example").await.code(), "H0608");
}

#[tokio::test]
async fn grpc_shares_the_port() {
    let control = Arc::new(FakeControl::default());
    let handle = metrics::recorder().unwrap().handle();
    let grpc = Router::new().fallback(|| async { "from the stream" });
    let router = router(state(&control, FakeStore::default(), handle), Some(grpc));
    let request = Request::post("/homeostat.Agents/Connect")
        .header("content-type", "application/grpc+proto")
        .body(Body::empty())
        .unwrap();
    assert_eq!(send(&router, request).await.text, "from the stream");
    assert_eq!(get(&router, "/healthz").await.status, StatusCode::OK);
    assert_eq!(get(&router, "/homeostat.Agents/Connect").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn one_port_speaks_both_versions_and_lets_go_at_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(serve(listener, plain(), shutdown.clone()));

    let mut old = TcpStream::connect(address).await.unwrap();
    old.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    old.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");

    let io = hyper_util::rt::TokioIo::new(TcpStream::connect(address).await.unwrap());
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut client, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    let driver = tokio::spawn(connection);
    let request = Request::get(format!("http://{address}/healthz")).body(Body::empty()).unwrap();
    let response = client.send_request(request).await.unwrap();
    assert_eq!((response.status(), response.version()), (StatusCode::OK, axum::http::Version::HTTP_2));

    shutdown.cancel();
    served.await.unwrap().unwrap();
    drop(client);
    driver.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
