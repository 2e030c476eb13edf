//! Where input comes from: a file, or standard input, which is called `-`.

use std::io::Read as _;
use std::path::Path;

use super::exit::Exit;
use super::failure::Failure;
use crate::diagnostic::Code;

/// The name by which a person knows the input.
pub fn shown(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { format!("`{}`", path.display()) }
}

/// All of it.
///
/// # Errors
/// It cannot be read, or it is not UTF-8.
pub fn read(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
    } else {
        std::fs::read(path).map(|content| bytes = content)
    };
    read.map_err(|error| {
        Failure::new(Exit::Usage, Code::NotReadable, format!("{} cannot be read: {error}", shown(path)))
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        let message = format!("{} is not UTF-8: the first wrong byte is number {place}", shown(path));
        Failure::new(Exit::Usage, Code::NotUtf8, message)
    })
}
