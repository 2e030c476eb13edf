//! Seals bytes together with what they belong to, and opens them again.
//!
//! A blob is, in this order:
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | version: 1 is sealed as below, 0 is the plain text itself (encryption was off) |
//! | 8 | id of the master key |
//! | 32 | salt: the subkey is HKDF-SHA256 of the master key with this salt and the info `homeostat subkey 1` |
//! | 12 | nonce: a big-endian counter, from 0 for each salt |
//! | rest | AES-256-GCM ciphertext, and its tag of 16 bytes |
//!
//! Associated data: the first 41 bytes of the blob, then each attribute as its length (4 bytes, big-endian) and its
//! UTF-8. Attributes say which row a blob belongs to, so that it cannot stand in for another one.
//!
//! Each vault draws its own salt, so two processes, or two starts of one, never share a subkey; a subkey is left after
//! 2^31 blobs, half of what NIST SP 800-38D allows under one key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::cipher::{Cipher, NONCE_LENGTH, derive_key};
use super::key::{KeyId, MasterKey};

/// Version bytes.
const PLAIN: u8 = 0;
const SEALED: u8 = 1;

const SALT_LENGTH: usize = 32;
const HEADER_LENGTH: usize = 1 + KeyId::LENGTH + SALT_LENGTH;
const SUBKEY_INFO: &[u8] = b"homeostat subkey 1";
const SEALS_PER_SUBKEY: u64 = 1 << 31;

type Salt = [u8; SALT_LENGTH];

/// Whether what is stored is sealed.
#[derive(Clone, Debug)]
pub enum Sealing {
    Key(MasterKey),
    /// For debugging only: whoever can read the file can read all of it.
    Off,
}

/// Why bytes were not sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("the operating system gave no random bytes: {0}")]
    NoRandomness(String),
    #[error("the text is too long to be sealed")]
    TooLong,
}

/// Why a blob does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("it was sealed with key {0}")]
    WrongKey(KeyId),
    /// Changed, cut off, moved from another row, or sealed where it should not be (or the reverse).
    #[error("it was changed or damaged")]
    Damaged,
}

/// Seals and opens with one master key. Shared freely between tasks.
#[derive(Debug)]
pub struct Vault {
    /// `None`: encryption is off.
    sealer: Option<Sealer>,
}

#[derive(Debug)]
struct Sealer {
    master: MasterKey,
    current: Mutex<Subkey>,
    seals_per_subkey: u64,
    /// Subkeys that opened a blob, by salt. One that opened nothing is not kept, so that hostile blobs cannot fill it.
    known: Mutex<HashMap<Salt, Arc<Cipher>>>,
}

/// The subkey that is sealed with now.
#[derive(Debug)]
struct Subkey {
    salt: Salt,
    cipher: Arc<Cipher>,
    next_nonce: u64,
}

impl Vault {
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn new(sealing: &Sealing) -> Result<Self, SealError> {
        Self::with_turnover(sealing, SEALS_PER_SUBKEY)
    }

    fn with_turnover(sealing: &Sealing, seals_per_subkey: u64) -> Result<Self, SealError> {
        let Sealing::Key(master) = sealing else { return Ok(Self { sealer: None }) };
        let current = Mutex::new(Subkey::draw(master)?);
        let sealer = Sealer { master: master.clone(), current, seals_per_subkey, known: Mutex::default() };
        Ok(Self { sealer: Some(sealer) })
    }

    /// The key that is sealed with; `None`: encryption is off.
    pub fn key_id(&self) -> Option<KeyId> {
        self.sealer.as_ref().map(|sealer| sealer.master.id())
    }

    /// A blob that opens only with the same attributes.
    pub fn seal(&self, attributes: &[&str], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let Some(sealer) = &self.sealer else { return Ok([&[PLAIN], plain].concat()) };
        let (salt, cipher, counter) = sealer.take_nonce()?;
        let mut blob = Vec::with_capacity(HEADER_LENGTH + NONCE_LENGTH + plain.len() + 16);
        blob.push(SEALED);
        blob.extend_from_slice(sealer.master.id().as_bytes());
        blob.extend_from_slice(&salt);
        let nonce = nonce(counter);
        let associated = associated_data(&blob, attributes);
        blob.extend_from_slice(&nonce);
        blob.extend(cipher.encrypt(&nonce, &associated, plain).ok_or(SealError::TooLong)?);
        Ok(blob)
    }

    /// What was sealed with these attributes.
    pub fn open(&self, attributes: &[&str], blob: &[u8]) -> Result<Vec<u8>, OpenError> {
        match (&self.sealer, blob.split_first()) {
            (None, Some((&PLAIN, plain))) => Ok(plain.to_vec()),
            (Some(sealer), Some((&SEALED, _))) => sealer.open(attributes, blob),
            _ => Err(OpenError::Damaged),
        }
    }
}

impl Sealer {
    /// A subkey and a nonce that it was never used with.
    fn take_nonce(&self) -> Result<(Salt, Arc<Cipher>, u64), SealError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.next_nonce >= self.seals_per_subkey {
            *current = Subkey::draw(&self.master)?;
        }
        let counter = current.next_nonce;
        current.next_nonce += 1;
        Ok((current.salt, Arc::clone(&current.cipher), counter))
    }

    fn open(&self, attributes: &[&str], blob: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (header, rest) = blob.split_at_checked(HEADER_LENGTH).ok_or(OpenError::Damaged)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LENGTH>().ok_or(OpenError::Damaged)?;
        let (_, named) = header.split_first().ok_or(OpenError::Damaged)?;
        let (key, salt) = named.split_first_chunk::<{ KeyId::LENGTH }>().ok_or(OpenError::Damaged)?;
        let salt: Salt = salt.try_into().map_err(|_| OpenError::Damaged)?;
        if key != self.master.id().as_bytes() {
            return Err(OpenError::WrongKey(KeyId::from_bytes(*key)));
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&salt).cloned();
        let is_known = known.is_some();
        let cipher = known.unwrap_or_else(|| Arc::new(subkey(&self.master, &salt)));
        let plain = cipher.decrypt(nonce, &associated_data(header, attributes), sealed).ok_or(OpenError::Damaged)?;
        if !is_known {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(salt, cipher);
        }
        Ok(plain)
    }
}

impl Subkey {
    fn draw(master: &MasterKey) -> Result<Self, SealError> {
        let mut salt = [0; SALT_LENGTH];
        getrandom::fill(&mut salt).map_err(|error| SealError::NoRandomness(error.to_string()))?;
        Ok(Self { salt, cipher: Arc::new(subkey(master, &salt)), next_nonce: 0 })
    }
}

fn subkey(master: &MasterKey, salt: &Salt) -> Cipher {
    Cipher::new(&derive_key(master.bytes(), salt, SUBKEY_INFO))
}

fn nonce(counter: u64) -> [u8; NONCE_LENGTH] {
    let mut nonce = [0; NONCE_LENGTH];
    nonce.iter_mut().rev().zip(counter.to_le_bytes()).for_each(|(to, from)| *to = from);
    nonce
}

fn associated_data(header: &[u8], attributes: &[&str]) -> Vec<u8> {
    let mut data = header.to_vec();
    for attribute in attributes {
        // The length goes first, so that no two lists of attributes make the same bytes.
        data.extend_from_slice(&u32::try_from(attribute.len()).unwrap_or(u32::MAX).to_be_bytes());
        data.extend_from_slice(attribute.as_bytes());
    }
    data
}

#[cfg(test)]
#[path = "vault_tests.rs"]
mod tests;
