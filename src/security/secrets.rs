//! Secrets by name, looked up when they are needed: in the environment, then in a file, then in a folder.
//!
//! Nothing is kept, so that a secret that is exchanged holds from the next use on. No message holds any of a secret.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use zeroize::Zeroizing;

use crate::runtime::ports::Secrets;

/// What the variable of a secret begins with; its name follows.
const PREFIX: &str = "HOMEOSTAT_SECRET_";
/// No secret and no file of them is longer.
const LONGEST: u64 = 64 * 1024;

/// Where secrets are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretPlaces {
    /// Lines `NAME=VALUE`.
    pub file: Option<PathBuf>,
    /// Holds one file a secret, of its name.
    pub folder: Option<PathBuf>,
}

#[async_trait]
impl Secrets for SecretPlaces {
    async fn secret(&self, name: &str) -> Result<SecretString, String> {
        if let Ok(value) = std::env::var(format!("{PREFIX}{name}")) {
            return Ok(SecretString::from(value));
        }
        if let Some(path) = &self.file
            && let Some(text) = read(path).await?
            && let Some(value) = text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix('='))
        {
            return Ok(SecretString::from(value.trim()));
        }
        if let Some(folder) = &self.folder
            && let Some(text) = read(&folder.join(name)).await?
        {
            return Ok(SecretString::from(text.trim()));
        }
        Err(format!(
            "there is no secret `{name}`: set {PREFIX}{name}, or name a file or folder that holds it under `secrets`"
        ))
    }
}

/// `None`: there is no such file.
async fn read(path: &Path) -> Result<Option<Zeroizing<String>>, String> {
    let failed = |error: std::io::Error| format!("{}: the secret cannot be read: {error}", path.display());
    let file = match File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut text = Zeroizing::new(String::new());
    file.take(LONGEST).read_to_string(&mut text).await.map_err(failed)?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    async fn found(places: &SecretPlaces, name: &str) -> Result<String, String> {
        places.secret(name).await.map(|secret| secret.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn a_secret_is_in_the_file_or_in_the_folder_and_read_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("all.env");
        std::fs::write(&file, "# ours\nHOOK=one=two\n OTHER = x\nHOOK_2=three\n").unwrap();
        std::fs::write(folder.path().join("PAGER"), "four\n").unwrap();
        let places = SecretPlaces { file: Some(file.clone()), folder: Some(folder.path().to_owned()) };
        assert_eq!(found(&places, "HOOK").await.unwrap(), "one=two");
        assert_eq!(found(&places, "HOOK_2").await.unwrap(), "three");
        assert_eq!(found(&places, "PAGER").await.unwrap(), "four");
        let missing = found(&places, "NONE").await.unwrap_err();
        assert!(missing.contains("HOMEOSTAT_SECRET_NONE"), "{missing}");
        std::fs::write(&file, "HOOK=exchanged\n").unwrap();
        assert_eq!(found(&places, "HOOK").await.unwrap(), "exchanged");
        std::fs::write(&file, [0xff]).unwrap();
        let unreadable = found(&places, "HOOK").await.unwrap_err();
        assert!(unreadable.contains("cannot be read"), "{unreadable}");
    }
}
