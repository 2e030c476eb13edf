//! The process beside a client: a reverse proxy that passes no more than the rate the engine gave it.
//!
//! Commands come in over one stream that the agent opens ([`session`]), the newest is held until it ends ([`holder`]), a
//! limiter enforces it ([`limiter`]), and requests go through the [`proxy`]. When the engine is away the agent goes on with
//! what it holds, then with its fallback.
//! What it must not know: other agents, targets' settings, why a rate is what it is.

pub mod gate;
pub mod holder;
pub mod limiter;
pub mod proxy;
pub mod session;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::gate::Gate;
use self::proxy::{Proxy, Upstream};
use self::session::{Identity, Session};
use crate::base::id::{AgentId, TargetName};

/// Whoever passes everything says so this often.
const BYPASS_REMINDER: Duration = Duration::from_mins(1);

/// How an agent runs.
#[derive(Clone, Debug)]
pub struct Options {
    pub target: TargetName,
    pub id: AgentId,
    /// Where the engine listens: `http://host:port`.
    pub engine: Uri,
    /// Where requests go: `http://host:port`, perhaps with a path that all of them are put below.
    pub upstream: Uri,
    /// What passes before the first command, in requests a second; `None`: nothing in `enforce`, everything in `observe`.
    pub initial_rps: Option<f64>,
    /// Everything passes, and the engine is not spoken to.
    pub bypass: bool,
    /// The upstream has so long to begin its answer.
    pub upstream_timeout: Duration,
}

/// Why an agent cannot run.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("`{0}` is no upstream: write it like `http://127.0.0.1:8080`; `https` is not supported")]
    BadUpstream(Uri),
    #[error("`{0}` is no engine: write it like `http://127.0.0.1:7400`; `https` is not supported")]
    BadEngine(Uri),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Serves on `listener` until `shutdown` is cancelled; then takes its leave and finishes the requests that are under way.
pub async fn serve(options: Options, listener: TcpListener, shutdown: CancellationToken) -> Result<(), AgentError> {
    let upstream = Upstream::new(&options.upstream).ok_or_else(|| AgentError::BadUpstream(options.upstream.clone()))?;
    let gate = Arc::new(if options.bypass { Gate::open() } else { Gate::new(options.initial_rps) });
    let address = listener.local_addr()?;
    let proxy = Proxy::new(upstream, Arc::clone(&gate), options.upstream_timeout);
    tracing::info!(%address, target = %options.target, agent = %options.id, upstream = %options.upstream, "agent listens");

    // The stream is closed after the last request has been let in, not with the first that is still under way.
    let leave = CancellationToken::new();
    let engine = if options.bypass {
        tokio::spawn(remind(leave.clone()))
    } else {
        let endpoint =
            session::endpoint(&options.engine).ok_or_else(|| AgentError::BadEngine(options.engine.clone()))?;
        let identity = Identity { target: options.target, id: options.id };
        tokio::spawn(gate::keep_time(Arc::clone(&gate), leave.clone()));
        tokio::spawn(Session::new(identity, endpoint, Arc::clone(&gate)).run(leave.clone()))
    };
    let under_way = proxy.serve(listener, shutdown).await;
    gate.leave();
    leave.cancel();
    let _ = engine.await;
    tracing::info!("agent stops: finishing what is under way");
    under_way.finish().await;
    Ok(())
}

async fn remind(stop: CancellationToken) {
    loop {
        tracing::warn!("bypass: everything passes, no rate is enforced, and the engine is not spoken to");
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(BYPASS_REMINDER) => {}
        }
    }
}
