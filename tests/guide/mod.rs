//! The guide shows nothing that is not so: every fenced block of `docs/` and of the README is checked.
//!
//! | language | what must hold |
//! | --- | --- |
//! | `rules`, `yaml` | it compiles without a word, together with the folder of its page; a configuration is read without a word |
//! | `cel` | each line is an expression and, after `// → `, what it gives: another expression, `error: …` or `refused: …` |
//! | `json` | it is an event that the rules of the folder take |
//! | `console` | each `$ command` prints exactly what the page shows, but for ids and times |
//! | `text` | it is a picture |
//!
//! A comment before a block, `<!-- guide: … -->`, says otherwise:
//!
//! | it says | meaning |
//! | --- | --- |
//! | `file PATH` | the block is this file of the folder, which must be right from then on |
//! | `file PATH, unfinished` | as before, but right only together with the next file |
//! | `file PATH, wrong` | there must be something wrong with it; it is taken back before the next file |
//! | `append PATH` | the block is added to this file, which must be right then |
//! | `part of PATH` | this file, of the folder or of the repository, contains the block |
//! | `settings` | it is a configuration of its own |
//! | `data EVENT`, `data EVENT, refused` | it is data of such an event; or is not, as the next block may tell |
//! | `like an answer` | it is what an agent answers to a command that was posted |
//! | `serve` | an engine is started in another terminal; it logs these lines among others |
//! | `picture` | nothing to check |
//! | `example` | it is an example of a code or a lint, which is held against it by a test of its own |
//! | `not run: REASON` | what cannot be checked here, and why |
//!
//! And where no block follows: `folder NAME` gives all pages of that name one folder (else each has its own), `with JSON` says
//! what names hold in the `cel` blocks after it, `stop` ends the engine, and a comment of several lines that begins
//! `hidden PATH` writes a file that is not shown.
//!
//! To write what commands print into the pages: `HOMEOSTAT_WRITE_GUIDE=1 cargo test --test integration guide`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use folder::Folder;
use page::{Block, Page, Part};
use serde_json::Value as Json;
use session::{Session, Step};

mod book;
mod codes;
mod folder;
mod page;
mod session;
mod values;

/// Names the variable that has the pages rewritten.
const WRITE: &str = "HOMEOSTAT_WRITE_GUIDE";

/// An engine or a run is given so long to get where the page says it gets.
const PATIENCE: Duration = Duration::from_mins(1);

/// And so long to come to an end, where the page does not say it yet.
const QUIET: Duration = Duration::from_secs(2);

/// How many blocks may say that they cannot be run.
const NOT_RUN: usize = 14;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What a page has at hand while it is read from top to bottom.
struct Reader {
    folder: Folder,
    session: Session,
    names: Json,
    /// The next file makes the last one right.
    unfinished: bool,
    /// What commands print goes into the page.
    writes: bool,
}

impl Reader {
    fn new(writes: bool) -> Self {
        let folder = Folder::new();
        let session = Session::new(&folder.path(), if writes { QUIET } else { PATIENCE });
        Self { folder, session, names: Json::Null, unfinished: false, writes }
    }

    fn note(&mut self, says: &str, text: &str) -> Result<(), String> {
        let (word, rest) = says.split_once(' ').unwrap_or((says, ""));
        match word {
            "folder" => {}
            "with" => self.names = serde_json::from_str(rest).map_err(|error| error.to_string())?,
            "stop" => self.session.stop(),
            "hidden" => {
                self.folder.write(rest, text);
                self.right()?;
            }
            _ => return Err(format!("`{says}` says nothing without a block")),
        }
        Ok(())
    }

    /// Checks a block; for commands, the text that the page should show.
    fn block(&mut self, block: &Block) -> Result<Option<String>, String> {
        let (word, rest) = block.says.split_once(' ').unwrap_or((&block.says, ""));
        let (path, how) = rest.split_once(", ").unwrap_or((rest, ""));
        match (word.trim_end_matches(':'), block.language.as_str()) {
            ("not", _) | ("picture", "text") | ("example", "rules" | "yaml" | "console") => Ok(()),
            ("file", _) => self.file(path, how, &block.text),
            ("append", "rules" | "yaml") => {
                let before = self.folder.read(path).ok_or_else(|| format!("there is no {path} yet"))?;
                self.folder.write(path, &format!("{before}\n{}", block.text));
                self.right()
            }
            ("part", _) => self.part(rest.trim_start_matches("of "), &block.text),
            ("settings", "yaml") => nothing_wrong(&folder::settings_problems(&block.text)),
            ("data", "json") => self.data(path, how, &block.text),
            ("like", "json") => values::like(rest, &block.text),
            ("serve", "console") => {
                let steps = session::steps(&block.text)?;
                let [step] = steps.as_slice() else { return Err("an engine is one command".to_owned()) };
                self.session.serve(step)
            }
            ("", "rules") => self.beside("snippet.rules", &block.text),
            ("", "yaml") if block.text.contains("workflow: ") => self.beside("snippet.yaml", &block.text),
            ("", "cel") => values::expressions(&block.text, &self.names),
            ("", "json") => values::event(&block.text, &self.folder.compiled()),
            ("", "console") => return self.console(&block.text).map(Some),
            ("", language) => Err(format!(
                "nothing says how a block of the language `{language}` is checked: tests/guide/mod.rs lists what can be said"
            )),
            (word, language) => Err(format!("`{word}` says nothing about a block of the language `{language}`")),
        }?;
        Ok(None)
    }

    fn right(&mut self) -> Result<(), String> {
        nothing_wrong(&self.folder.problems())
    }

    fn file(&mut self, path: &str, how: &str, text: &str) -> Result<(), String> {
        if how == "wrong" {
            self.folder.write_wrong(path, text);
            return if self.folder.problems().is_empty() { Err("nothing is wrong with it".to_owned()) } else { Ok(()) };
        }
        self.folder.write(path, text);
        self.unfinished = how == "unfinished";
        match how {
            "" => self.right(),
            "unfinished" => Ok(()),
            _ => Err(format!("`{how}` says nothing about a file")),
        }
    }

    fn part(&self, path: &str, text: &str) -> Result<(), String> {
        let whole = self.folder.read(path).or_else(|| fs::read_to_string(root().join(path)).ok());
        let whole = whole.ok_or_else(|| format!("there is no {path}"))?;
        if whole.contains(text) { Ok(()) } else { Err(format!("this is not part of {path}")) }
    }

    /// A snippet that is no file: checked as if it were one, and forgotten.
    fn beside(&mut self, name: &str, text: &str) -> Result<(), String> {
        self.folder.write_wrong(name, text);
        let problems = self.folder.problems();
        self.folder.repair();
        nothing_wrong(&problems)
    }

    fn data(&self, kind: &str, how: &str, text: &str) -> Result<(), String> {
        let given = values::data(kind, text, &self.folder.compiled());
        match (given, how) {
            (given, "") => given,
            (Ok(()), "refused") => Err(format!("this is data of {kind}")),
            (Err(_), "refused") => Ok(()),
            _ => Err(format!("`{how}` says nothing about data")),
        }
    }

    fn console(&mut self, text: &str) -> Result<String, String> {
        let mut page = String::new();
        for step in session::steps(text)? {
            let printed = self.session.run(&step);
            let is_so = self.session.same(&step.shown, &printed);
            let Step { command, shown } = step;
            if !is_so && !self.writes {
                return Err(format!("`{command}` is shown with\n{shown}but prints\n{printed}{WRITE}=1 shows it"));
            }
            page.push_str(&format!("$ {command}\n"));
            page.push_str(if is_so { &shown } else { &printed });
        }
        Ok(page)
    }
}

fn nothing_wrong(problems: &str) -> Result<(), String> {
    if problems.is_empty() { Ok(()) } else { Err(problems.to_owned()) }
}

#[test]
fn every_block_is_so() {
    let mut readers: BTreeMap<String, Reader> = BTreeMap::new();
    let mut failures = Vec::new();
    let (mut checked, mut not_run) = (0, Vec::new());
    let writes = std::env::var_os(WRITE).is_some();
    let pages = book::pages().into_iter().chain(["docs/SUMMARY.md".to_owned(), "README.md".to_owned()]);
    for path in pages {
        let page = Page::read(&root(), &path);
        let shared = page.parts.iter().find_map(|part| match part {
            Part::Note { says, .. } => says.strip_prefix("folder ").map(str::to_owned),
            Part::Block(_) => None,
        });
        let reader = readers.entry(shared.unwrap_or_else(|| path.clone())).or_insert_with(|| Reader::new(writes));
        let mut lines = page.lines.clone();
        // From the end, so that the numbers of the lines before stay what they are.
        let mut changes = Vec::new();
        for part in &page.parts {
            let (line, result) = match part {
                Part::Note { line, says, text } => (*line, reader.note(says, text).map(|()| None)),
                Part::Block(block) => {
                    checked += 1;
                    if let Some(reason) = block.says.strip_prefix("not run: ") {
                        not_run.push(format!("{path}:{}: {reason}", block.line));
                    }
                    (block.line, reader.block(block))
                }
            };
            match (result, part) {
                (Err(problem), _) => failures.push(format!("{path}:{line}: {problem}")),
                (Ok(Some(text)), Part::Block(block)) if text != block.text => {
                    changes.push((block.line, block.text.lines().count(), text));
                }
                (Ok(_), _) => {}
            }
        }
        reader.folder.repair();
        reader.session.stop();
        if reader.unfinished || !reader.folder.problems().is_empty() {
            failures.push(format!("{path}: its end leaves something wrong: {}", reader.folder.problems()));
        }
        if !changes.is_empty() && writes {
            for (line, count, text) in changes.into_iter().rev() {
                lines.splice(line..line + count, text.lines().map(str::to_owned));
            }
            fs::write(root().join(&path), lines.join("\n") + "\n").unwrap();
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(checked > 50, "the blocks were not found");
    assert!(not_run.len() <= NOT_RUN, "too much is not run:\n{}", not_run.join("\n"));
}

#[test]
fn what_is_not_so_is_found() {
    let mut reader = Reader::new(false);
    let mut result = |language: &str, says: &str, text: &str| {
        reader.block(&Block { line: 1, language: language.to_owned(), says: says.to_owned(), text: text.to_owned() })
    };
    let wrong = [
        ("rules", "", "rule lonely { on NOTHING }\n"),
        ("rules", "file a.rules", "event A { x: strin }\n"),
        ("rules", "file a.rules, wrong", "event A { x: string }\n"),
        ("yaml", "", "workflow: w\nsteps: { a: { uses: no.such } }\n"),
        ("yaml", "", "targets: {}\n"),
        ("yaml", "settings", "targts: {}\n"),
        ("yaml", "part of examples/minimal/maintenance.yaml", "workflow: other\n"),
        ("cel", "", "1 + 1  // → 3\n"),
        ("cel", "", "1 + 1  // → 2.0\n"),
        ("cel", "", "1 + 1\n"),
        ("cel", "", "1 / 0  // → error: no such thing\n"),
        ("cel", "", "1 + 'a'  // → error: anything\n"),
        ("json", "", "{ \"specversion\": \"1.0\" }\n"),
        ("json", "like an answer", "{ \"answer\": \"maybe\" }\n"),
        ("console", "", "$ homeostat --version\nhomeostat 0.0.0\n"),
        ("console", "", "homeostat --version\n"),
        ("python", "", "print()\n"),
        ("text", "", "+--+\n"),
    ];
    for (language, says, text) in wrong {
        assert!(result(language, says, text).is_err(), "{language} {says}: {text}");
    }
    assert_eq!(result("console", "", "$ false\n$ echo $?\n1\n"), Ok(Some("$ false\n$ echo $?\n1\n".to_owned())));
}
