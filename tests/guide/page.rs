//! A page of the guide, as its fenced blocks and what the comments before them say of them.
//!
//! Comments are HTML comments that begin with `guide:`, so that readers do not see them. `mod.rs` lists what they can say.

use std::fs;
use std::path::Path;

/// A page and what in it is checked, in order.
pub(super) struct Page {
    /// Every line, without its end.
    pub(super) lines: Vec<String>,
    pub(super) parts: Vec<Part>,
}

/// What is found between the sentences.
pub(super) enum Part {
    /// A comment that is about no block: its first line, and the lines that follow.
    Note {
        line: usize,
        says: String,
        text: String,
    },
    Block(Block),
}

/// A fenced block.
pub(super) struct Block {
    /// Number of the line of the opening fence, from 1.
    pub(super) line: usize,
    pub(super) language: String,
    /// What the comment before it says; empty without one.
    pub(super) says: String,
    pub(super) text: String,
}

impl Page {
    pub(super) fn read(root: &Path, path: &str) -> Self {
        let text = fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Self::parse(path, &text)
    }

    pub(super) fn parse(path: &str, text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut parts = Vec::new();
        // A comment that waits for its block.
        let mut pending: Option<(usize, String)> = None;
        let mut at = 0;
        while at < lines.len() {
            let line = lines[at].as_str();
            let number = at + 1;
            at += 1;
            if let Some(fence) = line.trim_start().strip_prefix("```") {
                let indent = line.len() - line.trim_start().len();
                let mut inner = String::new();
                loop {
                    assert!(at < lines.len(), "{path}:{number}: this block is not closed");
                    let line = lines[at].as_str();
                    at += 1;
                    if line.trim() == "```" {
                        break;
                    }
                    inner.push_str(line.get(indent..).unwrap_or_default());
                    inner.push('\n');
                }
                let says = pending.take().map(|(_, says)| says).unwrap_or_default();
                let language = fence.trim().to_owned();
                parts.push(Part::Block(Block { line: number, language, says, text: inner }));
            } else if let Some(comment) = line.strip_prefix("<!-- guide:") {
                assert!(pending.is_none(), "{path}:{number}: the comment before this one is about no block");
                if let Some(says) = comment.strip_suffix("-->") {
                    let says = says.trim().to_owned();
                    let is_note = ["folder ", "with "].iter().any(|word| says.starts_with(word)) || says == "stop";
                    if is_note {
                        parts.push(Part::Note { line: number, says, text: String::new() });
                    } else {
                        pending = Some((number, says));
                    }
                } else {
                    let mut inner = String::new();
                    while at < lines.len() && lines[at] != "-->" {
                        inner.push_str(&lines[at]);
                        inner.push('\n');
                        at += 1;
                    }
                    assert!(at < lines.len(), "{path}:{number}: this comment is not closed by a line `-->`");
                    at += 1;
                    parts.push(Part::Note { line: number, says: comment.trim().to_owned(), text: inner });
                }
            } else if !line.trim().is_empty() {
                if let Some((number, says)) = &pending {
                    panic!("{path}:{number}: `{says}` is followed by no block");
                }
                // A block by indentation has no language, so nothing would check it.
                let after_blank = number < 2 || lines[number - 2].trim().is_empty();
                let is_list = |line: &str| line.starts_with("- ") || line.starts_with(|c: char| c.is_ascii_digit());
                let in_list = || lines[..at - 1].iter().rev().find(|line| line.starts_with(|c: char| c != ' '));
                let is_block = line.starts_with("    ") && after_blank && !in_list().is_some_and(|line| is_list(line));
                assert!(!is_block, "{path}:{number}: a block by indentation is not checked; write a fenced one");
            }
        }
        assert!(pending.is_none(), "{path}: the last comment is about no block");
        Self { lines, parts }
    }
}
