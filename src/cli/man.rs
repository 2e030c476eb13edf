//! `homeostat man [DIR]`: the manual pages of all commands, from what the command line is parsed by.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::exit::Exit;
use super::failure::{Failure, conclude};
use super::{Cli, output};
use crate::diagnostic::Code;

/// Print the manual page, or write the pages of all commands into a folder
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to write one page a command, like `homeostat-plan.1`; made if it does not exist. Without it, the page of
    /// `homeostat` itself is printed
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

/// Prints one page, or writes all of them.
pub fn run(args: &Args) -> Exit {
    conclude(pages().map_err(|error| unwritten("the manual", &error)).and_then(|pages| {
        match (&args.folder, pages.first()) {
            (Some(folder), _) => write(folder, &pages),
            (None, Some((_, text))) => output::print(text),
            (None, None) => Ok(Exit::Done),
        }
    }))
}

fn write(folder: &Path, pages: &[(String, String)]) -> Result<Exit, Failure> {
    fs::create_dir_all(folder).map_err(|error| unwritten(&folder.display().to_string(), &error))?;
    let mut written = Vec::new();
    for (name, text) in pages {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| unwritten(&path.display().to_string(), &error))?;
        written.push(path.display().to_string());
    }
    output::print(&written.join("\n"))
}

fn unwritten(what: &str, error: &io::Error) -> Failure {
    Failure::new(Exit::Usage, Code::NotWritable, format!("cannot write `{what}`: {error}"))
        .help("check the path, the permissions and the free space")
}

/// Every page by the name of its file, that of `homeostat` first.
fn pages() -> io::Result<Vec<(String, String)>> {
    let mut root = Cli::command().disable_help_subcommand(true);
    // Gives every command its full name.
    root.build();
    let version = root.get_version().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    collect(&root, &version, &mut found)?;
    Ok(found)
}

fn collect(command: &Command, version: &str, found: &mut Vec<(String, String)>) -> io::Result<()> {
    let source = format!("homeostat {version}");
    let page = Man::new(command.clone()).source(source).manual("Homeostat");
    let mut text = Vec::new();
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_description_section(&mut text)?;
    page.render_options_section(&mut text)?;
    if command.has_subcommands() {
        page.render_subcommands_section(&mut text)?;
    }
    exit_status().to_writer(&mut text)?;
    found.push((page.get_filename(), with_one_preamble(&String::from_utf8_lossy(&text))));
    command.get_subcommands().filter(|below| !below.is_hide_set()).try_for_each(|below| collect(below, version, found))
}

/// Every section begins with the same definition of how apostrophes are set; a page needs it once.
fn with_one_preamble(page: &str) -> String {
    match page.split_once(".TH ") {
        Some((preamble, _)) if !preamble.is_empty() => format!("{preamble}{}", page.replace(preamble, "")),
        _ => page.to_owned(),
    }
}

fn exit_status() -> Roff {
    let mut section = Roff::new();
    section.control("SH", ["EXIT STATUS"]);
    for exit in Exit::ALL {
        section.control("TP", []);
        section.text([bold((exit as u8).to_string())]);
        section.text([roman(exit.meaning())]);
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_all_its_options() {
        let pages = pages().unwrap();
        assert_eq!(pages[0].0, "homeostat.1");
        let mut root = Cli::command().disable_help_subcommand(true);
        root.build();
        let mut commands = vec![&root];
        let mut count = 0;
        while let Some(command) = commands.pop() {
            let name = format!("{}.1", command.get_display_name().unwrap_or(command.get_name()));
            let (_, text) = pages.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}"));
            for option in command.get_arguments().filter_map(clap::Arg::get_long) {
                // Hyphens are escaped, so that they can be searched for.
                let written = format!("\\-\\-{}", option.replace('-', "\\-"));
                assert!(text.contains(&written), "{name} lacks --{option}");
            }
            for below in command.get_subcommands() {
                let written = format!("{}(1)", below.get_display_name().unwrap()).replace('-', "\\-");
                assert!(text.contains(&written), "{name} lacks {written}");
            }
            assert!(text.contains("EXIT STATUS"), "{name}");
            assert_eq!(text.matches(".ie").count(), 1, "{name}");
            commands.extend(command.get_subcommands());
            count += 1;
        }
        assert_eq!(count, pages.len());
    }

    #[test]
    fn pages_are_written_into_a_folder_that_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("share/man/man1");
        assert_eq!(run(&Args { folder: Some(made.clone()) }), Exit::Done);
        assert!(fs::read_to_string(made.join("homeostat-plan.1")).unwrap().starts_with(".ie"));
        assert_eq!(fs::read_dir(&made).unwrap().count(), pages().unwrap().len());
        // A file stands where the folder is to be.
        assert_eq!(run(&Args { folder: Some(made.join("homeostat.1/man1")) }), Exit::Usage);
    }
}
