//! What tests need to make up values.

use uuid::Uuid;

use crate::{ArtifactId, Ids, InputId, RunId, RunName, TaskRunId, WorkerId};

/// Gives identities and names that differ.
pub struct SomeIds;

impl Ids for SomeIds {
    fn uuid(&mut self) -> Uuid {
        Uuid::now_v7()
    }
    fn run_name(&mut self) -> RunName {
        RunName::trusted(format!("run-{}", self.uuid()))
    }
}

macro_rules! generate {
    ($($name:ident)*) => {
        $(impl $name {
            /// A new identity, for tests.
            pub fn generate() -> Self {
                Self::new(&mut SomeIds)
            }
        })*
    };
}

generate!(ArtifactId RunId TaskRunId InputId WorkerId);
