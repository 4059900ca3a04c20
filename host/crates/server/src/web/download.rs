//! Bytes of users, which no browser takes for a page.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures::TryStreamExt as _;
use operations::client::BlobBytes;

/// The bytes of a blob as they are read. `hold` is let go of once they were sent.
pub fn download(digest: &str, blob: BlobBytes, hold: impl Send + 'static) -> Response {
    let parts = blob.parts.inspect_ok(move |_| {
        let _ = &hold;
    });
    let mut response = Response::new(Body::from_stream(parts));
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CONTENT_LENGTH, blob.size.into());
    // A digest has no character that would end the name, but for the colon of some systems.
    let name = digest.replace(':', "-");
    let attachment = format!("attachment; filename=\"{name}\"");
    if let Ok(attachment) = attachment.parse() {
        headers.insert(header::CONTENT_DISPOSITION, attachment);
    }
    response
}
