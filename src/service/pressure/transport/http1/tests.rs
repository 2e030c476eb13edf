use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Uri;
use tokio::net::TcpListener;

use super::*;
use crate::base::id::RunId;
use crate::model::load::{Connections, LoadSettings, RequestSettings};
use crate::model::network::AllowedHosts;
use crate::service::pressure::requests::Mix;
use crate::service::pressure::transport::Transport;

const ALL: Wants = Wants { headers: true, body: true };

/// A server that answers each request with the next of `answers`, whatever was asked; an empty one closes the connection.
/// Every answer comes byte by byte.
struct Scripted {
    url: Uri,
    connections: Arc<AtomicUsize>,
}

impl Scripted {
    async fn start(answers: &[&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let (counted, answers) = (Arc::clone(&connections), answers.to_vec());
        tokio::spawn(async move {
            let mut answers = answers.into_iter();
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let mut asked = vec![0; 4_096];
                loop {
                    if stream.read(&mut asked).await.unwrap_or(0) == 0 {
                        break;
                    }
                    let answer = answers.next().unwrap_or("");
                    for byte in answer.bytes() {
                        stream.write_all(&[byte]).await.unwrap();
                        stream.flush().await.unwrap();
                    }
                    if answer.is_empty() || answer.contains("close") || answer.contains("HTTP/1.0") {
                        break;
                    }
                }
            }
        });
        Self { url, connections }
    }

    /// Sends as many requests as are wanted, one after the other; each reply, or why there is none, in a line.
    async fn ask(&self, settings: &LoadSettings, times: usize) -> Vec<String> {
        let mix = Mix::new(&self.url, settings, RunId::generate()).unwrap();
        let transport = Transport::new(&self.url, settings, Arc::new(AllowedHosts::loopback())).unwrap();
        let mut told = Vec::new();
        for _ in 0..times {
            told.push(match transport.exchange(mix.next().unwrap().made, ALL).await {
                Ok(reply) => {
                    let body = String::from_utf8(reply.body).unwrap();
                    format!("{} {} {body:?}", reply.status.as_u16(), reply.headers.len())
                }
                Err(failure) => format!("{failure:?}"),
            });
        }
        told
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn an_answer_ends_where_it_says() {
    let server = Scripted::start(&[
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\nx: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n4;a=b\r\nwiki\r\nA\r\n0123456789\r\n0\r\ntrailer: 1\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 100\r\n\r\n",
        "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
    ])
    .await;
    let told = server.ask(&LoadSettings::default(), 6).await;
    assert_eq!(
        told,
        ["200 1 \"hello\"", "201 2 \"\"", "200 1 \"wiki0123456789\"", "204 0 \"\"", "304 1 \"\"", "200 2 \"ok\"",]
    );
    assert_eq!(server.connections(), 1, "all over one connection");
}

#[tokio::test]
async fn a_connection_that_ends_is_not_used_again() {
    let server = Scripted::start(&[
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\n\r\nto the end",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        // It lay idle, and the target is done with it: a GET goes over another one.
        "",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ])
    .await;
    let told = server.ask(&LoadSettings::default(), 4).await;
    assert_eq!(told, ["200 2 \"ok\"", "200 0 \"to the end\"", "200 1 \"ok\"", "200 1 \"ok\""]);
    assert_eq!(server.connections(), 4);
}

#[tokio::test]
async fn what_may_have_been_done_is_not_sent_again() {
    let settings = LoadSettings {
        requests: vec![RequestSettings { method: "POST".to_owned(), ..RequestSettings::default() }],
        ..LoadSettings::default()
    };
    let server = Scripted::start(&["HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ""]).await;
    let told = server.ask(&settings, 2).await;
    assert_eq!(told, ["200 1 \"\"", "Connection(\"the connection was closed\")"]);
}

#[tokio::test]
async fn each_request_can_have_a_connection_of_its_own() {
    let settings = LoadSettings { connections: Connections::New, ..LoadSettings::default() };
    let server = Scripted::start(&["HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"; 3]).await;
    assert_eq!(server.ask(&settings, 3).await, ["200 2 \"\"", "200 2 \"\"", "200 2 \"\""]);
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn an_answer_to_head_has_no_body() {
    let settings = LoadSettings {
        requests: vec![RequestSettings { method: "HEAD".to_owned(), ..RequestSettings::default() }],
        ..LoadSettings::default()
    };
    let server = Scripted::start(&["HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"; 2]).await;
    assert_eq!(server.ask(&settings, 2).await, ["200 1 \"\"", "200 1 \"\""]);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn what_is_no_answer_fails_with_what_is_wrong() {
    let mut told = Vec::new();
    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\nclose\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\nclose",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nclose",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nclose",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nclose",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nclose",
        "HTTP/1.1 200 OK\r\nclose: 1\r\n",
        "",
    ] {
        told.extend(Scripted::start(&[answer]).await.ask(&LoadSettings::default(), 1).await);
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn only_the_first_of_a_long_body_is_kept() {
    let mut kept = Vec::new();
    let mut sink = Some(&mut kept);
    keep(&mut sink, &vec![b'a'; BODY_KEPT - 1]);
    keep(&mut sink, b"bcd");
    assert_eq!((kept.len(), kept.last()), (BODY_KEPT, Some(&b'b')));
}
