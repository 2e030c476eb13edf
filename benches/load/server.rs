//! The server that all generators are sent against: one thread, the same two bytes for everybody.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::Outcome;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What the server saw since it was asked last.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    /// From the first to the last.
    pub(crate) seconds: f64,
}

/// A running server; it ends with its owner.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: String,
}

impl Server {
    pub(crate) fn start() -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?).arg("serve").stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        BufReader::new(child.stdout.take().ok_or("it has no output")?).read_line(&mut address)?;
        Ok(Self { child, address: address.trim().to_owned() })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Asks what it saw, and has it begin anew.
    pub(crate) fn seen(&self) -> Outcome<Seen> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.write_all(b"GET /seen HTTP/1.1\r\n\r\n")?;
        let mut told = String::new();
        stream.read_to_string(&mut told)?;
        let (requests, seconds) = told.trim().split_once(' ').ok_or("it told nothing")?;
        Ok(Seen { requests: requests.parse()?, seconds: seconds.parse()? })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug, Default)]
struct Count {
    requests: u64,
    span: Option<(Instant, Instant)>,
}

/// Serves until it is ended.
pub(crate) fn serve() -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let count = Arc::new(Mutex::new(Count::default()));
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(answer(stream, Arc::clone(&count)));
        }
    })
}

async fn answer(mut stream: tokio::net::TcpStream, count: Arc<Mutex<Count>>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut asked = Vec::with_capacity(4_096);
    loop {
        if stream.read_buf(&mut asked).await? == 0 {
            return Ok(());
        }
        if asked.starts_with(b"GET /seen ") {
            let seen = std::mem::take(&mut *count.lock().unwrap_or_else(PoisonError::into_inner));
            let seconds = seen.span.map_or(0.0, |(first, last)| (last - first).as_secs_f64());
            return stream.write_all(format!("{} {seconds}\n", seen.requests).as_bytes()).await;
        }
        // Nobody here sends the next request before it has its answer.
        if asked.ends_with(b"\r\n\r\n") {
            asked.clear();
            {
                let now = Instant::now();
                let mut count = count.lock().unwrap_or_else(PoisonError::into_inner);
                count.requests += 1;
                count.span = Some((count.span.map_or(now, |(first, _)| first), now));
            }
            stream.write_all(ANSWER).await?;
        }
    }
}
