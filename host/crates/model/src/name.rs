//! Names that people choose and type.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest name, in bytes. Names are shown in tables and are keys of indexes.
pub const NAME_MAX: usize = 200;

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("the {0} name cannot be empty")]
    Empty(&'static str),
    #[error("the {kind} name `{name}` is longer than {NAME_MAX} bytes")]
    TooLong { kind: &'static str, name: String },
    #[error("the {kind} name `{name}` contains {character:?}, which is not allowed")]
    Character {
        kind: &'static str,
        name: String,
        character: char,
    },
    #[error("`{0}` is not of the form `flow/deployment`")]
    NotADeployment(String),
}

fn check(kind: &'static str, name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty(kind));
    }
    if name.len() > NAME_MAX {
        return Err(NameError::TooLong {
            kind,
            name: name.chars().take(40).chain("…".chars()).collect(),
        });
    }
    // The characters Prefect refuses too: they separate or quote names elsewhere.
    match name
        .chars()
        .find(|c| matches!(c, '/' | '%' | '&' | '>' | '<') || c.is_control())
    {
        Some(character) => Err(NameError::Character {
            kind,
            name: name.to_owned(),
            character,
        }),
        None => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn new(name: impl Into<Arc<str>>) -> Result<Self, NameError> {
                let name = name.into();
                check($kind, &name)?;
                Ok(Self(name))
            }

            /// Makes a name without a check, for a text that was checked before it was stored.
            pub fn trusted(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }
    };
}

name! {
    /// What the versions of an artifact have in common.
    ArtifactKey, "artifact"
}
name! {
    /// What a secret is called.
    SecretName, "secret"
}
name! {
    /// What a variable is called.
    VariableName, "variable"
}
name! {
    /// A flow, as its component exports it.
    FlowName, "flow"
}
name! {
    /// A task, as its component exports it.
    TaskName, "task"
}
name! {
    /// A work pool.
    PoolName, "work pool"
}
name! {
    /// A limit across runs.
    LimitName, "limit"
}
name! {
    /// A queue of a work pool. Each pool has names of its own.
    QueueName, "work queue"
}
name! {
    /// A run. Several runs may have the same name.
    RunName, "run"
}

name! {
    /// A schedule of a deployment. Each deployment has names of its own.
    ScheduleName, "schedule"
}

name! {
    /// A token, by which the log of actions names its bearer.
    TokenName, "token"
}

impl ScheduleName {
    /// That of the schedule at this place among those of a deployment that were given no name.
    pub fn nth(at: usize) -> Self {
        match at {
            0 => Self("default".into()),
            at => Self(format!("default-{}", at + 1).into()),
        }
    }
}

impl QueueName {
    /// The queue that each pool has from the start, and that runs are in unless another is named.
    pub fn default_queue() -> Self {
        Self("default".into())
    }

    pub fn is_default(&self) -> bool {
        &*self.0 == "default"
    }
}

impl PoolName {
    /// The pool that exists from the start.
    pub fn default_pool() -> Self {
        Self("default-pool".into())
    }
}

impl RunName {
    /// A new name, for tests.
    #[cfg(any(test, feature = "testing"))]
    pub fn generate() -> Self {
        crate::Ids::run_name(&mut crate::testing::SomeIds)
    }
}

/// `flow/deployment`, which names a deployment everywhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct DeploymentName {
    pub flow: FlowName,
    pub name: Arc<str>,
}

impl DeploymentName {
    pub fn new(flow: FlowName, name: &str) -> Result<Self, NameError> {
        check("deployment", name)?;
        Ok(Self {
            flow,
            name: name.into(),
        })
    }

    /// What a flow's deployment is called when nobody names it: `<flow>/<flow>-deployment`.
    pub fn default_for(flow: &FlowName) -> Self {
        Self {
            flow: flow.clone(),
            name: format!("{flow}-deployment").into(),
        }
    }
}

impl fmt::Display for DeploymentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.flow, self.name)
    }
}

impl fmt::Debug for DeploymentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl FromStr for DeploymentName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let (flow, name) = text
            .split_once('/')
            .ok_or_else(|| NameError::NotADeployment(text.to_owned()))?;
        Self::new(FlowName::new(flow)?, name)
    }
}

impl TryFrom<String> for DeploymentName {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<DeploymentName> for String {
    fn from(name: DeploymentName) -> Self {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_is_named_by_its_flow_and_itself() {
        let name: DeploymentName = "etl/nightly".parse().unwrap();
        assert_eq!((name.flow.as_str(), &*name.name), ("etl", "nightly"));
        assert_eq!(name.to_string(), "etl/nightly");
    }

    #[test]
    fn a_name_says_what_is_wrong_with_it() {
        #[track_caller]
        fn check(text: &str, expect: &str) {
            let err = text.parse::<DeploymentName>().unwrap_err();
            assert_eq!(err.to_string(), expect);
        }
        check("etl", "`etl` is not of the form `flow/deployment`");
        check("/x", "the flow name cannot be empty");
        check("x/", "the deployment name cannot be empty");
        check(
            "a/b/c",
            "the deployment name `b/c` contains '/', which is not allowed",
        );
        check(
            "a/b\n",
            "the deployment name `b\n` contains '\\n', which is not allowed",
        );
    }
}
