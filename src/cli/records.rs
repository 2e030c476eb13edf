//! `homeostat records`: lists what was measured.

use serde_json::Value as Json;

use super::client::Connection;
use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output::{Format, cell, list, print, print_json, rate, table};

/// Which records to list.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only those of this target.
    #[arg(long)]
    target: Option<String>,
    /// Only those of this deployment.
    #[arg(long)]
    signature: Option<String>,
    /// At most this many.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
    limit: u64,
    #[command(flatten)]
    connection: Connection,
}

pub fn run(args: &Args) -> Exit {
    conclude(list_records(args))
}

fn list_records(args: &Args) -> Result<Exit, Failure> {
    let mut query = vec![("limit", args.limit.to_string())];
    for (name, value) in [("target", &args.target), ("signature", &args.signature)] {
        query.extend(value.clone().map(|value| (name, value)));
    }
    let answer = args.connection.get(&["v1", "records"], query)?;
    if args.connection.format == Format::Json {
        return print_json(&answer);
    }
    print(&describe(&answer))
}

/// Records as people read them.
pub fn describe(answer: &Json) -> String {
    let records = list(answer, "records");
    if records.is_empty() {
        return "no records\n".to_owned();
    }
    let mut rows = table(["TARGET", "SIGNATURE", "MAX/S", "BETWEEN", "VERDICT", "TRIALS", "REQUESTS", "RECORDED"]);
    for record in records {
        let bounds: Vec<_> = list(record, "interval_rps").iter().filter_map(Json::as_f64).collect();
        let between = match bounds.as_slice() {
            [low, high] => format!("{low:.1}–{high:.1}"),
            _ => "–".to_owned(),
        };
        rows.add_row([
            cell(record, "target"),
            cell(record, "signature"),
            rate(record, "max_rps"),
            between,
            cell(record, "verdict"),
            list(record, "curve").len().to_string(),
            cell(record, "requests"),
            cell(record, "recorded_at"),
        ]);
    }
    format!("{rows}\n")
}
