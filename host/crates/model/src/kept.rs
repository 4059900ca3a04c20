//! What people keep for all runs: variables and secrets.

use std::fmt;

use crate::{Json, SecretName, Timestamp, VariableName};

/// A value under a name, which tasks and flows read.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    pub name: VariableName,
    pub value: Json,
    pub updated: Timestamp,
}

/// Which key something is encrypted under: the beginning of the key's hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(pub String);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A secret as it is stored: encrypted under a key that is not in the database, with its name and
/// version bound in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    pub name: SecretName,
    /// Counts how often it was set, from 1.
    pub version: u64,
    pub key: KeyId,
    /// The nonce, and what was encrypted.
    pub sealed: Vec<u8>,
    pub updated: Timestamp,
}

impl SealedSecret {
    /// Whether both lists hold the same secrets in the same versions, in the same order.
    pub fn are_same_versions(some: &[Self], others: &[Self]) -> bool {
        let key = |it: &Self| (it.name.clone(), it.version);
        some.iter().map(key).eq(others.iter().map(key))
    }
}
