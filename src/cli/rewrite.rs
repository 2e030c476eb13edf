//! A file is to get another text: what would change, and the change itself.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use super::exit::Exit;
use super::failure::Failure;
use crate::diagnostic::Code;

/// Lines around a change that are shown with it.
const CONTEXT: usize = 3;
/// How long the fewest lines that tell the change are looked for. That takes the square of the lines that differ; what is not
/// looked at by then is shown as lines that go and lines that come.
const PATIENCE: Duration = Duration::from_millis(500);

/// What would change, as lines with `-` and `+`; `done` says by what.
pub(super) fn difference(path: &str, done: &str, old: &str, new: &str) -> String {
    let (red, green) = (anstyle::AnsiColor::Red.on_default(), anstyle::AnsiColor::Green.on_default());
    let bold = anstyle::Style::new().bold();
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
    let mut text = format!("{bold}--- {path}{bold:#}\n{bold}+++ {path}, {done}{bold:#}\n");
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        text.push_str(&format!("{}\n", hunk.header()));
        for change in hunk.iter_changes() {
            let line = change.value().trim_end_matches(['\n', '\r']);
            text.push_str(&match change.tag() {
                ChangeTag::Equal => format!(" {line}\n"),
                ChangeTag::Delete => format!("{red}-{line}{red:#}\n"),
                ChangeTag::Insert => format!("{green}+{line}{green:#}\n"),
            });
            if change.missing_newline() {
                text.push_str("\\ no line end at the end of the file\n");
            }
        }
    }
    text
}

/// Puts a text in the place of a file's: the old one, or the new one, but never half of it.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let write = || -> io::Result<()> {
        // What a link leads to is replaced, not the link.
        let path = fs::canonicalize(path)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let beside = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
        let written = fs::File::create_new(&beside)
            .and_then(|mut file| {
                file.set_permissions(fs::metadata(&path)?.permissions())?;
                file.write_all(text.as_bytes())?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&beside, &path));
        if written.is_err() {
            // It may never have been there.
            let _ = fs::remove_file(&beside);
        }
        written
    };
    write().map_err(|error| {
        let message = format!("cannot write `{}`: {error}", path.display());
        Failure::new(Exit::Usage, Code::NotWritable, message).help("check the permissions and the free space")
    })
}
