//! The options of `homeostat measure` that say what is sent.

use std::path::PathBuf;

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::config::{Given, sending};
use crate::model::load::LoadSettings;

/// What is sent, and how.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "What is sent")]
pub(super) struct Sending {
    /// A file (YAML) with `requests`, `data`, `success` and the like, as they stand under `measure` in the configuration.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "header", "body"])]
    send: Option<PathBuf>,
    /// The method; others than `GET`, `HEAD` and `OPTIONS` need `--allow-unsafe`.
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,
    /// A header, like `accept: text/html`; may be repeated.
    #[arg(long, short = 'H', value_name = "HEADER", value_parser = header)]
    header: Vec<(String, String)>,
    /// What the requests carry.
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
    /// A CSV or JSONL file: each request takes the next row, which `${data.NAME}` in headers and body sees.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// When an answer is a success: an expression over `response`; without it a status from 200 to 299.
    #[arg(long, value_name = "EXPRESSION")]
    success: Option<String>,
    /// Allows methods that may change what the target holds.
    #[arg(long)]
    allow_unsafe: bool,
    /// When requests are due: evenly spaced (`constant`), or like those of many users (`poisson`).
    #[arg(long, value_name = "ARRIVALS", value_parser = ["constant", "poisson"])]
    arrivals: Option<String>,
    /// What is by chance is the same for the same seed.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    seed: Option<u64>,
    /// Whether connections are used again (`keep`) or each request opens one (`new`).
    #[arg(long, value_name = "CONNECTIONS", value_parser = ["keep", "new"])]
    connections: Option<String>,
    /// Which HTTP is spoken; `auto`: over TLS what the target prefers, without it 1.1.
    #[arg(long, value_name = "VERSION", value_parser = ["auto", "1.1", "2"])]
    http: Option<String>,
    /// The certificates (PEM) of the authorities that are trusted in place of the system's.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Trusts whoever answers.
    #[arg(long, conflicts_with = "ca")]
    insecure: bool,
}

impl Sending {
    /// What the options and the file they name say; what is wrong with them is told here.
    ///
    /// # Errors
    /// Something is.
    pub(super) fn read(&self) -> Result<LoadSettings, Failure> {
        let sending = sending(self.send.as_deref(), &self.given()?);
        if !sending.diagnostics.is_empty() {
            output::complain(&output::problems(&sending.diagnostics, &sending.sources));
        }
        sending.load.ok_or_else(|| Failure::usage("what is to be sent is not right; nothing was sent"))
    }

    /// Each option with the place where it would stand in the configuration.
    fn given(&self) -> Result<Vec<Given>, Failure> {
        let mut given = Vec::new();
        let mut add = |option, path: &str, text: Option<String>| {
            let path = path.split('.').map(str::to_owned).collect();
            given.extend(text.map(|text| Given { option, path, text }));
        };
        let path = |path: &Option<PathBuf>| path.as_ref().map(absolute).transpose();
        add("--method", "requests.method", self.method.clone());
        add("--body", "requests.body", self.body.clone());
        add("--data", "data", path(&self.data)?);
        add("--success", "success", self.success.clone());
        add("--allow-unsafe", "allow_unsafe", self.allow_unsafe.then(|| "true".to_owned()));
        add("--arrivals", "arrivals", self.arrivals.clone());
        add("--seed", "seed", self.seed.map(|seed| seed.to_string()));
        add("--connections", "connections", self.connections.clone());
        add("--http", "http", self.http.clone());
        add("--ca", "tls.ca", path(&self.ca)?);
        add("--insecure", "tls.verify", self.insecure.then(|| "off".to_owned()));
        given.extend(self.header.iter().map(|(name, text)| Given {
            option: "--header",
            path: ["requests", "headers", name].map(str::to_owned).to_vec(),
            text: text.clone(),
        }));
        Ok(given)
    }
}

/// Options name files from the current folder, whatever folder the file of requests is in.
fn absolute(path: &PathBuf) -> Result<String, Failure> {
    let shown = path.display();
    let whole = std::path::absolute(path).map_err(|error| Failure::usage(format!("`{shown}`: {error}")))?;
    whole.into_os_string().into_string().map_err(|_| Failure::usage(format!("`{shown}` is not UTF-8")))
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once(':').ok_or_else(|| format!("`{text}` is no header like `accept: text/html`"))?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
