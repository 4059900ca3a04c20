//! What stands for bytes that are kept.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{reader::BlobReader, wire};
use crate::Result;

/// Stands for bytes that are kept, wherever they are passed on: a parameter, an argument, a result,
/// or a part of one. As JSON it is `{"$blob": "blake3:…", "size": 123}`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Blob {
    #[serde(rename = "$blob")]
    digest: String,
    size: u64,
}

impl Blob {
    pub(super) fn of(digest: String, size: u64) -> Self {
        Self { digest, size }
    }

    /// How many bytes there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// `blake3:`, and the BLAKE3 of the bytes in hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// All bytes. Tasks only.
    ///
    /// Errs with `NotFound` if nobody keeps them any more.
    pub fn read(&self) -> Result<Vec<u8>> {
        let mut reader = self.reader()?;
        // As much as a reference may claim that nobody has made.
        let mut all = Vec::with_capacity(usize::try_from(self.size).unwrap_or(0).min(64 << 20));
        while let Some(mut part) = reader.part()? {
            all.append(&mut part);
        }
        Ok(all)
    }

    /// The bytes from their beginning, a part at a time. Tasks only.
    pub fn reader(&self) -> Result<BlobReader> {
        Ok(BlobReader::of(wire::open(&self.digest, self.size)?))
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.digest, self.size)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            #[serde(rename = "$blob")]
            digest: String,
            size: u64,
        }
        let Fields { digest, size } = Fields::deserialize(deserializer)?;
        if !is_digest(&digest) {
            // As much as a reader needs to see what it is.
            let shown: String = digest.chars().take(80).collect();
            let unexpected = de::Unexpected::Str(&shown);
            let expected = &"`blake3:` and 64 hexadecimal digits";
            return Err(de::Error::invalid_value(unexpected, expected));
        }
        Ok(Self { digest, size })
    }
}

fn is_digest(text: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.strip_prefix("blake3:")
        .is_some_and(|digits| digits.len() == 64 && digits.bytes().all(is_digit))
}

impl JsonSchema for Blob {
    fn schema_name() -> Cow<'static, str> {
        "Blob".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "$blob": {"type": "string", "pattern": "^blake3:[0-9a-f]{64}$"},
                "size": {"type": "integer", "minimum": 0},
            },
            "required": ["$blob", "size"],
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ErrorKind;

    const DIGEST: &str = "blake3:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    #[test]
    fn a_reference_is_a_small_object() {
        let blob = Blob::of(DIGEST.to_owned(), 7);
        let value = json!({"$blob": DIGEST, "size": 7});
        assert_eq!(serde_json::to_value(&blob).unwrap(), value);
        assert_eq!(serde_json::from_value::<Blob>(value).unwrap(), blob);
        assert_eq!((blob.size(), blob.digest()), (7, DIGEST));
    }

    #[test]
    fn what_is_none_is_shown() {
        for (digest, shown) in [
            ("sha256:00", "\"sha256:00\""),
            (&DIGEST[..70], &DIGEST[..70]),
            (&DIGEST.replace('a', "A"), "Abb"),
        ] {
            let value = json!({"$blob": digest, "size": 7});
            let err = serde_json::from_value::<Blob>(value)
                .unwrap_err()
                .to_string();
            assert!(err.contains(shown), "{err}");
            assert!(
                err.contains("expected `blake3:` and 64 hexadecimal digits"),
                "{err}"
            );
        }
    }

    #[test]
    fn there_are_no_bytes_without_a_host() {
        let err = Blob::of(DIGEST.to_owned(), 7).read().unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Refused);
        let err = crate::blob::write("abc").unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Refused);
    }
}
