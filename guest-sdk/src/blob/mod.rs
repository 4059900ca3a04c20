//! Values that are too large for JSON, or that are no text.
//!
//! ```no_run
//! use guest_sdk::prelude::*;
//!
//! #[task]
//! fn export(day: String) -> Result<Blob> {
//!     let mut writer = blob::writer()?;
//!     for line in 0..1_000_000 {
//!         std::io::Write::write_all(&mut writer, format!("{day};{line}\n").as_bytes())?;
//!     }
//!     writer.finish()
//! }
//!
//! #[task]
//! fn lines(export: Blob) -> Result<usize> {
//!     let reader = std::io::BufReader::new(export.reader()?);
//!     Ok(std::io::BufRead::lines(reader).count())
//! }
//!
//! #[flow]
//! fn nightly(day: String) -> Result<usize> {
//!     lines(export(day)?)
//! }
//! ```
//!
//! A [`Blob`] is a small value that stands for the bytes: tasks, flows and runs pass it on as any
//! other. Equal bytes are kept once, as long as a run has one among its values. Only tasks write
//! and read them; in a flow that is `Refused`.

mod reader;
mod reference;
mod writer;

#[cfg(target_arch = "wasm32")]
#[path = "wire.rs"]
mod wire;

#[cfg(not(target_arch = "wasm32"))]
#[path = "native.rs"]
mod wire;

pub use reader::BlobReader;
pub use reference::Blob;
pub use writer::{BlobWriter, writer};

use crate::Result;

/// Keeps these bytes. Tasks only.
///
/// Errs with `Limit` if they are more than the worker lets a blob have.
pub fn write(bytes: impl AsRef<[u8]>) -> Result<Blob> {
    let mut writer = writer()?;
    writer.put(bytes.as_ref())?;
    writer.finish()
}
