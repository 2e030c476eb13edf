//! A CSV or JSONL file becomes rows.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::{Map, Value as Json};

/// Largest file, in bytes.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// Most rows.
const MOST: usize = 100_000;

/// Reads every row: of CSV, whose first line names the columns, texts by the names; of JSONL, one value a line.
///
/// # Errors
/// What is wrong with the file, and where.
pub(super) fn read(path: &Path) -> Result<Vec<Json>, String> {
    let shown = path.display();
    let wrong = |why: &dyn std::fmt::Display| format!("the data `{shown}`: {why}");
    let file = File::open(path).map_err(|error| wrong(&error))?;
    let length = file.metadata().map_err(|error| wrong(&error))?.len();
    if length > MAX_FILE {
        return Err(wrong(&format!("it is larger than {} MiB", MAX_FILE >> 20)));
    }
    let rows = match path.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => csv(file),
        Some("jsonl" | "ndjson") => jsonl(file),
        _ => Err("its name ends neither in `.csv` nor in `.jsonl`".to_owned()),
    };
    match rows {
        Ok(rows) if rows.is_empty() => Err(wrong(&"it has no rows")),
        Ok(rows) if rows.len() > MOST => Err(wrong(&format!("it has more than {MOST} rows"))),
        Ok(rows) => Ok(rows),
        Err(why) => Err(wrong(&why)),
    }
}

fn csv(file: File) -> Result<Vec<Json>, String> {
    let mut reader = csv::Reader::from_reader(file);
    let names = reader.headers().map_err(|error| error.to_string())?.clone();
    let mut known = BTreeSet::new();
    if let Some(twice) = names.iter().find(|name| !known.insert(*name)) {
        return Err(format!("two columns are called `{twice}`"));
    }
    let mut rows = Vec::new();
    for row in reader.records().take(MOST + 1) {
        let row = row.map_err(|error| error.to_string())?;
        let fields = names.iter().zip(&row).map(|(name, value)| (name.to_owned(), Json::from(value)));
        rows.push(Json::Object(fields.collect::<Map<_, _>>()));
    }
    Ok(rows)
}

fn jsonl(file: File) -> Result<Vec<Json>, String> {
    let mut rows = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| error.to_string())?;
        if line.trim().is_empty() {
            continue;
        }
        rows.push(serde_json::from_str(&line).map_err(|error| format!("line {}: {error}", number + 1))?);
        if rows.len() > MOST {
            break;
        }
    }
    Ok(rows)
}
