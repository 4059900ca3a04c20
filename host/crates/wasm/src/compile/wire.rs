//! What a process that compiles is told, and what it answers.
//!
//! ```text
//! stdin:  length, order as JSON, the component or its code
//! stdout: length, answer as JSON, the code if it was compiled
//! ```

use std::io::{self, Read};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{
    CompileLimits, ComponentError, ComponentLimits, DescribeLimits, Limits, RuntimeConfig,
};
use model::Manifest;

/// The largest head of a message, in bytes: a manifest with all of its schemas.
pub(super) const HEAD_MAX: usize = 64 << 20;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Work {
    /// Compile the component that follows.
    Compile,
    /// Let the component whose code follows describe itself.
    Describe,
}

/// The settings that both processes share.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Settings {
    pub limits: Limits,
    pub describe_limits: DescribeLimits,
    pub component_limits: ComponentLimits,
    pub compile_limits: CompileLimits,
}

impl Settings {
    pub fn of(config: &RuntimeConfig) -> Self {
        Self {
            limits: config.limits.clone(),
            describe_limits: config.describe_limits.clone(),
            component_limits: config.component_limits.clone(),
            compile_limits: config.compile_limits.clone(),
        }
    }

    /// The settings of a runtime that looks at one component.
    pub fn for_one(&self) -> RuntimeConfig {
        RuntimeConfig {
            limits: self.limits.clone(),
            describe_limits: self.describe_limits.clone(),
            component_limits: self.component_limits.clone(),
            compile_limits: self.compile_limits.clone(),
            // As few as there can be.
            flows_max: 0,
            tasks_max: 0,
            ..RuntimeConfig::default()
        }
    }
}

/// The head of what a child is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Order {
    pub work: Work,
    /// The process that waits for the answer.
    pub parent: u32,
    pub settings: Settings,
}

/// The head of what a child answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Answer {
    /// So many bytes of code follow.
    Code {
        bytes: usize,
    },
    Manifest(Manifest),
    Refused(ComponentError),
}

impl Answer {
    pub fn unexpected(self) -> ComponentError {
        match self {
            Self::Refused(error) => error,
            other => ComponentError::Crashed(format!("it answered something else: {other:?}")),
        }
    }
}

/// The head of a message: its length, and JSON.
pub(super) fn head(of: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_vec(of).expect("it has only texts for keys");
    let length = u32::try_from(json.len()).expect("a head is not that long");
    let mut head = length.to_le_bytes().to_vec();
    head.extend(json);
    head
}

/// Takes the head off a whole message.
pub(super) fn split<T: DeserializeOwned>(message: &[u8]) -> Option<(T, &[u8])> {
    let (length, rest) = message.split_at_checked(size_of::<u32>())?;
    let length = u32::from_le_bytes(length.try_into().ok()?);
    let (json, rest) = rest.split_at_checked(length as usize)?;
    Some((serde_json::from_slice(json).ok()?, rest))
}

/// Reads a head, and leaves what follows.
pub(super) fn read_head<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    let mut length = [0; size_of::<u32>()];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > HEAD_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut json = vec![0; length];
    from.read_exact(&mut json)?;
    Ok(serde_json::from_slice(&json)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_head_and_what_follows() {
        let mut message = head(&Work::Describe);
        message.extend(b"code");
        assert_eq!(split(&message), Some((Work::Describe, &b"code"[..])));
        for end in 0..message.len() - b"code".len() {
            assert_eq!(split::<Work>(&message[..end]), None);
        }
        let mut reader = &message[..];
        assert_eq!(read_head::<Work>(&mut reader).unwrap(), Work::Describe);
        assert_eq!(reader, b"code");
    }
}
