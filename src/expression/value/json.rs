//! Values from JSON, and results back to JSON.

use base64::Engine as _;
use serde_json::{Number, Value as Json};

use super::Value;
use crate::base::literal::format_duration;
use crate::model::schema::JsonMap;

impl<'a> Value<'a> {
    /// JSON as an expression sees it. Whole numbers are ints, or uints where they are too large; others are doubles.
    pub fn from_json(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::from_number(number),
            Json::String(text) => Self::Str(text),
            Json::Array(items) => Self::JsonList(items),
            Json::Object(entries) => Self::JsonMap(entries),
        }
    }

    fn from_number(number: &Number) -> Self {
        if let Some(int) = number.as_i64() {
            Self::Int(int)
        } else if let Some(uint) = number.as_u64() {
            Self::Uint(uint)
        } else {
            Self::Double(number.as_f64().unwrap_or(f64::NAN))
        }
    }

    /// The value as JSON; `None` for an optional that holds nothing, which lists and maps leave out.
    ///
    /// # Errors
    /// What JSON cannot say: a double that is not finite.
    pub fn to_json(&self) -> Result<Option<Json>, String> {
        Ok(Some(match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) => Json::from(*value),
            Self::Uint(value) => Json::from(*value),
            Self::Double(value) => Number::from_f64(*value)
                .map(Json::Number)
                .ok_or_else(|| format!("the result is {value}, which is no number that can be kept"))?,
            Self::Str(text) => Json::from(*text),
            Self::String(text) => Json::from(&**text),
            Self::Bytes(bytes) => Json::from(base64::engine::general_purpose::STANDARD.encode(bytes)),
            Self::Duration(duration) => Json::from(match duration.whole_milliseconds() {
                Some(ms) => format_duration(std::time::Duration::from_millis(ms)),
                None => duration.to_string(),
            }),
            Self::Timestamp(timestamp) => Json::from(timestamp.to_string()),
            Self::JsonList(items) => Json::Array(items.to_vec()),
            Self::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items.iter() {
                    list.extend(item.to_json()?);
                }
                Json::Array(list)
            }
            Self::JsonMap(entries) => Json::Object((*entries).clone()),
            Self::Map(entries) => {
                let mut map = JsonMap::new();
                for (key, value) in entries.entries() {
                    if let Some(value) = value.to_json()? {
                        map.insert(key.key_text(), value);
                    }
                }
                Json::Object(map)
            }
            Self::Optional(content) => return content.as_deref().map_or(Ok(None), Self::to_json),
            Self::Type(name) => Json::from(*name),
            Self::Ip(address) => Json::from(address.to_string()),
            Self::Cidr(cidr) => Json::from(format!("{}/{}", cidr.address, cidr.prefix)),
        }))
    }

    /// A map's key as JSON writes it.
    fn key_text(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Uint(value) => value.to_string(),
            other => other.as_str().unwrap_or_default().to_owned(),
        }
    }
}
