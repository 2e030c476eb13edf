//! `homeostat agent`: runs the proxy beside a client.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use http::Uri;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::failure::{conclude, within_runtime};
use super::telemetry::{self, LogArgs};
use crate::agent::{AgentError, Options, serve};
use crate::base::literal::{LiteralError, Rate, parse_duration};
use crate::diagnostic::Code;

/// Enforces one client's rate: a reverse proxy that takes its rate from the engine.
#[derive(Clone, Debug, Args)]
pub struct AgentArgs {
    /// The target whose requests go through this agent.
    #[arg(long, value_name = "NAME")]
    pub target: String,
    /// Where the engine listens.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7400")]
    pub engine: Uri,
    /// Where requests are forwarded to.
    #[arg(long, value_name = "URL")]
    pub upstream: Uri,
    /// Where clients send their requests: a loopback address; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Names the agent within its target [default: host name and port].
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// What passes before the engine has given a rate; without it, nothing where the target is enforced.
    #[arg(long, value_name = "RATE")]
    pub initial_rate: Option<Rate>,
    /// The upstream has so long to begin its answer.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    pub upstream_timeout: Duration,
    /// Pass everything and do not speak to the engine: for when the engine itself is the problem.
    #[arg(long)]
    pub bypass: bool,
}

fn duration(text: &str) -> Result<Duration, LiteralError> {
    parse_duration(text)
}

/// Runs an agent until it is told to stop (SIGTERM, SIGINT).
pub fn run(args: AgentArgs, log: &LogArgs) -> Exit {
    conclude(telemetry::start(log, None).and_then(|()| within_runtime(proxy(args))))
}

async fn proxy(args: AgentArgs) -> Exit {
    if !args.listen.ip().is_loopback() {
        return fail(
            Code::NotLoopback,
            &format!(
                "`--listen {}` is not a loopback address: an agent has no tokens and no TLS yet, so anyone who reaches it \
                 could spend its rate",
                args.listen
            ),
            Exit::Usage,
        );
    }
    let listener = match TcpListener::bind(args.listen).await {
        Ok(listener) => listener,
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            return fail(Code::AddressInUse, &format!("`--listen {}` is in use", args.listen), Exit::Usage);
        }
        Err(error) => return fail(Code::BadSetting, &format!("`--listen {}`: {error}", args.listen), Exit::Usage),
    };
    let port = listener.local_addr().map_or(args.listen.port(), |address| address.port());
    let options = Options {
        target: args.target.into(),
        id: args.id.unwrap_or_else(|| format!("{}:{port}", host_name())).into(),
        engine: args.engine,
        upstream: args.upstream,
        initial_rps: args.initial_rate.map(|rate| rate.0),
        bypass: args.bypass,
        upstream_timeout: args.upstream_timeout,
    };
    let shutdown = CancellationToken::new();
    if let Err(error) = stop_on_signal(shutdown.clone()) {
        return fail(Code::Internal, &format!("signals cannot be received: {error}"), Exit::Internal);
    }
    match serve(options, listener, shutdown).await {
        Ok(()) => Exit::Done,
        Err(error @ (AgentError::BadUpstream(_) | AgentError::BadEngine(_))) => {
            fail(Code::BadSetting, &error.to_string(), Exit::Usage)
        }
        Err(error @ AgentError::Io(_)) => fail(Code::Internal, &error.to_string(), Exit::Internal),
    }
}

fn stop_on_signal(shutdown: CancellationToken) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        shutdown.cancel();
    });
    Ok(())
}

fn host_name() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = kernel.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
}

fn fail(code: Code, message: &str, exit: Exit) -> Exit {
    eprintln!("error[{code}]: {message}\n  = help: {}", code.remedy());
    exit
}
