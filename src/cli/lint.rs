//! `homeostat lint PATH…`: what is right and yet probably not meant; `--fix` mends what is certain.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::config::FileArgs;
use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::output;
use super::paths::Looked;
use super::report::{Format, ReportArgs, join};
use super::rewrite::{difference, replace};
use crate::app::program;
use crate::diagnostic::Code;
use crate::lint::fix::{Change, Fixed};
use crate::lint::{LINTS, Level, Levels, Linted, Options, UnknownLint};

/// Find what is right and yet probably not meant, and mend what is certain
#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Files, and folders with all `*.rules`, `*.yaml` and `*.yml` that they hold; without any, the configured `program`
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    file: FileArgs,

    /// Do not look for this; may be given several times
    #[arg(long, value_name = "LINT")]
    allow: Vec<String>,

    /// A warning where this is found; may be given several times
    #[arg(long, value_name = "LINT")]
    warn: Vec<String>,

    /// An error where this is found; may be given several times
    #[arg(long, value_name = "LINT")]
    deny: Vec<String>,

    /// Mend what can be mended for certain
    #[arg(long)]
    fix: bool,

    /// With `--fix`: show what would change, and write nothing
    #[arg(long, requires = "fix")]
    diff: bool,

    /// List every lint
    #[arg(long, conflicts_with_all = ["paths", "fix"])]
    list: bool,

    #[command(flatten)]
    report: ReportArgs,
}

/// Lints, and mends where that is asked for.
pub fn run(args: &Args) -> Exit {
    conclude(match (args.list, args.fix) {
        (true, _) => list(args),
        (_, true) => mend(args),
        _ => look(args),
    })
}

fn look(args: &Args) -> Result<Exit, Failure> {
    let (looked, options) = prepare(args)?;
    let mut linted = program::lint(&looked.paths, &options);
    join(&mut linted.diagnostics, &mut linted.sources, &looked.loaded);
    let exit = tell(args, &looked.paths, &linted)?;
    Ok(if looked.is_wrong() { Exit::Usage } else { exit })
}

fn mend(args: &Args) -> Result<Exit, Failure> {
    let (looked, options) = prepare(args)?;
    if looked.is_wrong() {
        // It may be that what would be mended is allowed.
        args.report.report(&looked.loaded.diagnostics, &looked.loaded.sources)?;
        return Ok(Exit::Usage);
    }
    let paths = looked.paths;
    let Fixed { linted, changes, mended } = program::lint_and_fix(&paths, &options).map_err(|error| {
        Failure::new(Exit::Internal, Code::Internal, error.to_string())
            .help("nothing was written; please report it with the file")
    })?;
    if args.diff {
        for change in &changes {
            output::print(&difference(&change.path, "mended", &change.before, &change.after))?;
        }
    } else {
        changes.iter().try_for_each(write)?;
        if mended > 0 {
            let (problems, files) = (count(mended, "problem"), count(changes.len(), "file"));
            output::complain(&format!("mended {problems} in {files}\n"));
        }
    }
    let exit = tell(args, &paths, &linted)?;
    // What is shown and not written is still to be done.
    Ok(if args.diff && !changes.is_empty() && exit == Exit::Done { Exit::Findings } else { exit })
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn tell(args: &Args, paths: &[PathBuf], linted: &Linted) -> Result<Exit, Failure> {
    let exit = args.report.report(&linted.diagnostics, &linted.sources)?;
    let nothing = linted.diagnostics.iter().any(|problem| problem.code == Code::NothingFound);
    Ok(if nothing || paths.iter().any(|path| !path.exists()) { Exit::Usage } else { exit })
}

/// What to lint, and how: by what of the configuration is right.
fn prepare(args: &Args) -> Result<(Looked, Options), Failure> {
    let looked = Looked::at(&args.paths, args.file.read(), "lint")?;
    let levels = levels(args, &looked.loaded.lint)?;
    let targets = looked.loaded.config.as_ref().map(program::lint_targets);
    Ok((looked, Options { levels, targets }))
}

/// Those of the command line go before those of the configuration.
fn levels(args: &Args, configured: &BTreeMap<String, String>) -> Result<Levels, Failure> {
    let mut levels = Levels::default();
    let mut set = |name: &str, level: Level| {
        levels.set(name, level).map_err(|UnknownLint { name, nearest }| {
            let failure = Failure::usage(format!("there is no lint `{name}`"));
            match nearest {
                Some(near) => failure.help(format!("did you mean `{near}`?")),
                None => failure.help("`homeostat lint --list` shows the names"),
            }
        })
    };
    for (name, word) in configured {
        if let Some(level) = Level::from_word(word) {
            set(name, level)?;
        }
    }
    let mut given: BTreeMap<&str, Level> = BTreeMap::new();
    for (names, level) in [(&args.allow, Level::Allow), (&args.warn, Level::Warn), (&args.deny, Level::Deny)] {
        for name in names {
            set(name, level)?;
            if let Some(other) = given.insert(name, level).filter(|other| *other != level) {
                return Err(Failure::usage(format!("`--{other} {name}` and `--{level} {name}` contradict each other"))
                    .help("give one of the two"));
            }
        }
    }
    Ok(levels)
}

fn list(args: &Args) -> Result<Exit, Failure> {
    let Ok(config) = args.file.load() else { return Ok(Exit::Usage) };
    let levels = levels(args, &config.lint)?;
    if args.report.format == Format::Json {
        let list = LINTS.iter().map(|lint| {
            json!({
                "name": lint.name,
                "code": lint.code.to_string(),
                "level": levels.of(lint).as_str(),
                "default": lint.level.as_str(),
                "summary": lint.summary(),
                "docs": lint.page().text,
            })
        });
        return output::print_json(&list.collect());
    }
    let mut table = output::table(["LINT", "CODE", "LEVEL", "FINDS"]);
    for lint in LINTS {
        table.add_row([lint.name, &lint.code.to_string(), levels.of(lint).as_str(), lint.summary()]);
    }
    output::print(&table.to_string())
}

/// Puts the new text in the place of the old one, which must still be there.
fn write(change: &Change) -> Result<(), Failure> {
    /// What some editors begin a file with.
    const MARK: &str = "\u{feff}";
    let path = Path::new(&change.path);
    let found = fs::read_to_string(path).unwrap_or_default();
    let (mark, text) = found.strip_prefix(MARK).map_or(("", found.as_str()), |text| (MARK, text));
    if text != change.before.as_ref() {
        let message = format!("`{}` was changed meanwhile", change.path);
        return Err(Failure::new(Exit::Usage, Code::NotWritable, message).help("run the command again"));
    }
    replace(path, &format!("{mark}{}", change.after))
}

#[cfg(test)]
#[path = "lint_tests.rs"]
mod tests;
