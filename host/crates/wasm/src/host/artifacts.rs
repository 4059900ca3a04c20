//! `artifacts`: what runs make for people to look at.

use std::sync::Arc;

use crate::bindings::artifacts;
use crate::convert;
use crate::guest::{Guest, Role};
use crate::port::CallResult;
use model::Ask;

impl artifacts::Host for Guest {
    async fn make(&mut self, artifact: artifacts::Artifact) -> CallResult<()> {
        let mut new = convert::new_artifact(artifact)?;
        self.count_artifact(&new)?;
        let port = match &self.role {
            Role::Task(task) => Arc::clone(&task.port),
            _ => return self.flow()?.ask_done(Ask::MakeArtifact(new)).await,
        };
        let masks = self.masks();
        new.description = new.description.map(|text| masks.text(text));
        new.data = masks.json(new.data);
        port.artifact(new).await;
        Ok(())
    }
}
