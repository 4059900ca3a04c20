//! What a run makes for people to look at: reports, tables, links.
//!
//! An artifact has a key; those with the same key are its versions, of all runs. People find
//! them with `orch-host artifact ls`, beside their run, and on the server's pages. Tasks and
//! flows make them. A flow that is replayed makes none again; a task that is tried again makes
//! a new version.
//!
//! ```no_run
//! use guest_sdk::prelude::*;
//!
//! #[derive(Serialize)]
//! struct Order {
//!     id: u32,
//!     total: f64,
//! }
//!
//! #[task]
//! fn report(day: String) -> Result<()> {
//!     let orders = [Order { id: 1, total: 9.5 }];
//!     artifact::table("orders", &orders)?;
//!     artifact::with_description(format!("Of {day}")).markdown("report", "# All is *well*")?;
//!     artifact::link("shop", "https://shop.example/orders")?;
//!     artifact::progress("report", 100.0)
//! }
//! ```

use serde::Serialize;

use crate::bindings::artifacts::{Artifact, Content};
use crate::{Error, ErrorKind, Result, current, finite, host::host};

/// Makes a text with the marks of Markdown. HTML in it is shown as text.
///
/// Errs with `Limit` if it has more than 1 MiB.
pub fn markdown(key: impl Into<String>, text: impl Into<String>) -> Result<()> {
    Described::default().markdown(key, text)
}

/// Makes a table: a list of structs or maps, a row each.
///
/// Errs with `Invalid` if it is something else, and with `Limit` if its JSON has more than 1 MiB.
pub fn table(key: impl Into<String>, rows: &(impl Serialize + ?Sized)) -> Result<()> {
    Described::default().table(key, rows)
}

/// Makes a link to a page, whose address begins with `http://` or `https://`.
pub fn link(key: impl Into<String>, url: impl Into<String>) -> Result<()> {
    Described::default().link(key, url)
}

/// Shows how far something is, from 0 to 100. A later value takes the place of the one that this
/// task, or flow, has shown before under the same key.
pub fn progress(key: impl Into<String>, percent: f64) -> Result<()> {
    Described::default().progress(key, percent)
}

/// Shows an image, whose address begins with `http://` or `https://`.
pub fn image(key: impl Into<String>, url: impl Into<String>) -> Result<()> {
    Described::default().image(key, url)
}

/// The next artifact is made with a description, of at most 4 KiB.
pub fn with_description(text: impl Into<String>) -> Described {
    Described(Some(text.into()))
}

/// A description that waits for its artifact.
#[derive(Clone, Debug, Default)]
#[must_use = "it is the description of an artifact that is not made yet"]
pub struct Described(Option<String>);

impl Described {
    /// As [`artifact::markdown`](markdown).
    pub fn markdown(self, key: impl Into<String>, text: impl Into<String>) -> Result<()> {
        self.make(key.into(), Content::Markdown(text.into()))
    }

    /// As [`artifact::table`](table).
    pub fn table(self, key: impl Into<String>, rows: &(impl Serialize + ?Sized)) -> Result<()> {
        let key = key.into();
        let json = finite::to_json(rows).map_err(|err| {
            let message = format!("the table of artifact `{key}` has no JSON: {err}");
            Error::of_this_run(ErrorKind::Invalid, message)
        })?;
        self.make(key, Content::Table(json))
    }

    /// As [`artifact::link`](link).
    pub fn link(self, key: impl Into<String>, url: impl Into<String>) -> Result<()> {
        self.make(key.into(), Content::Link(url.into()))
    }

    /// As [`artifact::progress`](progress).
    pub fn progress(self, key: impl Into<String>, percent: f64) -> Result<()> {
        self.make(key.into(), Content::Progress(percent))
    }

    /// As [`artifact::image`](image).
    pub fn image(self, key: impl Into<String>, url: impl Into<String>) -> Result<()> {
        self.make(key.into(), Content::Image(url.into()))
    }

    fn make(self, key: String, content: Content) -> Result<()> {
        let artifact = Artifact {
            key,
            description: self.0,
            content,
            scope: current::scope(),
        };
        let made = host().make_artifact(&artifact);
        made.map_err(|failure| match failure.kind.into() {
            kind @ (ErrorKind::Invalid | ErrorKind::Limit) => {
                Error::of_this_run(kind, failure.message)
            }
            _ => Error::from_host(&failure),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::Fake;

    #[test]
    fn an_artifact_has_a_key_and_perhaps_a_description() {
        let fake = Fake::install();
        table("orders", &[serde_json::json!({"id": 1})]).unwrap();
        with_description("of today").progress("load", 42.5).unwrap();
        current::within(3, || markdown("report", "# Hi")).unwrap();
        assert_eq!(
            fake.asked(),
            [
                r#"artifact orders: Content::Table("[{\"id\":1}]")"#,
                "artifact load (of today): Content::Progress(42.5)",
                r##"artifact report: Content::Markdown("# Hi") in 3"##,
            ]
        );
    }
}
