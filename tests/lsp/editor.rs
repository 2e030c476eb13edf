//! An editor as a server sees it: a process that speaks JSON-RPC over its standard input and output.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value as Json, json};

/// How long a test waits before it fails: nothing is measured by it.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) struct Editor {
    server: Child,
    input: ChildStdin,
    messages: Receiver<Json>,
    /// What came while something else was waited for.
    kept: Vec<Json>,
    next_id: u64,
}

impl Editor {
    /// Starts a server in this folder and greets it.
    pub(super) fn open(folder: &Path, options: Json) -> Self {
        let mut editor = Self::start();
        let answer = editor.ask(
            "initialize",
            json!({
                "processId": null,
                "rootUri": uri(folder),
                "workspaceFolders": [{ "uri": uri(folder), "name": "folder" }],
                "initializationOptions": options,
                "capabilities": { "textDocument": { "completion": { "completionItem": { "snippetSupport": true } } } },
            }),
        );
        assert_eq!(answer["serverInfo"]["name"], "homeostat");
        editor.tell("initialized", json!({}));
        editor
    }

    /// Starts a server and says nothing yet.
    pub(super) fn start() -> Self {
        let mut server = Command::new(env!("CARGO_BIN_EXE_homeostat"))
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = server.stdin.take().unwrap();
        let mut output = BufReader::new(server.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Self { server, input, messages, kept: Vec::new(), next_id: 0 }
    }

    /// Writes bytes as they are.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.input.write_all(bytes).unwrap();
        self.input.flush().unwrap();
    }

    fn send(&mut self, message: &Json) {
        let body = message.to_string();
        self.write(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    pub(super) fn tell(&mut self, method: &str, params: Json) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// The answer's result; an error is returned as the whole answer.
    pub(super) fn ask(&mut self, method: &str, params: Json) -> Json {
        self.next_id += 1;
        let id = self.next_id;
        let mut request = json!({ "jsonrpc": "2.0", "id": id, "method": method });
        if !params.is_null() {
            request["params"] = params;
        }
        self.send(&request);
        let answer = self.wait_for(|message| message["id"] == id && message["method"].is_null());
        if answer["error"].is_null() { answer["result"].clone() } else { answer }
    }

    /// The next message of this kind, kept ones first.
    pub(super) fn wait_for(&mut self, wanted: impl Fn(&Json) -> bool) -> Json {
        if let Some(at) = self.kept.iter().position(&wanted) {
            return self.kept.remove(at);
        }
        loop {
            let message = self.messages.recv_timeout(PATIENCE).expect("the server says nothing more");
            if wanted(&message) {
                return message;
            }
            self.kept.push(message);
        }
    }

    /// What is shown of a file once the server has checked this version of it.
    pub(super) fn problems(&mut self, file: &Path, version: i32) -> Json {
        let uri = uri(file);
        let message = self.wait_for(|message| {
            message["method"] == "textDocument/publishDiagnostics"
                && message["params"]["uri"] == uri
                && message["params"]["version"] == version
        });
        message["params"]["diagnostics"].clone()
    }

    pub(super) fn did_open(&mut self, file: &Path, text: &str) {
        let document = json!({ "uri": uri(file), "languageId": "homeostat", "version": 1, "text": text });
        self.tell("textDocument/didOpen", json!({ "textDocument": document }));
    }

    /// Replaces the whole text.
    pub(super) fn did_change(&mut self, file: &Path, version: i32, text: &str) {
        let document = json!({ "uri": uri(file), "version": version });
        self.tell("textDocument/didChange", json!({ "textDocument": document, "contentChanges": [{ "text": text }] }));
    }

    /// Asks about a place in a file.
    pub(super) fn ask_at(&mut self, method: &str, file: &Path, (line, character): (u32, u32)) -> Json {
        let mut params = json!({
            "textDocument": { "uri": uri(file) },
            "position": { "line": line, "character": character },
        });
        if method == "references" {
            params["context"] = json!({ "includeDeclaration": true });
        }
        self.ask(&format!("textDocument/{method}"), params)
    }

    /// Says goodbye as the protocol wants it.
    pub(super) fn close(mut self) -> ExitStatus {
        assert_eq!(self.ask("shutdown", Json::Null), Json::Null);
        self.tell("exit", Json::Null);
        self.server.wait().unwrap()
    }

    /// Goes away without a word.
    pub(super) fn vanish(self) -> ExitStatus {
        let Self { mut server, input, .. } = self;
        drop(input);
        server.wait().unwrap()
    }
}

fn read(output: &mut impl BufRead) -> Option<Json> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().split_once(": ") {
            Some(("Content-Length", value)) => length = value.parse().unwrap(),
            _ if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).unwrap())
}

pub(super) fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// Line and UTF-16 unit of a mark in a text, and the text without it.
pub(super) fn mark(text: &str) -> (String, (u32, u32)) {
    let at = text.find('‸').unwrap();
    let before = &text[..at];
    let line = before.matches('\n').count();
    let units = before.rsplit('\n').next().unwrap().encode_utf16().count();
    (text.replace('‸', ""), (u32::try_from(line).unwrap(), u32::try_from(units).unwrap()))
}
