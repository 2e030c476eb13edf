//! How the cost of a program grows with its size: processor time of each stage, milliseconds, and peak memory.
//!
//! `cargo bench --bench compile` measures every size in a process of its own and prints a table; what an item costs is
//! set against the smallest size of its kind, so that 1.0 in the last column is growth in proportion.
//! `cargo bench --bench compile -- hostile [WORD]` measures files that mean harm, to the end of what is said of them.
//! `cargo bench --bench compile -- write FOLDER RULES WORKFLOWS` writes such a program, to try other commands on.

#[path = "compile/generate.rs"]
mod generate;
#[path = "compile/hostile.rs"]
mod hostile;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use homeostat::action::catalogue;
use homeostat::compile::{Compilation, check, load_and_compile, parse, plan};
use homeostat::diagnostic::render::{to_json, to_people};
use homeostat::router::Router;
use homeostat::syntax::load::load;
use rustix::time::{ClockId, clock_gettime};

type Failure = Box<dyn std::error::Error>;

/// Rules and workflows of each program that is measured; those of one kind stand together, the smallest first.
const SIZES: [&[(usize, usize)]; 3] = [
    &[(10, 0), (100, 0), (1_000, 0), (10_000, 0)],
    &[(0, 10), (0, 100), (0, 1_000)],
    &[(10, 1), (100, 10), (1_000, 100), (10_000, 1_000)],
];

/// Each size is measured so often; the fastest counts, since what else runs here only ever adds.
const ROUNDS: usize = 5;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => table(),
        ["measure", folder] => {
            println!("{}", measure(Path::new(folder))?.line());
            Ok(())
        }
        ["hostile", word @ ..] => hostile_table(word.first().copied().unwrap_or_default()),
        ["complain", file] => {
            let (time, problems, shown, peak_kib) = complain(Path::new(file))?;
            println!("{} {problems} {shown} {peak_kib}", time.as_millis());
            Ok(())
        }
        ["write", folder, rules, workflows] => write(Path::new(folder), rules.parse()?, workflows.parse()?),
        _ => Err("expected nothing, or `write FOLDER RULES WORKFLOWS`".into()),
    }
}

/// What one compilation took.
#[derive(Clone, Copy, Default)]
struct Figures {
    load: Duration,
    parse: Duration,
    check: Duration,
    plan: Duration,
    index: Duration,
    /// The most that the process has held at once, KiB.
    peak_kib: u64,
}

impl Figures {
    fn total(&self) -> Duration {
        self.load + self.parse + self.check + self.plan + self.index
    }

    /// For the process that asked.
    fn line(&self) -> String {
        let times = [self.load, self.parse, self.check, self.plan, self.index].map(|time| time.as_nanos().to_string());
        format!("{} {}", times.join(" "), self.peak_kib)
    }

    fn read(line: &str) -> Result<Self, Failure> {
        let numbers = line.split_whitespace().map(str::parse).collect::<Result<Vec<u64>, _>>()?;
        let [load, parse, check, plan, index, peak_kib] = numbers[..] else {
            return Err("six numbers expected".into());
        };
        let [load, parse, check, plan, index] = [load, parse, check, plan, index].map(Duration::from_nanos);
        Ok(Self { load, parse, check, plan, index, peak_kib })
    }
}

fn table() -> Result<(), Failure> {
    println!(
        "{:>6} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9} {:>10} {:>7}",
        "rules",
        "workflows",
        "KiB",
        "load",
        "parse",
        "check",
        "plan",
        "index",
        "total ms",
        "peak MiB",
        "µs an item",
        "ratio"
    );
    for kind in SIZES {
        let mut smallest = None;
        for &(rules, workflows) in kind {
            let folder = tempfile::tempdir()?;
            write(folder.path(), rules, workflows)?;
            let bytes: usize = generate::program(rules, workflows).iter().map(|file| file.text.len()).sum();
            let mut best: Option<Figures> = None;
            for _ in 0..ROUNDS {
                let figures = in_own_process(folder.path())?;
                best = Some(best.filter(|best| best.total() <= figures.total()).unwrap_or(figures));
            }
            let best = best.ok_or("nothing was measured")?;
            let ms = |time: Duration| time.as_secs_f64() * 1e3;
            let each = ms(best.total()) * 1e3 / (rules + workflows) as f64;
            let first = *smallest.get_or_insert(each);
            println!(
                "{rules:>6} {workflows:>9} {:>8} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>8.2} {:>9.1} {:>9.1} {each:>10.1} {:>7.2}",
                bytes / 1024,
                ms(best.load),
                ms(best.parse),
                ms(best.check),
                ms(best.plan),
                ms(best.index),
                ms(best.total()),
                best.peak_kib as f64 / 1024.0,
                each / first,
            );
        }
    }
    Ok(())
}

/// So that neither memory nor a warm heap passes from one size to the next.
fn in_own_process(folder: &Path) -> Result<Figures, Failure> {
    let output = Command::new(std::env::current_exe()?).arg("measure").arg(folder).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Figures::read(&String::from_utf8(output.stdout)?)
}

fn measure(folder: &Path) -> Result<Figures, Failure> {
    let mut figures = Figures::default();
    let catalogue = catalogue();
    let paths: Vec<PathBuf> = vec![folder.to_owned()];
    let (sources, mut diagnostics) = timed(&mut figures.load, || load(&paths));
    let trees = timed(&mut figures.parse, || parse(&sources, &mut diagnostics));
    let program = timed(&mut figures.check, || check(&trees, &catalogue, &mut diagnostics));
    let plans = timed(&mut figures.plan, || plan(&program.workflows, &sources, &mut diagnostics));
    if let Some(problem) = diagnostics.iter().next() {
        return Err(format!("the program is wrong: {}", problem.message).into());
    }
    let router = timed(&mut figures.index, || Router::new(Arc::new(program)));
    figures.peak_kib = peak_kib()?;
    // Nothing may be thrown away before its memory is counted.
    drop((sources, trees, plans, router));
    Ok(figures)
}

/// Each file alone, in a process of its own: what `validate` makes of it, as text and as JSON.
fn hostile_table(word: &str) -> Result<(), Failure> {
    println!(
        "{:<32} {:<8} {:>6} {:>8} {:>9} {:>10} {:>9}",
        "file", "name", "KiB", "ms", "problems", "shown KiB", "peak MiB"
    );
    for (name, path, text) in hostile::files().into_iter().filter(|(name, _, _)| name.contains(word)) {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join(path);
        std::fs::write(&file, &text)?;
        let output = Command::new(std::env::current_exe()?).arg("complain").arg(&file).output()?;
        if !output.status.success() {
            return Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let line = String::from_utf8(output.stdout)?;
        let numbers = line.split_whitespace().map(str::parse).collect::<Result<Vec<u64>, _>>()?;
        let [time, problems, shown, peak] = numbers[..] else { return Err("four numbers expected".into()) };
        println!(
            "{name:<32} {path:<8} {:>6} {time:>8} {problems:>9} {:>10} {:>9}",
            text.len() / 1024,
            shown / 1024,
            peak / 1024
        );
    }
    Ok(())
}

/// Time, problems, bytes that are shown, and peak memory.
fn complain(file: &Path) -> Result<(Duration, usize, usize, u64), Failure> {
    let begun = processor_time();
    let compilation = load_and_compile(&[file.to_owned()], &catalogue());
    let Compilation { diagnostics, sources, .. } = &compilation;
    let shown = to_people(diagnostics, sources, false).len() + to_json(diagnostics, sources).len();
    Ok((processor_time().saturating_sub(begun), diagnostics.iter().count(), shown, peak_kib()?))
}

fn timed<T>(time: &mut Duration, work: impl FnOnce() -> T) -> T {
    let begun = processor_time();
    let made = work();
    *time = processor_time().saturating_sub(begun);
    made
}

/// What this thread has had of a processor: what else runs on the machine hardly changes it.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// As Linux counts it for this process.
fn peak_kib() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

fn write(folder: &Path, rules: usize, workflows: usize) -> Result<(), Failure> {
    for file in generate::program(rules, workflows) {
        let path = folder.join(file.path);
        std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
        std::fs::write(path, file.text)?;
    }
    Ok(())
}
