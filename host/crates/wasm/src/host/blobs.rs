//! `blobs`: values that tasks write and read as bytes.

use std::sync::Arc;

use wasmtime::component::{Resource, ResourceTableError};

use crate::bindings::blobs;
use crate::blobs::{Reader, Writer};
use crate::fields;
use crate::guest::{Guest, Role, TaskRole};
use crate::halt::failure_of_resources;
use crate::port::{CallError, CallResult};
use model::{BlobRef, Failure, FailureKind};

impl Guest {
    fn task_of_blobs(&self) -> CallResult<&TaskRole> {
        match &self.role {
            Role::Task(task) => Ok(task),
            _ => {
                let why = "a flow reads and writes no blobs: it passes them on, and a task of it \
                           reads them";
                Err(Failure::new(FailureKind::Refused, why).into())
            }
        }
    }
}

impl blobs::Host for Guest {}

impl blobs::HostWriter for Guest {
    async fn open(&mut self) -> CallResult<Resource<Writer>> {
        let task = self.task_of_blobs()?;
        let (port, memory) = (Arc::clone(&task.port), Arc::clone(&task.blob_memory));
        let to = port.write_blob().await?;
        let writer = Writer::open(to, self.limits.blob_max, &memory).await?;
        self.table().push(writer).map_err(too_many)
    }

    async fn write(&mut self, this: Resource<Writer>, bytes: Vec<u8>) -> CallResult<()> {
        fields::BLOB_BYTES.check(bytes.len())?;
        self.table()
            .get_mut(&this)
            .map_err(too_many)?
            .write(bytes)
            .await
    }

    async fn finish(&mut self, this: Resource<Writer>) -> CallResult<blobs::Blob> {
        let blob = self
            .table()
            .get_mut(&this)
            .map_err(too_many)?
            .finish()
            .await?;
        Ok(blobs::Blob {
            digest: blob.digest.to_string(),
            size: blob.size,
        })
    }

    async fn drop(&mut self, this: Resource<Writer>) -> wasmtime::Result<()> {
        self.table().delete(this)?;
        Ok(())
    }
}

impl blobs::HostReader for Guest {
    async fn open(&mut self, blob: blobs::Blob) -> CallResult<Resource<Reader>> {
        fields::BLOB_DIGEST.check(blob.digest.len())?;
        let task = self.task_of_blobs()?;
        let (port, memory) = (Arc::clone(&task.port), Arc::clone(&task.blob_memory));
        let digest = blob.digest.parse().map_err(|err| {
            let message = format!("`{}` stands for no blob: it is {err}", blob.digest);
            Failure::new(FailureKind::Invalid, message)
        })?;
        let from = port.read_blob(BlobRef {
            digest,
            size: blob.size,
        });
        let reader = Reader::open(from.await?, &memory).await?;
        self.table().push(reader).map_err(too_many)
    }

    async fn read(&mut self, this: Resource<Reader>, max: u32) -> CallResult<Vec<u8>> {
        self.table()
            .get_mut(&this)
            .map_err(too_many)?
            .read(max)
            .await
    }

    async fn drop(&mut self, this: Resource<Reader>) -> wasmtime::Result<()> {
        self.table().delete(this)?;
        Ok(())
    }
}

fn too_many(_: ResourceTableError) -> CallError {
    CallError::Limit(failure_of_resources())
}
