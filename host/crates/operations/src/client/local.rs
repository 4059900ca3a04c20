//! The client of the store that this process has open.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use ::blobs::StorageUrl;
use async_trait::async_trait;
use model::{FlowRun, IdPrefix, Manifest};
use store::Store;

use super::Answered;
use crate::blobs::Blobs;
use crate::resolve;
use crate::stream::Hub;

/// Lets a component say what is in it. Whoever has an engine can do so.
#[async_trait]
pub trait Describe: Send + Sync + 'static {
    async fn describe(&self, bytes: &[u8]) -> Result<Manifest, Undescribed>;
}

/// Why bytes are no component that can be deployed. The reason completes a sentence that
/// begins with the component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undescribed {
    pub reason: String,
    pub hint: String,
}

/// Does what is asked with the store itself.
pub struct LocalClient {
    pub(super) store: Arc<dyn Store>,
    pub(super) describe: Arc<dyn Describe>,
    /// For those who watch.
    pub(super) hub: Arc<Hub>,
    /// Where the key of secrets is made, if the environment names none.
    pub(super) home: PathBuf,
    /// Where blobs are. None: in the database.
    pub(super) storage: Option<StorageUrl>,
    pub(super) blobs: OnceLock<Blobs>,
}

impl LocalClient {
    pub fn new(
        store: Arc<dyn Store>,
        describe: Arc<dyn Describe>,
        home: PathBuf,
        storage: Option<StorageUrl>,
    ) -> Self {
        Self {
            home,
            storage,
            blobs: OnceLock::new(),
            hub: Hub::new(Arc::clone(&store)),
            store,
            describe,
        }
    }

    pub(super) async fn run(&self, text: &str) -> Answered<FlowRun> {
        let text = IdPrefix(text.to_owned());
        Ok(resolve::run(&*self.store, &text).await?)
    }
}
