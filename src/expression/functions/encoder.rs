//! Base64, both ways.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Declaration;
use crate::expression::fault::{Budget, Fault, Outcome};
use crate::expression::value::Value;

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration { name: "base64.encode", signatures: &["(bytes) -> string"], implementation: encode },
    Declaration { name: "base64.decode", signatures: &["(string) -> bytes"], implementation: decode },
];

/// Writes padding, reads text with and without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn encode<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Bytes(bytes)] => {
            budget.spend_bytes(bytes.len())?;
            Ok(Value::text(BASE64.encode(bytes)))
        }
        _ => Err(Fault::no_overload("base64.encode", arguments)),
    }
}

fn decode<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let [value] = arguments else { return Err(Fault::no_overload("base64.decode", arguments)) };
    let Some(text) = value.as_str() else { return Err(Fault::no_overload("base64.decode", arguments)) };
    budget.spend_bytes(text.len())?;
    let bytes = BASE64.decode(text).map_err(|error| Fault::new(format!("the text is no base64: {error}")))?;
    Ok(Value::Bytes(bytes.into()))
}
