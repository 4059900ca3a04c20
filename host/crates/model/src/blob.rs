//! Values that are kept as bytes, apart from JSON, and what stands for them in it.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::{HoldsJson, Timestamp};

/// The BLAKE3 of a blob's bytes, written `blake3:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobDigest(pub [u8; 32]);

/// Not `blake3:` and 64 small hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not `blake3:` and 64 hexadecimal digits")]
pub struct BlobDigestError;

const ALGORITHM: &str = "blake3:";
const DIGITS: usize = 64;

impl fmt::Display for BlobDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ALGORITHM)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BlobDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for BlobDigest {
    type Err = BlobDigestError;

    fn from_str(text: &str) -> Result<Self, BlobDigestError> {
        let digits = text.strip_prefix(ALGORITHM).ok_or(BlobDigestError)?;
        let digits = digits.as_bytes();
        if digits.len() != DIGITS {
            return Err(BlobDigestError);
        }
        let mut bytes = [0; DIGITS / 2];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

/// Capitals are none: a blob has one name.
fn digit(byte: u8) -> Result<u8, BlobDigestError> {
    match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(BlobDigestError),
    }
}

/// What stands for a blob where it is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobRef {
    pub digest: BlobDigest,
    /// In bytes.
    pub size: u64,
}

impl BlobDigest {
    /// Those in all JSON texts of a value, each once.
    pub fn all_of(value: &impl HoldsJson) -> Vec<Self> {
        let mut found = Vec::new();
        value.each_json(&mut |json| found.append(&mut Self::all_in(json.as_str())));
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The digests of all references in a JSON text, each once.
    ///
    /// It finds them without reading the JSON, also those in a text within it. So it may find what
    /// is none: that keeps a blob for longer than it had to be.
    pub fn all_in(json: &str) -> Vec<Self> {
        const MARK: &str = "$blob";
        let mut found = Vec::new();
        // Most have none, and this looks at many bytes at once.
        if !json.contains(MARK) {
            return found;
        }
        let mut rest = json;
        while let Some(at) = rest.find(MARK) {
            rest = &rest[at + MARK.len()..];
            let value = rest.trim_start_matches(['"', '\\', ':', ' ', '\t', '\n', '\r']);
            let digest = value.get(..ALGORITHM.len() + DIGITS);
            if let Some(Ok(digest)) = digest.map(str::parse) {
                found.push(digest);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Identifies an upload, and names the object that comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId(pub Uuid);

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Where the bytes of an upload go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobPlace {
    /// To rows of the database.
    Database,
    /// To an object of a storage.
    Storage,
}

impl BlobPlace {
    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Storage => "storage",
        }
    }
}

impl FromStr for BlobPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Database, Self::Storage]
            .into_iter()
            .find(|place| place.as_str() == text)
            .ok_or_else(|| format!("`{text}` is no place of a blob"))
    }
}

/// A blob as the database knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBlob {
    pub blob: BlobRef,
    /// What has its bytes.
    pub upload: UploadId,
    pub place: BlobPlace,
    pub created: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: &str = "blake3:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    #[test]
    fn a_digest_reads_back() {
        let digest: BlobDigest = SOME.parse().unwrap();
        assert_eq!(digest.to_string(), SOME);
        for wrong in [
            "",
            "blake3:",
            &SOME[1..],
            &SOME[..SOME.len() - 1],
            &SOME.replace('a', "A"),
            &SOME.replace("aa", "é"),
            &format!("{SOME}0"),
        ] {
            assert_eq!(wrong.parse::<BlobDigest>(), Err(BlobDigestError), "{wrong}");
        }
    }

    #[test]
    fn references_are_found_wherever_they_stand() {
        #[track_caller]
        fn check(json: &str, count: usize) {
            assert_eq!(BlobDigest::all_in(json).len(), count, "{json}");
        }
        let other = SOME.replace("00", "11");
        check("{}", 0);
        check(r#"{"$blob":1,"$blob":"blake3:"}"#, 0);
        check("\"$blob", 0);
        check(&format!(r#"{{"$blob":"{SOME}","size":1}}"#), 1);
        check(&format!(r#"{{"size":1, "$blob" : "{SOME}"}}"#), 1);
        check(
            &format!(r#"[{{"$blob":"{SOME}"}},{{"$blob":"{SOME}"}}]"#),
            1,
        );
        check(
            &format!(r#"[{{"$blob":"{SOME}"}},{{"$blob":"{other}"}}]"#),
            2,
        );
        check(&format!(r#""{{\"$blob\":\"{SOME}\"}}""#), 1);
        check(&format!(r#"{{"$blobé":"{SOME}"}}"#), 0);
    }
}
