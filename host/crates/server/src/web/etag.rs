//! Versions of what can be edited, so that nobody undoes what another did meanwhile.

use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::problem::{Refused, WebProblem};

/// The version of a thing, from its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    pub fn of(thing: &impl Serialize) -> Self {
        let text = serde_json::to_string(thing).unwrap_or_default();
        let digest = Sha256::digest(text);
        let hex: String = digest
            .iter()
            .take(8)
            .map(|it| format!("{it:02x}"))
            .collect();
        Self(format!("\"{hex}\""))
    }

    /// For the headers of an answer.
    pub fn header(&self) -> [(HeaderName, HeaderValue); 1] {
        let value = HeaderValue::from_str(&self.0);
        [(ETAG, value.unwrap_or(HeaderValue::from_static("\"\"")))]
    }
}

/// Which version of a thing the client has seen.
#[derive(Clone, Debug)]
pub struct IfMatch(String);

impl IfMatch {
    /// Refuses if it is another one now.
    pub fn check(&self, now: &ETag) -> Result<(), Refused> {
        let mut seen = self.0.split(',').map(str::trim);
        if seen.any(|seen| seen == "*" || seen == now.0) {
            return Ok(());
        }
        let detail = format!("it is not `{}` any more: it is `{}`", self.0, now.0);
        let refused = Refused::new(WebProblem::Changed, detail);
        Err(refused.hint("read it again, and change what it is now"))
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let given = parts.headers.get(IF_MATCH).and_then(|it| it.to_str().ok());
        match given {
            Some(given) => Ok(Self(given.to_owned())),
            None => Err(
                Refused::new(WebProblem::PreconditionRequired, "an edit needs `If-Match`")
                    .hint("send the `ETag` with which it was read, or `*` for whatever it is"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn an_edit_names_the_version_it_edits() {
        let (old, new) = (ETag::of(&"old"), ETag::of(&"new"));
        let check = |seen: &str| IfMatch(seen.to_owned()).check(&new);
        assert!(check(&new.0).is_ok());
        assert!(check("*").is_ok());
        assert!(check(&format!("{}, {}", old.0, new.0)).is_ok());
        let refused = check(&old.0).unwrap_err();
        assert_eq!(refused.status, StatusCode::PRECONDITION_FAILED);
    }
}
