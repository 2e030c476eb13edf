//! What a request costs the load generator, and how well it keeps a rate, beside wrk and oha where they are installed.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench load`. `LOAD_BENCH_SECONDS` says how long each trial is (5 where it is
//! absent). Every generator is a process of its own and is sent against the same server, a process on one thread that
//! answers 200 with two bytes. CPU is what the system charges to the generator's process, in all its threads; the rate is what
//! the server counted from the first request to the last.

mod load {
    pub(super) mod peers;
    pub(super) mod sender;
    pub(super) mod server;
}

use std::error::Error;
use std::time::Duration;

use load::peers::{self, Peer};
use load::sender::Figures;
use load::server::Server;
use load::{sender, server};

pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Rates that are kept, requests a second.
const KEPT: [f64; 3] = [1_000.0, 5_000.0, 20_000.0];

/// Of wrk's rate these shares are tried, from the top: the first that is kept is how fast an open model can be.
const SHARES: [f64; 7] = [1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6];

/// Where wrk is not installed.
const UNKNOWN_RPS: f64 = 60_000.0;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve"] => server::serve(),
        ["send", url, rate, seconds] => sender::send(url, rate.parse()?, Duration::from_secs(seconds.parse()?)),
        _ => compare(),
    }
}

fn compare() -> Outcome<()> {
    let seconds = std::env::var("LOAD_BENCH_SECONDS").ok().map_or(Ok(5), |text| text.parse::<u64>())?;
    let server = Server::start()?;
    println!("{seconds} s a trial; µs: CPU of the generator for each request\n");
    println!("as fast as it goes, 64 connections");
    let mut fastest = None;
    for peer in [Peer::Wrk, Peer::Oha] {
        let Some(sent) = peers::flat_out(peer, &server, seconds)? else {
            println!("  {:<10} is not installed", peer.name());
            continue;
        };
        println!("  {:<10} {:>9.0}/s {:>6.1} µs", peer.name(), sent.rate_rps, sent.cpu_us);
        if peer == Peer::Wrk {
            fastest = Some(sent.rate_rps);
        }
    }
    let of = fastest.unwrap_or(UNKNOWN_RPS);
    for share in SHARES {
        let sent = peers::homeostat(&server, of * share, seconds)?;
        print_ours(of * share, &sent);
        if sent.figures.as_ref().is_some_and(Figures::is_valid) {
            if fastest.is_some() {
                println!("             = {:.2} of wrk's rate", sent.rate_rps / of);
            }
            break;
        }
    }
    for rate in KEPT {
        println!("\nat {rate:.0}/s");
        print_ours(rate, &peers::homeostat(&server, rate, seconds)?);
        match peers::oha_at(&server, rate, seconds)? {
            Some(sent) => println!(
                "  {:<10} {:>9.0}/s ({:+.3} %) {:>6.1} µs, p99 {}",
                "oha",
                sent.rate_rps,
                (sent.rate_rps / rate - 1.0) * 100.0,
                sent.cpu_us,
                sent.p99_ms.map_or_else(|| "not told".to_owned(), |ms| format!("{ms:.2} ms"))
            ),
            None => println!("  oha        is not installed"),
        }
    }
    Ok(())
}

fn print_ours(wanted: f64, sent: &peers::Sent) {
    let Some(figures) = &sent.figures else { return };
    println!(
        "  {:<10} {:>9.0}/s ({:+.3} %) {:>6.1} µs, p99 {:.2} ms, sent late p99 {:.3} ms, {} failed{}",
        "homeostat",
        sent.rate_rps,
        (sent.rate_rps / wanted - 1.0) * 100.0,
        sent.cpu_us,
        figures.p99_ms,
        figures.lateness_p99_ms,
        figures.failed,
        if figures.is_valid() { "" } else { ": it could not keep up" }
    );
}
