//! A storage, what is on its way there, and what is read from it.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use object_store::multipart::PartId;
use uuid::Uuid;

use super::cloud::Cloud;
use super::directory::{self, Directory};
use super::error::{Cause, StorageError};
use super::url::StorageUrl;
use super::{ANSWER_MAX, PART};

type Result<T> = std::result::Result<T, StorageError>;

/// Where objects are kept. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Storage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// As it is told of.
    shown: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Directory(Arc<Directory>),
    Cloud(Cloud),
}

impl Storage {
    /// Makes a directory that is not there; asks no object storage yet. Errs also if a setting of
    /// the environment is wrong.
    pub fn open(url: &StorageUrl) -> Result<Self> {
        let shown = url.to_string();
        let place = match url {
            StorageUrl::Directory(path) => {
                let directory = Directory::new(path.clone());
                let made = directory.make();
                made.map_err(|err| StorageError::of_system(&shown, &err))?;
                Place::Directory(Arc::new(directory))
            }
            url => {
                let opened = Cloud::open(url);
                let cloud = opened.map_err(|err| StorageError::of_cloud(&shown, &err))?;
                Place::Cloud(cloud.expect("it is none of a directory"))
            }
        };
        Ok(Self(Arc::new(Inner { shown, place })))
    }

    /// Asks whether it is there and lets itself be asked. A directory was made when it was opened.
    pub async fn look(&self) -> Result<()> {
        match &self.0.place {
            Place::Directory(_) => Ok(()),
            Place::Cloud(cloud) => self.cloud(cloud.look()).await,
        }
    }

    /// What one upload or download makes a process hold, in bytes, beside what it is handed.
    pub fn buffer(&self) -> usize {
        match &self.0.place {
            Place::Directory(_) => 0,
            Place::Cloud(_) => PART,
        }
    }

    /// Begins an object. Nothing is there before the first write.
    pub fn upload(&self, id: Uuid) -> Upload {
        Upload {
            storage: self.clone(),
            id,
            file: None,
            buffer: BytesMut::new(),
            parts: None,
            is_done: false,
        }
    }

    /// Opens an object of this size.
    pub async fn read(&self, id: Uuid, size: u64) -> Result<Download> {
        let file = match &self.0.place {
            Place::Directory(directory) => {
                let directory = Arc::clone(directory);
                let opened = self.system(move || match directory.open(id) {
                    Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(Err(err)),
                    opened => opened.map(Ok),
                });
                match opened.await? {
                    Ok(file) => Some(Arc::new(file)),
                    Err(err) => {
                        return Err(StorageError {
                            cause: Cause::Gone,
                            ..StorageError::of_system(&self.0.shown, &err)
                        });
                    }
                }
            }
            Place::Cloud(_) => None,
        };
        Ok(Download {
            storage: self.clone(),
            id,
            size,
            file,
            buffer: Bytes::new(),
            read: 0,
        })
    }

    /// Deletes an object, or what has come of an upload. What is not there is gone.
    pub async fn delete(&self, id: Uuid, parts: Option<&str>) -> Result<()> {
        match &self.0.place {
            Place::Directory(directory) => {
                let directory = Arc::clone(directory);
                self.system(move || directory.delete(id)).await
            }
            Place::Cloud(cloud) => self.cloud(cloud.delete(id, parts)).await,
        }
    }

    /// Asks the system, where nobody waits.
    async fn system<T: Send + 'static>(
        &self,
        ask: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let shown = &self.0.shown;
        let asked = tokio::time::timeout(ANSWER_MAX, tokio::task::spawn_blocking(ask)).await;
        let asked = asked.map_err(|_| StorageError::late(shown))?;
        asked
            .map_err(|panic| StorageError::odd(shown, panic))?
            .map_err(|err| StorageError::of_system(shown, &err))
    }

    async fn cloud<T>(&self, ask: impl Future<Output = object_store::Result<T>>) -> Result<T> {
        let shown = &self.0.shown;
        let asked = tokio::time::timeout(ANSWER_MAX, ask).await;
        asked
            .map_err(|_| StorageError::late(shown))?
            .map_err(|err| StorageError::of_cloud(shown, &err))
    }

    #[cfg(test)]
    fn in_memory(objects: object_store::memory::InMemory) -> Self {
        Self(Arc::new(Inner {
            shown: "memory".to_owned(),
            place: Place::Cloud(Cloud::of(Arc::new(objects))),
        }))
    }
}

/// An object on its way. What has come of it is removed if it is dropped before it is finished.
#[derive(Debug)]
pub struct Upload {
    storage: Storage,
    id: Uuid,
    /// Of a directory, from the first write on.
    file: Option<Arc<File>>,
    /// Of an object storage: less than a part.
    buffer: BytesMut,
    parts: Option<Parts>,
    is_done: bool,
}

#[derive(Debug)]
struct Parts {
    id: String,
    sent: Vec<PartId>,
}

impl Upload {
    /// Whether parts have to begin before so many bytes more are written.
    pub fn needs_parts(&self, more: usize) -> bool {
        let is_cloud = matches!(self.storage.0.place, Place::Cloud(_));
        is_cloud && self.parts.is_none() && self.buffer.len() + more > PART
    }

    /// Begins to send in parts, under the id that this returns.
    pub async fn begin_parts(&mut self) -> Result<String> {
        let Place::Cloud(cloud) = &self.storage.0.place else {
            return Err(StorageError::odd(
                &self.storage.0.shown,
                "it takes no parts",
            ));
        };
        let id = self.storage.cloud(cloud.begin_parts(self.id)).await?;
        self.parts = Some(Parts {
            id: id.clone(),
            sent: Vec::new(),
        });
        Ok(id)
    }

    /// Writes some more.
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        match &self.storage.0.place {
            Place::Directory(directory) => {
                let (directory, id) = (Arc::clone(directory), self.id);
                let file = self.file.clone();
                let written = self.storage.system(move || {
                    let file = match file {
                        Some(file) => file,
                        None => Arc::new(directory.create(id)?),
                    };
                    directory::write(&file, &bytes)?;
                    Ok(file)
                });
                self.file = Some(written.await?);
                Ok(())
            }
            Place::Cloud(_) => {
                self.buffer.extend_from_slice(&bytes);
                while self.buffer.len() > PART {
                    let part = self.buffer.split_to(PART).freeze();
                    self.send(part).await?;
                }
                Ok(())
            }
        }
    }

    async fn send(&mut self, part: Bytes) -> Result<()> {
        let storage = &self.storage;
        let (Place::Cloud(cloud), Some(parts)) = (&storage.0.place, &mut self.parts) else {
            return Err(StorageError::odd(&storage.0.shown, "no parts have begun"));
        };
        let sending = cloud.put_part(self.id, &parts.id, parts.sent.len(), part);
        parts.sent.push(storage.cloud(sending).await?);
        Ok(())
    }

    /// Returns once the object is there and survives a power failure.
    pub async fn finish(&mut self) -> Result<()> {
        if let Place::Directory(_) = self.storage.0.place {
            if self.file.is_none() {
                self.write(Bytes::new()).await?;
            }
            let file = self.file.clone();
            self.sync(file).await?;
        } else if self.parts.is_some() {
            let last = self.buffer.split().freeze();
            self.send(last).await?;
            let parts = self.parts.as_mut().expect("they have begun");
            let sent = std::mem::take(&mut parts.sent);
            let storage = &self.storage;
            if let Place::Cloud(cloud) = &storage.0.place {
                let ending = cloud.end_parts(self.id, &parts.id, sent);
                storage.cloud(ending).await?;
            }
        } else if let Place::Cloud(cloud) = &self.storage.0.place {
            let all = self.buffer.split().freeze();
            self.storage.cloud(cloud.put(self.id, all)).await?;
        }
        self.is_done = true;
        Ok(())
    }

    async fn sync(&self, file: Option<Arc<File>>) -> Result<()> {
        let (Place::Directory(directory), Some(file)) = (&self.storage.0.place, file) else {
            return Ok(());
        };
        let directory = Arc::clone(directory);
        self.storage.system(move || directory.sync(&file)).await
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let has_begun = self.file.is_some() || self.parts.is_some();
        if self.is_done || !has_begun {
            return;
        }
        // If this fails, whoever knows of the upload removes it later.
        let (storage, id) = (self.storage.clone(), self.id);
        let parts = self.parts.take().map(|parts| parts.id);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(err) = storage.delete(id, parts.as_deref()).await {
                    tracing::debug!(%err, %id, "what was broken off is not removed yet");
                }
            });
        }
    }
}

/// An object that is read from its beginning.
#[derive(Debug)]
pub struct Download {
    storage: Storage,
    id: Uuid,
    size: u64,
    file: Option<Arc<File>>,
    buffer: Bytes,
    /// What has come from an object storage.
    read: u64,
}

impl Download {
    /// Up to so many bytes; none at the end.
    pub async fn read(&mut self, max: usize) -> Result<Bytes> {
        let storage = &self.storage;
        match (&storage.0.place, &self.file) {
            (Place::Cloud(cloud), _) => {
                if self.buffer.is_empty() && self.read < self.size {
                    let to = self.size.min(self.read + PART as u64);
                    let reading = cloud.read(self.id, self.read, to);
                    self.buffer = storage.cloud(reading).await?;
                    if self.buffer.is_empty() {
                        return Err(StorageError::odd(&storage.0.shown, "it gave nothing"));
                    }
                    self.read += self.buffer.len() as u64;
                }
                Ok(self.buffer.split_to(max.min(self.buffer.len())))
            }
            (Place::Directory(_), Some(file)) => {
                let file = Arc::clone(file);
                storage.system(move || directory::read(&file, max)).await
            }
            (Place::Directory(_), None) => {
                Err(StorageError::odd(&storage.0.shown, "no file is open"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
