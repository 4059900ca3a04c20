//! HTTP for tasks.
//!
//! ```no_run
//! use guest_sdk::prelude::*;
//!
//! #[derive(Serialize, Deserialize, JsonSchema)]
//! struct Order { id: u32 }
//!
//! #[task(retries = 3, retry_delay = "2s")]
//! fn orders(page: u32) -> Result<Vec<Order>> {
//!     let response = http::get("https://api.shop.example/orders")
//!         .query("page", page)
//!         .timeout(Duration::from_secs(10))
//!         .send()?;
//!     response.error_for_status()?.json()
//! }
//! ```
//!
//! A task reaches the hosts that its deployment was granted with `--allow-http`; a flow reaches
//! none. TLS and connections are the host's. `send_async` leaves other requests of an `async`
//! task in flight meanwhile:
//!
//! ```no_run
//! # use guest_sdk::prelude::*;
//! #[task]
//! async fn sizes(urls: Vec<String>) -> Result<Vec<usize>> {
//!     let size = async |url: String| -> Result<usize> {
//!         let response = http::get(url).send_async().await?;
//!         Ok(response.error_for_status()?.bytes_async().await?.len())
//!     };
//!     try_join_all(urls.into_iter().map(size)).await
//! }
//! ```
//!
//! What went wrong is told with the method and the URL. Whether another attempt may help is told
//! by the kind of the [`Error`](crate::Error): what is not granted is `Refused`, a certificate
//! that does not fit and a request that is none are `Permanent`, a body over its limit is
//! `Limit`, what took longer than [`timeout`](RequestBuilder::timeout) is `TimedOut`, and
//! everything else `Error`.

mod body;
mod failure;
mod headers;
mod request;
mod response;
mod url;
#[cfg(target_arch = "wasm32")]
mod wire;

#[cfg(not(target_arch = "wasm32"))]
#[path = "native.rs"]
mod wire;

pub use headers::Headers;
pub use request::{Credential, RequestBuilder};
pub use response::{BodyReader, Response};

/// A `GET` request.
pub fn get(url: impl AsRef<str>) -> RequestBuilder {
    request("GET", url)
}

/// A `POST` request.
pub fn post(url: impl AsRef<str>) -> RequestBuilder {
    request("POST", url)
}

/// A `PUT` request.
pub fn put(url: impl AsRef<str>) -> RequestBuilder {
    request("PUT", url)
}

/// A `PATCH` request.
pub fn patch(url: impl AsRef<str>) -> RequestBuilder {
    request("PATCH", url)
}

/// A `DELETE` request.
pub fn delete(url: impl AsRef<str>) -> RequestBuilder {
    request("DELETE", url)
}

/// A `HEAD` request.
pub fn head(url: impl AsRef<str>) -> RequestBuilder {
    request("HEAD", url)
}

/// A request with any method, in the letters that the server expects.
pub fn request(method: impl AsRef<str>, url: impl AsRef<str>) -> RequestBuilder {
    RequestBuilder::new(method.as_ref(), url.as_ref())
}
