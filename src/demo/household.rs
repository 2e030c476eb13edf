//! The demo's processes: the engine and the agents, from this very binary, gone when the demo is.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

/// How long a process may take to end after it was asked to.
const END_GRACE: Duration = Duration::from_secs(10);

/// Processes, and the folder that they write to.
#[derive(Debug)]
pub(super) struct Household {
    folder: PathBuf,
    program: PathBuf,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    name: String,
    child: Child,
}

impl Household {
    /// A household in a new folder below the system's temporary one.
    pub(super) fn new() -> std::io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("homeostat-demo-{}", uuid::Uuid::now_v7().simple()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder, program: std::env::current_exe()?, members: Vec::new() })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a member's log is.
    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    /// Starts this binary with other arguments; what it says goes to its log.
    pub(super) fn start(&mut self, name: &str, arguments: &[String]) -> std::io::Result<()> {
        let log = std::fs::File::create(self.log(name))?;
        let child = Command::new(&self.program)
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        self.members.push(Member { name: name.to_owned(), child });
        Ok(())
    }

    /// A member that has ended before its time, with the end of what it said.
    pub(super) fn casualty(&mut self) -> Option<String> {
        let (name, status) = self
            .members
            .iter_mut()
            .find_map(|member| Some((member.name.clone(), member.child.try_wait().ok().flatten()?)))?;
        let log = std::fs::read_to_string(self.log(&name)).unwrap_or_default();
        let lines: Vec<_> = log.lines().rev().take(5).collect();
        let tail: Vec<_> = lines.into_iter().rev().collect();
        Some(format!("the {name} ended with {status}:\n{}", tail.join("\n")))
    }

    /// Asks every process to end, the last started first, and removes the folder.
    pub(super) async fn dissolve(mut self) {
        for member in self.members.iter_mut().rev() {
            ask_to_end(&member.child);
            if tokio::time::timeout(END_GRACE, member.child.wait()).await.is_err() {
                // It did not listen; it must not outlive the demo.
                let _ = member.child.kill().await;
            }
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[cfg(unix)]
fn ask_to_end(child: &Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // A process that has ended already needs no asking.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    }
}

#[cfg(not(unix))]
fn ask_to_end(_child: &Child) {}

/// A loopback address that nobody listened on a moment ago.
pub(super) fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
