//! A listener becomes connections, each speaking HTTP/1.1 or HTTP/2 without TLS, told apart by their first bytes.

use std::io;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// An HTTP/2 connection that is silent for so long is asked whether it lives.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How long open requests may go on after the shutdown was ordered.
const GRACE: Duration = Duration::from_secs(10);
/// How long to wait when no connection can be taken, for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves until `shutdown`, then lets open requests end.
///
/// # Errors
/// The listener is broken. What goes wrong with one connection concerns only that one.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) -> io::Result<()> {
    let open = TaskTracker::new();
    // Connections are told to end only after no more are taken.
    let closing = CancellationToken::new();
    let cut = CancellationToken::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    open.spawn(connection(stream, router.clone(), closing.clone(), cut.clone()));
                }
                Err(error) if concerns_one(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no connection can be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    closing.cancel();
    open.close();
    if tokio::time::timeout(GRACE, open.wait()).await.is_err() {
        tracing::warn!(connections = open.len(), "connections are still open and are cut off");
        cut.cancel();
    }
    Ok(())
}

async fn connection(stream: TcpStream, router: Router, closing: CancellationToken, cut: CancellationToken) {
    // Small answers must not wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection cannot be set up");
    }
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(PING_EVERY);
    let served = builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = closing.cancelled() => {
            served.as_mut().graceful_shutdown();
            tokio::select! {
                ended = served => ended,
                () = cut.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Whether only the connection that came is gone, not the listener.
fn concerns_one(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}
