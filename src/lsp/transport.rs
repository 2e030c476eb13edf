//! Bytes to messages and back: what is read is handed to the server message by message, what it says is written.
//!
//! What is no message is handed on as a request of its own that is answered with the error, so that an editor's slip
//! does not end the server.

use std::io::{self, BufRead, Read, Write};

use serde_json::Value as Json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::runtime::Handle;
use tower_lsp_server::jsonrpc::{Request, Response};

/// What is read and written at a time, in bytes.
const CHUNK: usize = 64 * 1024;
/// Longest message, in bytes.
const MAX_MESSAGE: u64 = 64 * 1024 * 1024;
/// Longest line of a message's head, in bytes.
const MAX_LINE: u64 = 8 * 1024;

/// The request that stands for what is no JSON, or was cut short.
pub(super) const NO_JSON: &str = "homeostat/noJson";
/// The request that stands for JSON that is neither a request nor an answer.
pub(super) const NO_MESSAGE: &str = "homeostat/noMessage";

/// The server's ends of the two streams, and the thread that writes: it ends when the server's end is dropped.
pub(super) fn connect(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    handle: &Handle,
) -> (DuplexStream, DuplexStream, std::thread::JoinHandle<()>) {
    let (from_editor, server_input) = duplex(CHUNK);
    let (server_output, to_editor) = duplex(CHUNK);
    let own = handle.clone();
    // Nobody waits for this one: a read that is never answered would keep the process.
    std::thread::spawn(move || read(io::BufReader::new(input), from_editor, &own));
    let own = handle.clone();
    let writer = std::thread::spawn(move || write(output, to_editor, &own));
    (server_input, server_output, writer)
}

/// From the editor to the server, until either is gone.
fn read(mut input: impl BufRead, mut to: DuplexStream, handle: &Handle) {
    while let Ok(Some(body)) = message(&mut input) {
        let head = format!("Content-Length: {}\r\n\r\n", body.len());
        let sent = handle.block_on(async {
            to.write_all(head.as_bytes()).await?;
            to.write_all(&body).await
        });
        if sent.is_err() {
            return;
        }
    }
}

/// From the server to the editor, until either is gone.
fn write(mut output: impl Write, mut from: DuplexStream, handle: &Handle) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(length @ 1..) = handle.block_on(from.read(&mut buffer)) {
        let chunk = buffer.get(..length).unwrap_or_default();
        if output.write_all(chunk).and_then(|()| output.flush()).is_err() {
            return;
        }
    }
}

/// The body of the next message; `None` at the end.
fn message(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let length = match head(input)? {
        Head::End => return Ok(None),
        Head::Length(length) if length <= MAX_MESSAGE => length,
        Head::Length(length) => {
            io::copy(&mut input.take(length), &mut io::sink())?;
            return Ok(Some(stand_in(NO_JSON)));
        }
        Head::NoLength => return Ok(Some(stand_in(NO_JSON))),
    };
    let mut body = Vec::new();
    input.take(length).read_to_end(&mut body)?;
    if (body.len() as u64) < length {
        return Ok(None);
    }
    Ok(Some(match serde_json::from_slice::<Json>(&body) {
        Err(_) => stand_in(NO_JSON),
        Ok(json) if is_message(&json) => body,
        Ok(_) => stand_in(NO_MESSAGE),
    }))
}

/// What a message's head says.
enum Head {
    /// Nothing comes any more.
    End,
    NoLength,
    Length(u64),
}

/// Reads up to the empty line before a body.
fn head(input: &mut impl BufRead) -> io::Result<Head> {
    let (mut length, mut is_first) = (Head::NoLength, true);
    loop {
        let mut line = Vec::new();
        if input.take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(Head::End);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        if line.is_empty() && !is_first {
            return Ok(length);
        }
        is_first = line.is_empty() && is_first;
        // Behind what was no message the next one begins in the middle of a line.
        if let Some((_, value)) = line.rsplit_once("Content-Length:") {
            length = value.trim().parse().map_or(Head::NoLength, Head::Length);
        }
    }
}

fn is_message(json: &Json) -> bool {
    if json.get("method").is_some() {
        serde_json::from_value::<Request>(json.clone()).is_ok()
    } else {
        serde_json::from_value::<Response>(json.clone()).is_ok()
    }
}

fn stand_in(method: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","id":null,"method":"{method}"}}"#).into_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn messages(mut bytes: &[u8]) -> Vec<String> {
        std::iter::from_fn(|| message(&mut bytes).unwrap()).map(|body| String::from_utf8(body).unwrap()).collect()
    }

    fn framed(body: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    const RIGHT: &str = r#"{"jsonrpc":"2.0","method":"a","params":{"é":1}}"#;

    #[test]
    fn messages_come_as_they_were_sent() {
        let answer = r#"{"jsonrpc":"2.0","id":1,"result":null}"#;
        let typed = format!("Content-Type: application/vscode-jsonrpc; charset=utf-8\r\n{}", framed(answer));
        assert_eq!(messages(format!("{}{typed}", framed(RIGHT)).as_bytes()), [RIGHT, answer]);
    }

    #[test]
    fn what_is_no_message_is_told_and_the_next_one_is_found() {
        let no_json = String::from_utf8(stand_in(NO_JSON)).unwrap();
        let no_message = String::from_utf8(stand_in(NO_MESSAGE)).unwrap();
        for (wrong, told) in [
            (framed("{"), &no_json),
            (framed("[]"), &no_message),
            (framed("{}"), &no_message),
            (framed(r#"{"jsonrpc":"2.0","method":3}"#), &no_message),
            (framed(&"[".repeat(10_000)), &no_json),
            ("Content-Length: x\r\n\r\n".to_owned(), &no_json),
            ("Content-Type: a\r\n\r\n{}".to_owned(), &no_json),
        ] {
            assert_eq!(messages(format!("{wrong}{}", framed(RIGHT)).as_bytes()), [told.as_str(), RIGHT], "{wrong}");
        }
        assert_eq!(messages(b"Content-Length: 9\r\n\r\n{}"), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut framed = b"Content-Length: 5\r\n\r\n".to_vec();
            framed.extend(&bytes);
            let mut rest = framed.as_slice();
            while let Ok(Some(body)) = message(&mut rest) {
                prop_assert!(serde_json::from_slice::<Json>(&body).is_ok());
            }
        }
    }
}
