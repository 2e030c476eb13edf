//! Signs what is posted, as Standard Webhooks 1.0 says: HMAC-SHA256 over id, time and body.
//!
//! Source: <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>, symmetric
//! signatures. What it must not know: where the secret comes from, and who is posted to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// How many bytes a secret has, as the specification wants it.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The value of the header `webhook-signature`. `timestamp` is in seconds since 1970.
///
/// # Errors
/// The secret is none. The message holds none of it.
pub(super) fn sign(secret: &SecretString, id: &str, timestamp: i64, body: &[u8]) -> Result<String, String> {
    let malformed = || {
        format!(
            "the secret is none: it must be `{PREFIX}` and the base64 of {} to {} random bytes, as `echo \
             \"{PREFIX}$(openssl rand -base64 32)\"` makes it",
            LENGTHS.start(),
            LENGTHS.end()
        )
    };
    let text = secret.expose_secret().trim().strip_prefix(PREFIX).ok_or_else(malformed)?;
    let key = Zeroizing::new(BASE64.decode(text).map_err(|_| malformed())?);
    if !LENGTHS.contains(&key.len()) {
        return Err(malformed());
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| malformed())?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Ok(format!("v1,{}", BASE64.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    #[test]
    fn the_example_of_the_specification_has_its_signature() {
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_no_secret_is_told_without_it() {
        let short = format!("whsec_{}", BASE64.encode([7; 23]));
        for wrong in ["", "geheim", "whsec_", "whsec_geheim!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &short] {
            let why = sign(&SecretString::from(wrong), "a", 1, b"").unwrap_err();
            assert!(why.contains("openssl") && (wrong.is_empty() || wrong == PREFIX || !why.contains(wrong)), "{why}");
        }
    }
}
