//! The master key: where it comes from, how it is written down, and what it is called.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::cipher::KEY_LENGTH;

/// What a key file's line begins with; the number is the format's version.
const PREFIX: &str = "homeostat-key-1:";
/// A key file is far shorter; what is longer is no key file, and is not read to its end.
const LONGEST_FILE: u64 = 4096;

/// The key that every other key is derived from: 32 random bytes.
///
/// Written as one line, `homeostat-key-1:` and the bytes in padded base64 (RFC 4648, section 4).
#[derive(Clone)]
pub struct MasterKey {
    secret: Arc<SecretBox<[u8; KEY_LENGTH]>>,
    id: KeyId,
}

/// Names a key without giving it away: the first 8 bytes of SHA-256 over a label and the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; KeyId::LENGTH]);

/// Where a master key is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    File(PathBuf),
    /// An environment variable.
    Variable(String),
}

/// Why there is no key. None of the messages holds any of the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("{path}: the key file cannot be read: {problem}; check the path, or make a key with `homeostat keys new`")]
    NotReadable { path: String, problem: String },
    #[error("{path}: others can read the key file (mode {mode:03o}); take their access away: `chmod 600 {path}`")]
    TooOpen { path: String, mode: u32 },
    #[error(
        "{place}: this is no key; a key is one line, `{PREFIX}` and 44 characters of base64, as `homeostat keys new` \
         writes it"
    )]
    Malformed { place: String },
    #[error("the environment variable {variable} is not set; it should hold the key that `homeostat keys new` prints")]
    NotSet { variable: String },
    #[error("{path}: there is a file already, and a key that is overwritten is lost; choose another name")]
    Exists { path: String },
    #[error("{path}: the key file cannot be written: {problem}")]
    NotWritable { path: String, problem: String },
    #[error("the operating system gave no random bytes: {problem}")]
    NoRandomness { problem: String },
}

impl MasterKey {
    /// A new key from the operating system's randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|error| KeyError::NoRandomness { problem: error.to_string() })?;
        Ok(Self::from_bytes(&bytes))
    }

    pub fn load(source: &KeySource) -> Result<Self, KeyError> {
        match source {
            KeySource::File(path) => Self::from_file(path),
            KeySource::Variable(name) => Self::from_env(name),
        }
    }

    /// Reads a key file. One that group or others may read is refused, since they may have done so.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let not_readable = |error: std::io::Error| KeyError::NotReadable {
            path: path.display().to_string(),
            problem: error.to_string(),
        };
        let file = File::open(path).map_err(not_readable)?;
        let metadata = file.metadata().map_err(not_readable)?;
        if let Some(mode) = open_mode(&metadata) {
            return Err(KeyError::TooOpen { path: path.display().to_string(), mode });
        }
        let mut text = Zeroizing::new(Vec::new());
        file.take(LONGEST_FILE).read_to_end(&mut text).map_err(not_readable)?;
        Self::parse(&text).ok_or_else(|| KeyError::Malformed { place: path.display().to_string() })
    }

    /// Reads a key from an environment variable.
    pub fn from_env(variable: &str) -> Result<Self, KeyError> {
        let text = std::env::var_os(variable).ok_or_else(|| KeyError::NotSet { variable: variable.to_owned() })?;
        let text = Zeroizing::new(text.into_encoded_bytes());
        Self::parse(&text).ok_or_else(|| KeyError::Malformed { place: format!("the environment variable {variable}") })
    }

    /// Writes the key to a new file that only its owner can read. An existing file is left as it is.
    pub fn write_new(&self, path: &Path) -> Result<(), KeyError> {
        use std::io::Write as _;

        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => KeyError::Exists { path: path.display().to_string() },
            _ => KeyError::NotWritable { path: path.display().to_string(), problem: error.to_string() },
        })?;
        let line = self.to_line();
        let written = file
            .write_all(line.expose_secret().as_bytes())
            .and_then(|()| file.write_all(b"\n"))
            .and_then(|()| file.sync_all());
        written.map_err(|error| {
            // Half a key is of no use and would stand in the way of the next try.
            let _ = std::fs::remove_file(path);
            KeyError::NotWritable { path: path.display().to_string(), problem: error.to_string() }
        })
    }

    /// The line that stands in a key file.
    pub fn to_line(&self) -> SecretString {
        let bytes = Zeroizing::new(BASE64.encode(self.bytes()));
        SecretString::from(format!("{PREFIX}{}", bytes.as_str()))
    }

    pub fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn from_bytes(bytes: &[u8; KEY_LENGTH]) -> Self {
        Self { secret: Arc::new(SecretBox::new(Box::new(*bytes))), id: KeyId::of(bytes) }
    }

    pub(super) fn bytes(&self) -> &[u8; KEY_LENGTH] {
        self.secret.expose_secret()
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.trim().strip_prefix(PREFIX)?;
        let bytes = Zeroizing::new(BASE64.decode(text).ok()?);
        let bytes: &[u8; KEY_LENGTH] = bytes.as_slice().try_into().ok()?;
        Some(Self::from_bytes(bytes))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

impl KeyId {
    /// Bytes of an id.
    pub(super) const LENGTH: usize = 8;

    pub(super) fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    pub(super) fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    fn of(key: &[u8; KEY_LENGTH]) -> Self {
        let digest = Sha256::new().chain_update(b"homeostat key id 1").chain_update(key).finalize();
        let mut id = [0; Self::LENGTH];
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        Self(id)
    }
}

/// 16 hexadecimal digits.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The permissions of a file that group or others can do something with.
#[cfg(unix)]
fn open_mode(metadata: &std::fs::Metadata) -> Option<u32> {
    let mode = std::os::unix::fs::MetadataExt::mode(metadata) & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn open_mode(_metadata: &std::fs::Metadata) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::{KeyError, KeySource, MasterKey};

    #[test]
    fn a_key_comes_back_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = MasterKey::generate().unwrap();
        key.write_new(&path).unwrap();
        let back = MasterKey::load(&KeySource::File(path.clone())).unwrap();
        assert_eq!((back.id(), back.bytes()), (key.id(), key.bytes()));
        assert_eq!(key.write_new(&path), Err(KeyError::Exists { path: path.display().to_string() }));
        assert_eq!(MasterKey::from_file(&path).unwrap().id(), key.id());
    }

    #[test]
    fn the_line_and_the_id_are_for_ever() {
        let key = MasterKey::from_bytes(&std::array::from_fn(|i| u8::try_from(i).unwrap()));
        let shown = format!("{}\n{}\n{key:?}", key.to_line().expose_secret(), key.id());
        insta::assert_snapshot!(shown, @r"
        homeostat-key-1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=
        2eb71a288b32f14a
        MasterKey(2eb71a288b32f14a)
        ");
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        MasterKey::generate().unwrap().write_new(&path).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o777] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = MasterKey::from_file(&path).unwrap_err();
            assert_eq!(error, KeyError::TooOpen { path: path.display().to_string(), mode });
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        MasterKey::from_file(&path).unwrap();
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let line = MasterKey::generate().unwrap().to_line();
        let line = line.expose_secret();
        assert!(MasterKey::parse(format!("  {line}\r\n").as_bytes()).is_some());
        let wrong: &[&[u8]] = &[
            b"",
            b"\xff\xfe",
            line.strip_prefix("homeostat-key-1:").unwrap().as_bytes(),
            &line.as_bytes()[..line.len() - 4],
            b"homeostat-key-1:AAAA",
            b"homeostat-key-2:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ];
        for text in wrong {
            assert!(MasterKey::parse(text).is_none(), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let variable = "HOMEOSTAT_TEST_NO_SUCH_VARIABLE";
        let error = MasterKey::load(&KeySource::Variable(variable.to_owned())).unwrap_err();
        assert_eq!(error, KeyError::NotSet { variable: variable.to_owned() });
        let folder = tempfile::tempdir().unwrap();
        let error = MasterKey::from_file(&folder.path().join("none")).unwrap_err();
        assert!(matches!(error, KeyError::NotReadable { .. }), "{error}");
        let error = MasterKey::from_file(folder.path()).unwrap_err();
        assert!(matches!(error, KeyError::NotReadable { .. } | KeyError::TooOpen { .. }), "{error}");
    }
}
