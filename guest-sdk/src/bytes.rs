//! Bytes as a value: a parameter, an argument, a result.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, DerefMut};

use data_encoding::BASE64;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// Bytes that travel as a text in base64 (RFC 4648, section 4): a third more than they are.
/// A `Vec<u8>` travels as a list of numbers, which is four times as much, and slow.
///
/// ```
/// use guest_sdk::prelude::*;
///
/// #[task]
/// fn thumbnail(picture: Bytes) -> Bytes {
///     picture[..picture.len() / 2].to_vec().into()
/// }
///
/// assert_eq!(*thumbnail::call(vec![1, 2, 3, 4].into()), [1, 2]);
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(Vec<u8>);

impl Bytes {
    /// The bytes themselves.
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl From<String> for Bytes {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<&str> for Bytes {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<Bytes> for Vec<u8> {
    fn from(bytes: Bytes) -> Self {
        bytes.0
    }
}

impl FromIterator<u8> for Bytes {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        Self(bytes.into_iter().collect())
    }
}

impl Deref for Bytes {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Bytes {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// How many there are, since a log is no place for a picture.
impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes in base64")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
                match BASE64.decode(text.as_bytes()) {
                    Ok(bytes) => Ok(Bytes(bytes)),
                    Err(_) => {
                        // As much as a reader needs to see what it is.
                        let shown: String = text.chars().take(40).collect();
                        Err(E::invalid_value(Unexpected::Str(&shown), &self))
                    }
                }
            }
        }

        deserializer.deserialize_str(Text)
    }
}

impl JsonSchema for Bytes {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "contentEncoding": "base64"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bytes_are_a_text_in_base64() {
        let bytes = Bytes::from(vec![0, 255, 16, 32]);
        assert_eq!(serde_json::to_value(&bytes).unwrap(), json!("AP8QIA=="));
        assert_eq!(
            serde_json::from_value::<Bytes>(json!("AP8QIA==")).unwrap(),
            bytes
        );
        let many: Bytes = (0..1_000_000).map(|byte| byte as u8).collect();
        let text = serde_json::to_string(&many).unwrap();
        assert_eq!(text.len(), 1_333_338);
        assert_eq!(serde_json::from_str::<Bytes>(&text).unwrap(), many);
    }

    #[test]
    fn what_is_no_base64_is_shown() {
        let read = |value| {
            serde_json::from_value::<Bytes>(value)
                .unwrap_err()
                .to_string()
        };
        let expect = "invalid value: string \"not base64!\", expected bytes in base64";
        assert_eq!(read(json!("not base64!")), expect);
        let expect = "invalid type: sequence, expected bytes in base64";
        assert_eq!(read(json!([1, 2])), expect);
    }

    #[test]
    fn a_log_has_their_number() {
        assert_eq!(format!("{:?}", Bytes::from("abc")), "3 bytes");
    }
}
