//! Clients that send events as fast as they are answered, or at a pace of their own; latency counts from when a request
//! was due. What it must not know: how the engine was made.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Failure, TARGETS};

/// How events are sent.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    /// Events of one request.
    pub(crate) batch: usize,
    /// Events a second over all connections; `None`: the next request follows the answer.
    pub(crate) pace: Option<f64>,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) accepted: usize,
    /// Events that were told to come again later.
    pub(crate) refused: usize,
    pub(crate) seconds: f64,
    /// Of requests that were accepted, seconds; in order.
    latencies: Vec<f64>,
}

impl Done {
    /// The latency that this share of the requests had at most, seconds.
    pub(crate) fn at(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get((last as f64 * share) as usize).copied().unwrap_or(f64::NAN)
    }
}

impl Load {
    pub(crate) async fn run(self, address: SocketAddr, span: Duration) -> Result<Done, Failure> {
        let begun = Instant::now();
        let clients: Vec<_> =
            (0..self.connections).map(|at| tokio::spawn(self.client(at, address, begun, span))).collect();
        let mut all = Done::default();
        for client in clients {
            let done = client.await??;
            all.accepted += done.accepted;
            all.refused += done.refused;
            all.latencies.extend(done.latencies);
        }
        all.seconds = begun.elapsed().as_secs_f64();
        all.latencies.sort_by(f64::total_cmp);
        Ok(all)
    }

    async fn client(self, at: usize, address: SocketAddr, begun: Instant, span: Duration) -> Result<Done, Failure> {
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut done = Done::default();
        let every = self.pace.map(|pace| (self.batch * self.connections) as f64 / pace);
        let (mut request, mut answer) = (Vec::new(), Vec::new());
        for number in 0_usize.. {
            let mut due = Instant::now();
            if let Some(every) = every {
                let offset = every * (number as f64 + at as f64 / self.connections as f64);
                due = begun + Duration::from_secs_f64(offset);
                tokio::time::sleep_until(due.into()).await;
            }
            if begun.elapsed() >= span {
                break;
            }
            self.write(&mut request, begun, at, number);
            stream.write_all(&request).await?;
            match status(&mut stream, &mut answer).await? {
                202 => {
                    done.accepted += self.batch;
                    done.latencies.push(due.elapsed().as_secs_f64());
                }
                429 => {
                    done.refused += self.batch;
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                other => return Err(format!("{other}: {}", String::from_utf8_lossy(&answer)).into()),
            }
        }
        Ok(done)
    }

    fn write(self, request: &mut Vec<u8>, begun: Instant, at: usize, number: usize) {
        let note = "what the probe saw in its last window, in so many words as a person would write of it";
        let event = |item: usize| {
            let target = (at * 7_919 + number * self.batch + item) % TARGETS;
            format!(
                r#"{{"specversion":"1.0","id":"{begun:?}-{at}-{number}-{item}","source":"bench","type":"TICK","subject":"t{target}","data":{{"number":{number},"service":"t{target}","note":"{note}"}}}}"#,
            )
        };
        let event = |item: usize| event(item).replace("Instant { ", "").replace(" }-", "-");
        let (kind, body) = if self.batch == 1 {
            ("cloudevents", event(0))
        } else {
            ("cloudevents-batch", format!("[{}]", (0..self.batch).map(event).collect::<Vec<_>>().join(",")))
        };
        request.clear();
        request.extend_from_slice(
            format!(
                "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/{kind}+json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .as_bytes(),
        );
    }
}

/// Reads one answer to its end.
async fn status(stream: &mut TcpStream, answer: &mut Vec<u8>) -> Result<u16, Failure> {
    answer.clear();
    loop {
        if let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.ok_or("no length")?.trim().parse()?;
            while answer.len() < head + 4 + length {
                if stream.read_buf(answer).await? == 0 {
                    return Err("cut off".into());
                }
            }
            return Ok(text.split(' ').nth(1).ok_or("no status")?.parse()?);
        }
        if stream.read_buf(answer).await? == 0 {
            return Err("cut off".into());
        }
    }
}
