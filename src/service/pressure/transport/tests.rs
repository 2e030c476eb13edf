//! Real servers on loopback: what is spoken with whom, and over how many connections.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::base::id::RunId;
use crate::model::load::{Body, Protocol, RequestSettings, Template, TlsSettings};
use crate::service::pressure::client::{Answer, Endpoint};
use crate::service::pressure::thread::Thread;

/// An authority, and a certificate of it for this machine.
struct Trust {
    folder: tempfile::TempDir,
    server: ServerConfig,
}

impl Trust {
    fn new(protocols: &[&[u8]]) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        server.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Self { folder, server }
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

/// Answers with the version that was spoken; calls of gRPC with the status that the message asks for.
struct Server {
    address: std::net::SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(tls: Option<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (counted, acceptor) = (Arc::clone(&counted), acceptor.clone());
                tokio::spawn(async move {
                    let builder = auto::Builder::new(TokioExecutor::new());
                    let service = service_fn(answer);
                    counted.fetch_add(1, Ordering::Relaxed);
                    let _ = match acceptor {
                        None => builder.serve_connection(TokioIo::new(stream), service).await,
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => builder.serve_connection(TokioIo::new(stream), service).await,
                            Err(_) => Ok(()),
                        },
                    };
                });
            }
        });
        Self { address, connections }
    }

    /// What one request comes to.
    async fn call(&self, scheme: &str, settings: &LoadSettings) -> String {
        self.endpoint(scheme, settings).call().await.to_string()
    }

    fn endpoint(&self, scheme: &str, settings: &LoadSettings) -> Endpoint {
        let url = format!("{scheme}://{}/", self.address);
        let allowed = Arc::new(AllowedHosts::loopback());
        let thread = Thread::start().unwrap();
        Endpoint::new(&url, settings, allowed, RunId::generate(), Duration::from_secs(5), thread).unwrap()
    }
}

async fn answer(
    request: Request<Incoming>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, Infallible> {
    // Long enough for all that are sent at once to be there at once.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let version = request.version();
    let is_grpc = request.headers().get("content-type").is_some_and(|kind| kind == "application/grpc");
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let mut trailers = HeaderMap::new();
    if is_grpc && path == "/shop.Cart/Add" {
        // Not compressed, four bytes of length, and the status as the message.
        let status = body.get(5..).map(|status| HeaderValue::from_bytes(status).unwrap()).unwrap();
        trailers.insert("grpc-status", status);
        trailers.insert("grpc-message", HeaderValue::from_static("as asked for"));
    }
    let text = if version == Version::HTTP_2 { "two" } else { "one" };
    let body = Full::new(Bytes::from_static(text.as_bytes()));
    let body = body.with_trailers(async move { (!trailers.is_empty()).then_some(Ok::<_, Infallible>(trailers)) });
    Ok(Response::new(body.map_frame(|frame: Frame<Bytes>| frame)))
}

/// A `GET` that succeeds only if that was spoken.
fn spoken(text: &str, protocol: Protocol, tls: TlsSettings) -> LoadSettings {
    let request = RequestSettings { success: Some(format!("response.body == '{text}'")), ..RequestSettings::default() };
    LoadSettings { requests: vec![request], protocol, tls, ..LoadSettings::default() }
}

fn trusting(ca: PathBuf) -> TlsSettings {
    TlsSettings { ca: Some(ca), verify: true }
}

#[tokio::test]
async fn both_versions_are_spoken_with_and_without_tls() {
    let both = Trust::new(&[b"h2", b"http/1.1"]);
    let only_one = Trust::new(&[b"http/1.1"]);
    let plain = Server::start(None).await;
    let secure = Server::start(Some(both.server.clone())).await;
    let old = Server::start(Some(only_one.server.clone())).await;
    let none = TlsSettings::default;
    for (server, scheme, text, protocol, tls) in [
        (&plain, "http", "one", Protocol::Auto, none()),
        (&plain, "http", "one", Protocol::Http1, none()),
        (&plain, "http", "two", Protocol::Http2, none()),
        (&secure, "https", "two", Protocol::Auto, trusting(both.ca())),
        (&secure, "https", "one", Protocol::Http1, trusting(both.ca())),
        (&secure, "https", "two", Protocol::Http2, trusting(both.ca())),
        (&old, "https", "one", Protocol::Auto, trusting(only_one.ca())),
    ] {
        assert_eq!(server.call(scheme, &spoken(text, protocol, tls)).await, "it answered", "{scheme} {protocol:?}");
    }
}

#[tokio::test]
async fn who_is_not_trusted_is_told_and_sent_nothing() {
    let (trust, other) = (Trust::new(&[b"h2"]), Trust::new(&[b"h2"]));
    let server = Server::start(Some(trust.server.clone())).await;
    let plain = Server::start(None).await;
    let call = async |server: &Server, tls| server.call("https", &spoken("two", Protocol::Auto, tls)).await;
    let mut told = vec![
        call(&server, trusting(other.ca())).await,
        call(&server, TlsSettings { ca: None, verify: false }).await,
        call(&plain, trusting(trust.ca())).await,
    ];
    let old = Server::start(Some(Trust::new(&[]).server)).await;
    told.push(old.call("https", &spoken("two", Protocol::Http2, TlsSettings { ca: None, verify: false })).await);
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn authorities_that_cannot_be_read_are_told_before_any_load() {
    let folder = tempfile::tempdir().unwrap();
    let told = ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"].map(|text| {
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, text).unwrap();
        let settings = LoadSettings { tls: trusting(file), ..LoadSettings::default() };
        let endpoint = http::Uri::from_static("https://127.0.0.1/");
        let error = Transport::new(&endpoint, &settings, Arc::new(AllowedHosts::loopback())).unwrap_err();
        error.replace(&folder.path().display().to_string(), "…")
    });
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn many_requests_share_a_connection_of_http2_and_none_of_http1() {
    for (protocol, text, fewest, most) in [(Protocol::Http2, "two", 2, 3), (Protocol::Http1, "one", 100, 150)] {
        let server = Server::start(None).await;
        let settings = spoken(text, protocol, TlsSettings::default());
        let endpoint = server.endpoint("http", &settings);
        let calls = (0..150).map(|_| endpoint.call());
        let answers = futures_util::future::join_all(calls).await;
        assert!(answers.iter().all(|answer| *answer == Answer::Success), "{answers:?}");
        let connections = server.connections.load(Ordering::Relaxed);
        assert!((fewest..=most).contains(&connections), "{protocol:?}: {connections}");
        // Those that are open serve what comes next.
        assert_eq!(endpoint.call().await, Answer::Success);
        assert_eq!(server.connections.load(Ordering::Relaxed), connections);
    }
}

#[tokio::test]
async fn a_call_of_grpc_succeeds_by_the_status_behind_its_message() {
    let server = Server::start(None).await;
    let call = async |method: &str, message: &[u8]| {
        let path = Template(vec![crate::model::load::Piece::Text(format!("/{method}"))]);
        let request = RequestSettings {
            method: "POST".to_owned(),
            path: Some(path),
            body: Body::Grpc(message.to_vec()),
            ..RequestSettings::default()
        };
        let settings = LoadSettings { requests: vec![request], protocol: Protocol::Http2, ..LoadSettings::default() };
        server.call("http", &settings).await
    };
    let told =
        [call("shop.Cart/Add", b"0").await, call("shop.Cart/Add", b"5").await, call("shop.Cart/Other", b"").await];
    insta::assert_snapshot!(told.join("\n"));
}
