//! What the server asks of the engine of this process: to let uploaded components describe
//! themselves, and how many instances are alive.

use std::sync::Arc;

use async_trait::async_trait;
use model::Manifest;
use operations::client::{Describe, Undescribed};
use server::{Instances, Use};
use wasm::{ComponentError, Runtime};

pub struct Describer(pub Arc<Runtime>);

#[async_trait]
impl Describe for Describer {
    async fn describe(&self, bytes: &[u8]) -> Result<Manifest, Undescribed> {
        let described = if bytes.is_empty() {
            Err(ComponentError::Empty)
        } else {
            self.0.describe(bytes).await
        };
        described.map_err(|err| Undescribed {
            reason: err.to_string(),
            hint: err.hint().to_owned(),
        })
    }
}

pub struct InstancesOf(pub Arc<Runtime>);

impl Instances for InstancesOf {
    fn flows(&self) -> Use {
        of(self.0.instances().flows, self.0.room().flows)
    }

    fn tasks(&self) -> Use {
        of(self.0.instances().tasks, self.0.room().tasks)
    }
}

fn of(used: usize, room: usize) -> Use {
    Use {
        used: used as u64,
        room: room as u64,
    }
}
