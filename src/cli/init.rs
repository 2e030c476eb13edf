//! `homeostat init`: a folder that validates and runs.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output;
use crate::app::program;
use crate::diagnostic::Code;
use crate::json_schema;
use crate::shipped;

/// Make a folder with a configuration, rules and workflows that validate and run
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where; made if it does not exist. Files that exist are never overwritten
    #[arg(default_value = ".")]
    pub folder: PathBuf,
}

const CONFIGURATION: &str = include_str!("init/homeostat.yaml");
const README: &str = include_str!("init/README.md");

/// Writes all files, or none if one of them exists.
pub fn run(args: &Args) -> Exit {
    conclude(write(&args.folder).and_then(|written| {
        let list: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
        output::print(&list.join("\n"))?;
        let there =
            if args.folder == Path::new(".") { String::new() } else { format!("`cd {}`, ", args.folder.display()) };
        output::complain(&format!("next: {there}put your service into homeostat.yaml, then `homeostat serve`\n"));
        Ok(Exit::Done)
    }))
}

/// Where the shipped workflows say that their schema is, and where it is in a new folder.
const SHIPPED_SCHEMA: &str = "$schema=../docs/reference/schema/";
const SCHEMA: &str = "$schema=../schema/";

/// Each file's path below the folder, and its text. The schemas go along, so that editors know every key without a
/// network.
fn files() -> Vec<(PathBuf, String)> {
    let mut files = vec![
        (PathBuf::from("homeostat.yaml"), CONFIGURATION.to_owned()),
        (PathBuf::from("README.md"), README.to_owned()),
    ];
    for (name, schema) in json_schema::all(&program::catalogue()) {
        files.push((Path::new("schema").join(format!("{name}.json")), format!("{schema:#}\n")));
    }
    for file in shipped::FILES {
        let folder = if file.is_rules() { "rules" } else { "workflows" };
        files.push((Path::new(folder).join(file.name), file.text.replacen(SHIPPED_SCHEMA, SCHEMA, 1)));
    }
    files
}

fn write(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let files = files();
    let in_the_way: Vec<String> = files
        .iter()
        .map(|(path, _)| folder.join(path))
        // A link that leads nowhere stands in the way as well.
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| format!("`{}`", path.display()))
        .collect();
    if !in_the_way.is_empty() {
        let message = format!("nothing was written, since there is already {}", in_the_way.join(", "));
        return Err(
            Failure::new(Exit::Usage, Code::InTheWay, message).help("name another folder, or move these away first")
        );
    }
    let mut written = Vec::new();
    for (path, text) in &files {
        let path = folder.join(path);
        create(&path, text).map_err(|error| {
            let message = format!("cannot write `{}`: {error}", path.display());
            Failure::new(Exit::Usage, Code::NotWritable, message)
                .help("check the path, the permissions and the free space")
        })?;
        written.push(path);
    }
    Ok(written)
}

fn create(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    // Refuses what has appeared since we looked.
    let mut file = fs::File::create_new(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests;
