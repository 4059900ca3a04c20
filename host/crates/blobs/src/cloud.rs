//! Objects of an object storage.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, Result, RetryConfig};
use uuid::Uuid;

use super::http::Connector;
use super::url::{Bucket, StorageUrl};

/// How long it is asked again after a failure of the way there.
const AGAIN_FOR: Duration = Duration::from_secs(60);
const AGAIN_MAX: usize = 5;

/// What all of them can do.
pub(crate) trait Objects: ObjectStore + MultipartStore {}

impl<T: ObjectStore + MultipartStore> Objects for T {}

#[derive(Clone, Debug)]
pub(crate) struct Cloud {
    objects: Arc<dyn Objects>,
    prefix: String,
}

impl Cloud {
    /// Asks nothing yet. Credentials, and settings such as `AWS_ENDPOINT_URL`, come from the
    /// environment. None: the address is that of a directory.
    pub fn open(url: &StorageUrl) -> Result<Option<Self>> {
        let retry = || RetryConfig {
            max_retries: AGAIN_MAX,
            retry_timeout: AGAIN_FOR,
            ..RetryConfig::default()
        };
        let (objects, bucket): (Arc<dyn Objects>, &Bucket) = match url {
            StorageUrl::Directory(_) => return Ok(None),
            StorageUrl::S3(bucket) => (
                Arc::new(
                    AmazonS3Builder::from_env()
                        .with_bucket_name(&bucket.name)
                        .with_http_connector(Connector)
                        .with_retry(retry())
                        .build()?,
                ),
                bucket,
            ),
            StorageUrl::Google(bucket) => (
                Arc::new(
                    GoogleCloudStorageBuilder::from_env()
                        .with_bucket_name(&bucket.name)
                        .with_http_connector(Connector)
                        .with_retry(retry())
                        .build()?,
                ),
                bucket,
            ),
            StorageUrl::Azure(bucket) => (
                Arc::new(
                    MicrosoftAzureBuilder::from_env()
                        .with_container_name(&bucket.name)
                        .with_http_connector(Connector)
                        .with_retry(retry())
                        .build()?,
                ),
                bucket,
            ),
        };
        Ok(Some(Self {
            objects,
            prefix: bucket.prefix.clone(),
        }))
    }

    #[cfg(test)]
    pub fn of(objects: Arc<dyn Objects>) -> Self {
        Self {
            objects,
            prefix: "some/prefix".to_owned(),
        }
    }

    fn path(&self, id: Uuid) -> Path {
        let name = id.hyphenated().to_string();
        match self.prefix.as_str() {
            "" => Path::from(name),
            prefix => Path::from(format!("{prefix}/{name}")),
        }
    }

    /// Errs if the bucket is not there, or may not be looked at.
    pub async fn look(&self) -> Result<()> {
        match self.objects.head(&self.path(Uuid::nil())).await {
            Err(object_store::Error::NotFound { source, .. }) => {
                // A bucket that is not there is told of without a body, so it is asked of a list.
                drop(source);
                let prefix = self.path(Uuid::nil());
                self.objects.list_with_delimiter(Some(&prefix)).await?;
                Ok(())
            }
            looked => looked.map(drop),
        }
    }

    /// All of a small object at once.
    pub async fn put(&self, id: Uuid, bytes: Bytes) -> Result<()> {
        let payload = PutPayload::from_bytes(bytes);
        self.objects.put(&self.path(id), payload).await.map(drop)
    }

    pub async fn begin_parts(&self, id: Uuid) -> Result<String> {
        self.objects.create_multipart(&self.path(id)).await
    }

    pub async fn put_part(
        &self,
        id: Uuid,
        parts: &String,
        n: usize,
        part: Bytes,
    ) -> Result<PartId> {
        let (path, payload) = (self.path(id), PutPayload::from_bytes(part));
        self.objects.put_part(&path, parts, n, payload).await
    }

    pub async fn end_parts(&self, id: Uuid, parts: &String, sent: Vec<PartId>) -> Result<()> {
        let path = self.path(id);
        let ended = self.objects.complete_multipart(&path, parts, sent).await;
        ended.map(drop)
    }

    pub async fn read(&self, id: Uuid, from: u64, to: u64) -> Result<Bytes> {
        self.objects.get_range(&self.path(id), from..to).await
    }

    /// The object, or what has come of it by then. What is not there is gone.
    pub async fn delete(&self, id: Uuid, parts: Option<&str>) -> Result<()> {
        let path = self.path(id);
        let is_gone = |done| match done {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            done => done,
        };
        if let Some(parts) = parts {
            is_gone(self.objects.abort_multipart(&path, &parts.to_owned()).await)?;
        }
        is_gone(self.objects.delete(&path).await)
    }
}
