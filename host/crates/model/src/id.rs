//! Identities: UUIDs for what happens, digests for what is content.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::RunName;

/// Makes identities and names. Decisions take one of these as an argument, so that they read
/// neither a clock nor random numbers.
pub trait Ids {
    /// A UUID that was never given out before. Stored UUIDs are of version 7: a later one is
    /// greater, so it is added at the end of an index.
    fn uuid(&mut self) -> Uuid;
    /// A name for a run that nobody has named.
    fn run_name(&mut self) -> RunName;
}

impl<I: Ids + ?Sized> Ids for &mut I {
    fn uuid(&mut self) -> Uuid {
        (**self).uuid()
    }
    fn run_name(&mut self) -> RunName {
        (**self).run_name()
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new identity.
            pub fn new(ids: &mut impl Ids) -> Self {
                Self(ids.uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id! {
    /// A flow run, of a deployment or a subflow.
    RunId
}
uuid_id! {
    /// A task run. Equal for all of its attempts, so it serves as their idempotency key.
    TaskRunId
}
uuid_id! {
    /// A request of a flow run for a person's input.
    InputId
}
uuid_id! {
    /// An artifact.
    ArtifactId
}
uuid_id! {
    /// A token that lets its bearer use the server.
    TokenId
}
uuid_id! {
    /// Somebody's being signed in to the pages.
    SessionId
}
uuid_id! {
    /// A schedule of a deployment. It stays the same while the schedule is edited.
    ScheduleId
}
uuid_id! {
    /// A process that claims and executes runs.
    WorkerId
}

/// The SHA-256 of a component's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The first 12 hexadecimal digits: enough for people to tell components apart.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{self}")
    }
}

/// Why a text is not a digest.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a digest of 64 hexadecimal digits")]
pub struct DigestError(String);

impl FromStr for Digest {
    type Err = DigestError;
    fn from_str(text: &str) -> Result<Self, DigestError> {
        let err = || DigestError(text.to_owned());
        let hex = text.strip_prefix("sha256:").unwrap_or(text);
        if hex.len() != 64 || !hex.is_ascii() {
            return Err(err());
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&hex[at..at + 2], 16).map_err(|_| err())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// What a person typed to name a run: its whole UUID, the beginning of its UUID, or its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdPrefix(pub String);

impl IdPrefix {
    /// The least and the greatest UUID that begin with this text. `None` if no UUID can: then
    /// the text can only be a name. Hyphens are ignored.
    pub fn bounds(&self) -> Option<(Uuid, Uuid)> {
        let hex: String = self.0.chars().filter(|c| *c != '-').collect();
        if hex.is_empty() || hex.len() > 32 || !hex.chars().all(|c| c.is_ascii_hexdigit()) {
            return None;
        }
        let low = Uuid::parse_str(&format!("{hex:0<32}")).ok()?;
        let high = Uuid::parse_str(&format!("{hex:f<32}")).ok()?;
        Some((low, high))
    }
}

impl FromStr for IdPrefix {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_reads_back_from_its_text() {
        let digest = Digest::of(b"component");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert!("abc".parse::<Digest>().is_err());
    }

    #[test]
    fn a_prefix_bounds_the_ids_that_begin_so() {
        let (low, high) = IdPrefix("0192-ab".into()).bounds().unwrap();
        assert_eq!(low.to_string(), "0192ab00-0000-0000-0000-000000000000");
        assert_eq!(high.to_string(), "0192abff-ffff-ffff-ffff-ffffffffffff");
        assert_eq!(IdPrefix("silver-otter".into()).bounds(), None);
    }
}
