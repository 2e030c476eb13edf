//! Keys, and what is sealed with them: bytes and their attributes in, bytes that nobody else can read or move out.
//!
//! [`SecretPlaces`] finds secrets by the names that the configuration gives them. A [`MasterKey`] comes from a file or from the environment; a [`Vault`] seals and opens with it. Nothing here knows
//! what the bytes mean, where they are kept, or how an error is shown.

mod cipher;
mod key;
mod secrets;
mod vault;

pub use key::{KeyError, KeyId, KeySource, MasterKey};
pub use secrets::SecretPlaces;
pub use vault::{OpenError, SealError, Sealing, Vault};
