//! What a reader types: commands of `console` blocks, run by a shell with the real binary on its path.
//!
//! Ids and times differ each time: they compare as equal, and an id of the page stands for the one that came in its place.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use regex::Regex;

/// What the pages say the engine listens on.
const SHOWN_ADDRESS: &str = "127.0.0.1:7400";

/// An engine is given so long to start.
const START: Duration = Duration::from_mins(1);

/// A command, and what the page says it prints.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) command: String,
    pub(super) shown: String,
}

/// One terminal, and the engine that runs in another one.
pub(super) struct Session {
    folder: PathBuf,
    here: PathBuf,
    last_exit: i32,
    engine: Option<Engine>,
    /// From the ids on the page to those that came.
    ids: BTreeMap<String, String>,
    redact: Redact,
    /// How long an answer may take to become the one on the page.
    patience: Duration,
}

struct Redact {
    id: Regex,
    time: Regex,
}

struct Engine {
    child: Child,
    lines: Receiver<String>,
    address: String,
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The commands of a block. A command goes on over lines that end in `\`, and over lines that begin with `> `.
pub(super) fn steps(text: &str) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    let mut goes_on = false;
    for line in text.lines() {
        let command = line.strip_prefix("$ ");
        match (steps.last_mut(), command) {
            (Some(step), None) if goes_on || (line.starts_with("> ") && step.shown.is_empty()) => {
                step.command.push('\n');
                step.command.push_str(line.strip_prefix("> ").unwrap_or(line));
            }
            (_, Some(command)) => steps.push(Step { command: command.to_owned(), shown: String::new() }),
            (Some(step), None) => {
                step.shown.push_str(line.trim_end());
                step.shown.push('\n');
            }
            (None, None) => return Err(format!("a block begins with a command, `$ …`, not with `{line}`")),
        }
        goes_on = (command.is_some() || goes_on) && line.ends_with('\\');
    }
    Ok(steps)
}

impl Session {
    pub(super) fn new(folder: &Path, patience: Duration) -> Self {
        Self {
            folder: folder.to_owned(),
            here: folder.to_owned(),
            last_exit: 0,
            engine: None,
            ids: BTreeMap::new(),
            patience,
            redact: Redact {
                id: Regex::new(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap(),
                time: Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").unwrap(),
            },
        }
    }

    /// Runs a command; what it printed, as the page would show it. Where an engine runs, a question about it is asked
    /// again until the answer is the one on the page, or patience ends.
    pub(super) fn run(&mut self, step: &Step) -> String {
        let asks = [" show", " list", " records"].iter().any(|word| step.command.contains(word));
        let until = Instant::now() + self.patience;
        loop {
            let printed = self.once(&step.command);
            let is_so = self.same(&step.shown, &printed);
            if is_so || self.engine.is_none() || !asks || Instant::now() > until {
                self.learn(&step.shown, &printed);
                return printed;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether two texts are equal but for ids and times.
    pub(super) fn same(&self, one: &str, other: &str) -> bool {
        let plain = |text: &str| {
            self.redact.time.replace_all(&self.redact.id.replace_all(text.trim_end(), "ID"), "TIME").into_owned()
        };
        plain(one) == plain(other)
    }

    fn learn(&mut self, shown: &str, printed: &str) {
        let ids = |text: &str| self.redact.id.find_iter(text).map(|id| id.as_str().to_owned()).collect::<Vec<_>>();
        let pairs: Vec<_> = ids(shown).into_iter().zip(ids(printed)).collect();
        self.ids.extend(pairs);
    }

    fn once(&mut self, command: &str) -> String {
        let mut command = command.to_owned();
        for (shown, came) in &self.ids {
            command = command.replace(shown, came);
        }
        let here = self.folder.join(".here");
        let script = format!(
            "exec 2>&1\n(exit {})\n{command}\nhomeostat_exit=$?\npwd >'{}'\nexit $homeostat_exit",
            self.last_exit,
            here.display()
        );
        let mut shell = shell(&self.here);
        if let Some(engine) = &self.engine {
            shell.env("HOMEOSTAT_URL", format!("http://{}", engine.address));
        }
        let output = shell.arg("-c").arg(script).output().unwrap();
        self.last_exit = output.status.code().unwrap_or(-1);
        // A shell that gave up on the command did not say where it is.
        if let Ok(now) = fs::read_to_string(&here) {
            self.here = PathBuf::from(now.trim_end());
            fs::remove_file(here).unwrap();
        }
        self.shown(&String::from_utf8_lossy(&output.stdout))
    }

    /// Output as the page shows it: without blanks at the ends of lines, with the address that the page knows.
    fn shown(&self, text: &str) -> String {
        let mut shown = text.replace(&self.folder.display().to_string(), "~");
        if let Some(engine) = &self.engine {
            shown = shown.replace(&engine.address, SHOWN_ADDRESS);
        }
        shown.trim_end().lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
    }

    /// Starts the engine on a free port, in place of the one that runs. The lines that the page shows must come, in
    /// their order, among those that it logs.
    pub(super) fn serve(&mut self, step: &Step) -> Result<(), String> {
        self.stop();
        let mut command = shell(&self.here);
        command.arg("-c").arg(format!("exec {} 2>&1", step.command)).env("HOMEOSTAT__LISTEN", "127.0.0.1:0");
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut engine = Engine { child, lines, address: String::new() };
        let mut wanted = step.shown.lines().peekable();
        let mut logged = String::new();
        while engine.address.is_empty() || wanted.peek().is_some() {
            let line = engine.lines.recv_timeout(START).map_err(|_| {
                format!("the engine did not log `{}`, but:\n{logged}", wanted.peek().unwrap_or(&"listening on …"))
            })?;
            logged.push_str(&format!("{line}\n"));
            if let Some((_, address)) = line.split_once("listening on http://") {
                engine.address = address.split_whitespace().next().unwrap_or_default().to_owned();
            }
            let line = if engine.address.is_empty() { line } else { line.replace(&engine.address, SHOWN_ADDRESS) };
            if wanted.peek().is_some_and(|wanted| self.same(wanted, &line)) {
                wanted.next();
            }
        }
        self.engine = Some(engine);
        Ok(())
    }

    /// Ends the engine as Ctrl-C would, and waits until it is gone.
    pub(super) fn stop(&mut self) {
        if let Some(mut engine) = self.engine.take() {
            let id = engine.child.id().to_string();
            assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
            engine.child.wait().unwrap();
        }
    }
}

fn shell(folder: &Path) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_homeostat")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(binary.to_owned()).chain(std::env::split_paths(&path));
    let mut command = Command::new("sh");
    command.current_dir(folder).stdin(Stdio::null()).env("PATH", std::env::join_paths(paths).unwrap());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        // A reader's machine is no CI, where `homeostat test` keeps no plans.
        if name.starts_with("HOMEOSTAT") || name == "RUST_LOG" || name == "CI" {
            command.env_remove(&*name);
        }
    }
    command
}

#[test]
fn a_block_is_commands_with_what_they_print() {
    let found = steps("$ one \\\n    --two\nsaid\n\n$ cat >it <<'END'\n> text\n> END\n$ three\n").unwrap();
    let pairs: Vec<_> = found.iter().map(|step| (step.command.as_str(), step.shown.as_str())).collect();
    assert_eq!(pairs, [("one \\\n    --two", "said\n\n"), ("cat >it <<'END'\ntext\nEND", ""), ("three", "")]);
    assert!(steps("no command\n").is_err());
}
