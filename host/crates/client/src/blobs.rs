//! Blobs, as they come.

use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::try_unfold;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use operations::client::{Answered, BlobBytes, BlobsClient};

use crate::http::{Ask, Failed, HttpClient};
use crate::segment::segment;
use crate::trouble::{cause, lost};

/// How long the next part may take.
const SILENCE_MAX: Duration = Duration::from_secs(120);

#[async_trait]
impl BlobsClient for HttpClient {
    async fn read_blob(&self, digest: &str) -> Answered<BlobBytes> {
        let ask = Ask::get(format!("/v1/blobs/{}", segment(digest)));
        let body = self.bytes(&ask).await.map_err(Failed::problem)?;
        let size = body.size_hint().exact().unwrap_or_default();
        let client = self.clone();
        let parts = try_unfold(
            (client, body),
            async |(client, mut body): (Self, Incoming)| {
                loop {
                    let next = tokio::time::timeout(SILENCE_MAX, body.frame()).await;
                    let frame = match next {
                        Ok(None) => return Ok(None),
                        Ok(Some(Ok(frame))) => frame,
                        Ok(Some(Err(err))) => return Err(lost(client.url(), &cause(&err))),
                        Err(_) => return Err(lost(client.url(), "nothing came any more")),
                    };
                    if let Ok(part) = frame.into_data() {
                        return Ok(Some((part, (client, body))));
                    }
                }
            },
        );
        Ok(BlobBytes {
            size,
            parts: parts.boxed(),
        })
    }
}
