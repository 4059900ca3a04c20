//! Lets uploaded components describe themselves, with the engine of this process.

use std::sync::Arc;

use async_trait::async_trait;
use model::Manifest;
use operations::client::{Describe, Undescribed};
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
