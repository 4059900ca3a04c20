//! What is said of something that was not done: one text for the command line and the API.
//!
//! ```text
//! a refusal of an operation, an error of the store --> Problem --cli--> message, hint, exit code
//!                                                              --server--> problem document, status
//! ```
//!
//! The kind is stable: programs may rely on it. The words are for people. The message of a
//! refusal is its own; what to do about it is said here.

mod access;
mod blobs;
mod bulk;
mod control;
mod database;
mod deploy;
mod inputs;
mod kind;
mod parameters;
mod resolve;
mod schedules;
mod storage;

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};
use store::StoreError;

use crate::access::TokenRefusal;
use crate::blobs::BlobError;
use crate::bulk::BulkRefusal;
use model::{RunId, RunName};

use crate::control::ControlRefusal;
use crate::database::{BackupRefusal, CopyRefusal};
use crate::deploy::DeployRefusal;
use crate::follow::FollowRefusal;
use crate::inputs::GiveRefusal;
use crate::resolve::ResolveRefusal;
use crate::start::StartRefusal;

pub use inputs::{command, wanted, wish};
pub use kind::ProblemKind;

/// Why something was not done, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub kind: ProblemKind,
    /// What was wrong, with the value.
    pub detail: String,
    pub hint: Option<String>,
    /// Where in the request it was wrong, if it can be told.
    pub errors: Vec<PlacedError>,
}

/// Something that is wrong at one place of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedError {
    /// A JSON pointer into the request, such as `/parameters/item_id`.
    pub pointer: String,
    pub detail: String,
}

impl Problem {
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            hint: None,
            errors: Vec::new(),
        }
    }

    /// The same with the name of a run in place of its id. A command in the hint has the id: a
    /// name may be that of several.
    pub(crate) fn naming(mut self, run: RunId, name: &RunName) -> Self {
        let (id, name) = (format!("flow run {run}"), format!("flow run '{name}'"));
        self.detail = self.detail.replace(&id, &name);
        self
    }

    /// A mistake of this program or this machine.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Internal, detail)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what is wrong at one place.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(PlacedError {
            pointer: pointer.into(),
            detail: detail.into(),
        });
        self
    }

    /// The same where the request is a part of another.
    #[must_use]
    pub(crate) fn within(mut self, pointer: &str) -> Self {
        for error in &mut self.errors {
            error.pointer.insert_str(0, pointer);
        }
        self
    }

    /// What an error says, if it is the refusal of an operation or an error of the store.
    pub fn of(err: &(dyn Error + 'static)) -> Option<Self> {
        if let Some(err) = err.downcast_ref::<Self>() {
            return Some(err.clone());
        }
        if let Some(err) = err.downcast_ref::<StoreError>() {
            return Some(err.into());
        }
        if let Some(refusal) = err.downcast_ref::<ResolveRefusal>() {
            return Some(refusal.into());
        }
        if let Some(refusal) = err.downcast_ref::<StartRefusal>() {
            return Some(refusal.into());
        }
        if let Some(refusal) = err.downcast_ref::<DeployRefusal>() {
            return Some(refusal.into());
        }
        if let Some(refusal) = err.downcast_ref::<ControlRefusal>() {
            return Some(refusal.into());
        }
        if let Some(refusal) = err.downcast_ref::<TokenRefusal>() {
            return Some(refusal.into());
        }
        if let Some(refusal) = err.downcast_ref::<BulkRefusal>() {
            return Some(refusal.into());
        }
        if let Some(refusal) = err.downcast_ref::<FollowRefusal>() {
            return Some(refusal.into());
        }
        if let Some(refusal) = err.downcast_ref::<CopyRefusal>() {
            return Some(refusal.into());
        }
        if let Some(refusal) = err.downcast_ref::<BackupRefusal>() {
            return Some(refusal.into());
        }
        err.downcast_ref::<GiveRefusal>().map(Self::from)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl Error for Problem {}

/// The `?` operator takes refusals by value.
macro_rules! by_value {
    ($($refusal:ty),* $(,)?) => {$(
        impl From<$refusal> for Problem {
            fn from(refusal: $refusal) -> Self {
                Self::from(&refusal)
            }
        }
    )*};
}
by_value!(
    StoreError,
    BlobError,
    ResolveRefusal,
    StartRefusal,
    DeployRefusal,
    ControlRefusal,
    CopyRefusal,
    BackupRefusal,
    TokenRefusal,
    BulkRefusal,
    FollowRefusal,
    GiveRefusal,
);

fn meant(name: &impl fmt::Display) -> String {
    format!("did you mean `{name}`?")
}

/// What was meant, or where to look for it.
fn nearest(name: Option<&impl fmt::Display>, listing: &str) -> String {
    match name {
        Some(name) => meant(name),
        None => format!("`orch-host {listing}` lists what there is"),
    }
}

#[cfg(test)]
mod tests;
