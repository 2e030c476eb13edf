//! `homeostat init`: a folder that validates and runs.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::exit::Exit;
use crate::diagnostic::Code;
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
    match write(&args.folder) {
        Ok(written) => {
            let mut out = io::stdout().lock();
            for path in written {
                // Nobody listens any more: what was asked for is done all the same.
                let _ = writeln!(out, "{}", path.display());
            }
            eprintln!("next: put your service into homeostat.yaml, then `homeostat serve --config homeostat.yaml`");
            Exit::Done
        }
        Err(refusal) => {
            eprintln!("error[{}]: {}", refusal.code, refusal.message);
            eprintln!("  help: {}", refusal.help);
            Exit::Usage
        }
    }
}

#[derive(Debug)]
struct Refusal {
    code: Code,
    message: String,
    help: &'static str,
}

/// Each file's path below the folder, and its text.
fn files() -> impl Iterator<Item = (PathBuf, &'static str)> {
    let shipped = shipped::FILES.iter().map(|file| {
        let folder = if file.is_rules() { "rules" } else { "workflows" };
        (Path::new(folder).join(file.name), file.text)
    });
    [(PathBuf::from("homeostat.yaml"), CONFIGURATION), (PathBuf::from("README.md"), README)].into_iter().chain(shipped)
}

fn write(folder: &Path) -> Result<Vec<PathBuf>, Refusal> {
    let in_the_way: Vec<String> = files()
        .map(|(path, _)| folder.join(path))
        // A link that leads nowhere stands in the way as well.
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| format!("`{}`", path.display()))
        .collect();
    if !in_the_way.is_empty() {
        let message = format!("nothing was written, since there is already {}", in_the_way.join(", "));
        let help = "name another folder, or move these away first";
        return Err(Refusal { code: Code::InTheWay, message, help });
    }
    let mut written = Vec::new();
    for (path, text) in files() {
        let path = folder.join(path);
        create(&path, text).map_err(|error| Refusal {
            code: Code::NotWritable,
            message: format!("cannot write `{}`: {error}", path.display()),
            help: "check the path, the permissions and the free space",
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
