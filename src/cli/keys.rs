//! `homeostat keys`: makes the key that a store is sealed with, and tells which key a file holds.

use std::io::Write as _;
use std::path::PathBuf;

use secrecy::ExposeSecret as _;

use super::exit::Exit;
use crate::diagnostic::Code;
use crate::security::{KeyError, MasterKey};

/// Keys for sealing the store.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Make a new key. Keep a copy of it: without it a sealed store cannot be opened.
    New {
        /// A new file for the key, readable only by you; without it the key goes to standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Print the id of a key, and nothing of the key itself.
    Show {
        /// The file that holds the key.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Runs the command.
pub fn run(args: &Args) -> Exit {
    let done = match &args.command {
        Command::New { out: Some(path) } => MasterKey::generate().and_then(|key| {
            key.write_new(path)?;
            eprintln!("{}: key {}; keep a copy, a sealed store cannot be opened without it", path.display(), key.id());
            Ok(None)
        }),
        Command::New { out: None } => MasterKey::generate().map(|key| Some(key.to_line())),
        Command::Show { file } => MasterKey::from_file(file).map(|key| Some(key.id().to_string().into())),
    };
    match done {
        Ok(None) => Exit::Done,
        Ok(Some(line)) => match writeln!(std::io::stdout(), "{}", line.expose_secret()) {
            Ok(()) => Exit::Done,
            Err(error) => {
                eprintln!("error: standard output cannot be written: {error}");
                Exit::Internal
            }
        },
        Err(error) => {
            eprintln!("error[{}]: {error}", code(&error));
            exit(&error)
        }
    }
}

/// The code of a problem with a key.
pub fn code(error: &KeyError) -> Code {
    match error {
        KeyError::NotReadable { .. } | KeyError::TooOpen { .. } => Code::NotReadable,
        KeyError::Malformed { .. } => Code::BadKey,
        KeyError::NotSet { .. } => Code::MissingSealKey,
        KeyError::Exists { .. } => Code::Conflict,
        KeyError::NotWritable { .. } => Code::NotWritable,
        KeyError::NoRandomness { .. } => Code::Internal,
    }
}

fn exit(error: &KeyError) -> Exit {
    match error {
        KeyError::TooOpen { .. } => Exit::Refused,
        KeyError::NoRandomness { .. } => Exit::Internal,
        _ => Exit::Usage,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::{Args, Exit, run};
    use crate::security::MasterKey;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn keys(arguments: &[&str]) -> Exit {
        run(&Line::try_parse_from([&["keys"], arguments].concat()).unwrap().args)
    }

    #[test]
    fn a_new_key_is_written_once_and_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let file = path.to_str().unwrap();
        assert_eq!(keys(&["show", file]), Exit::Usage);
        assert_eq!(keys(&["new", "--out", file]), Exit::Done);
        let id = MasterKey::from_file(&path).unwrap().id();
        assert_eq!(keys(&["new", "--out", file]), Exit::Usage);
        assert_eq!(MasterKey::from_file(&path).unwrap().id(), id);
        assert_eq!(keys(&["show", file]), Exit::Done);
        assert_eq!(keys(&["new", "--out", folder.path().join("none/key").to_str().unwrap()]), Exit::Usage);
    }
}
