//! `homeostat agent`: runs the proxy beside a client.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use http::Uri;
use tokio::net::TcpListener;

use super::exit::Exit;
use super::failure::{Failure, conclude, within_runtime};
use super::signals::stop_on_signal;
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
    conclude(telemetry::start(log, None).and_then(|()| within_runtime(proxy(args))).and_then(|ended| ended))
}

async fn proxy(args: AgentArgs) -> Result<Exit, Failure> {
    let listener = listen(args.listen).await?;
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
    let shutdown = stop_on_signal()?;
    match serve(options, listener, shutdown).await {
        Ok(()) => Ok(Exit::Done),
        Err(error @ (AgentError::BadUpstream(_) | AgentError::BadEngine(_))) => Err(Failure::usage(error.to_string())),
        Err(AgentError::Io(error)) => Err(internal(&error)),
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    if !address.ip().is_loopback() {
        let message = format!(
            "`--listen {address}` is not a loopback address: an agent has no tokens and no TLS yet, so whoever reaches it \
             could use up its rate"
        );
        return Err(Failure::new(Exit::Usage, Code::NotLoopback, message).help("listen on `127.0.0.1` or `[::1]`"));
    }
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => Failure::new(
            Exit::Usage,
            Code::AddressInUse,
            format!("`--listen {address}`: another process listens there"),
        )
        .help("stop it, or choose another port; port 0 takes a free one"),
        _ => Failure::usage(format!("`--listen {address}`: {error}")),
    })
}

fn internal(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Internal, Code::Internal, format!("cannot start: {error}"))
}

fn host_name() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = kernel.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Shell {
        #[command(flatten)]
        agent: AgentArgs,
    }

    fn parse(more: &[&str]) -> Result<AgentArgs, clap::Error> {
        let given = ["agent", "--target", "checkout", "--upstream", "http://127.0.0.1:8080"];
        Shell::try_parse_from(given.iter().chain(more)).map(|shell| shell.agent)
    }

    #[test]
    fn rates_and_durations_are_read_as_they_are_written_everywhere() {
        let args =
            parse(&["--listen", "127.0.0.1:0", "--initial-rate", "50rps", "--upstream-timeout", "1.5s"]).unwrap();
        assert_eq!(args.initial_rate, Some(Rate(50.0)));
        assert_eq!(args.upstream_timeout, Duration::from_millis(1_500));
        for wrong in [
            ["--listen", "localhost"],
            ["--initial-rate", "50"],
            ["--upstream-timeout", "30"],
            ["--upstream", "http://a b"],
        ] {
            let mut given = vec!["--listen", "127.0.0.1:0"];
            given.extend(wrong);
            assert!(parse(&given).is_err(), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn only_loopback_addresses_are_listened_on() {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
            let failure = proxy(parse(&["--listen", address]).unwrap()).await.unwrap_err();
            assert_eq!((failure.code.as_str(), failure.exit), ("H0504", Exit::Usage), "{address}");
            assert!(failure.message.contains(address), "{failure:?}");
        }
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let failure = proxy(parse(&["--listen", &address]).unwrap()).await.unwrap_err();
        assert_eq!((failure.code.as_str(), failure.exit), ("H0505", Exit::Usage));
        assert!(failure.message.contains(&address), "{failure:?}");
    }

    #[tokio::test]
    async fn an_upstream_that_is_none_is_wrong_usage() {
        let mut args = parse(&["--listen", "127.0.0.1:0"]).unwrap();
        args.upstream = "https://127.0.0.1".parse().unwrap();
        let failure = proxy(args).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains("https://127.0.0.1"), "{failure:?}");
    }
}
