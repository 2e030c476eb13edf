//! `homeostat plan --diff`: two versions, and what differs in meaning.

use std::path::Path;

use super::{FOLDER, Format, Found, by_name, is_path};
use crate::app::called::check_with_called;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::output;
use crate::diagnostic::Code;
use crate::plan::Plan;
use crate::plan::diff::{Outline, diff, to_json, to_text};

/// # Errors
/// One of the sides cannot be read, or there is no such form.
pub(super) fn show(old: &Path, new: &str, format: Format) -> Result<Exit, Failure> {
    if !matches!(format, Format::Text | Format::Json) {
        return Err(Failure::usage("changes are shown as text or JSON").help("leave `--format` out, or give `json`"));
    }
    let new = if is_path(new) || Path::new(new).is_dir() { version(Path::new(new))? } else { named(new)? };
    let (Some(old), Some(new)) = (version(old)?, new) else {
        // What is wrong was told. A difference that cannot be known is no difference.
        return Ok(Exit::Usage);
    };
    let changes = diff(&old, &new);
    match format {
        Format::Json => output::print_json(&to_json(&changes))?,
        _ => output::print(&to_text(&changes))?,
    };
    Ok(if changes.is_empty() { Exit::Done } else { Exit::Findings })
}

/// What a path holds; `None`, once the problems are told, where it has some.
fn version(path: &Path) -> Result<Option<Outline>, Failure> {
    if !path.exists() {
        let message = format!("cannot read `{}`: it does not exist", path.display());
        return Err(Failure::new(Exit::Usage, Code::NotReadable, message).help("check the path"));
    }
    if path.extension().is_some_and(|extension| extension == "json") {
        return saved(path).map(Some);
    }
    let compilation = check_with_called(path);
    output::complain(&output::problems(&compilation.diagnostics, &compilation.sources));
    // What is called is part of the plan that calls it.
    let own = compilation.sources.iter().next().filter(|_| path.is_file()).map(|(_, source)| source.path.clone());
    let is_meant = |plan: &&Plan| own.as_ref().is_none_or(|own| plan.source.path == *own);
    let plans = || compilation.plans.iter().map(AsRef::as_ref).filter(is_meant);
    Ok(compilation.program.as_ref().map(|program| Outline::of_program(program, plans())))
}

/// A plan that was printed with `--format json`.
fn saved(path: &Path) -> Result<Outline, Failure> {
    let refused = |why: String| {
        Failure::new(Exit::Usage, Code::NotReadable, format!("`{}` is no saved plan: {why}", path.display()))
            .help("save one with `homeostat plan WORKFLOW --format json > FILE.json`")
    };
    let bytes = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    let document = serde_json::from_slice(&bytes).map_err(|error| refused(error.to_string()))?;
    Outline::of_saved(&document).ok_or_else(|| refused("it lacks what a plan has".to_owned()))
}

fn named(name: &str) -> Result<Option<Outline>, Failure> {
    match by_name(name, Path::new(FOLDER))? {
        Found::Plan(plan, _) => Ok(Some(Outline::of_plan(&plan))),
        Found::Problems(problems) => {
            output::complain(&problems);
            Ok(None)
        }
    }
}
