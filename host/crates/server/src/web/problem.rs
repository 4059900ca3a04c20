//! Problems as answers: RFC 9457.
//!
//! A handler answers with [`Refused`], which carries the problem beside the response. The
//! outermost layer writes it, as JSON or as a page, since it alone knows the request's id and
//! what the client wants.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use operations::problem::{PlacedError, Problem, ProblemKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Problems that only a request over HTTP has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WebProblem {
    /// The body is no JSON, or not of the form that is asked for.
    Malformed,
    Unauthenticated,
    Forbidden,
    /// No page or operation has this path.
    NoRoute,
    MethodNotAllowed,
    NotAcceptable,
    Timeout,
    TooLarge,
    UnsupportedMediaType,
    UnknownHost,
    ForeignOrigin,
    /// The same idempotency key was used for another request.
    KeyReused,
    /// The first request with this idempotency key is not answered yet.
    KeyPending,
    /// It was changed by another since it was read.
    Changed,
    PreconditionRequired,
    TooManyRequests,
    Overloaded,
    Stopping,
}

impl WebProblem {
    pub const ALL: [Self; 18] = [
        Self::Malformed,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NoRoute,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::Timeout,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::UnknownHost,
        Self::ForeignOrigin,
        Self::KeyReused,
        Self::KeyPending,
        Self::Changed,
        Self::PreconditionRequired,
        Self::TooManyRequests,
        Self::Overloaded,
        Self::Stopping,
    ];

    fn parts(self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Self::Malformed => (
                "malformed",
                "The request cannot be read",
                StatusCode::BAD_REQUEST,
            ),
            Self::Unauthenticated => (
                "unauthenticated",
                "The request shows no valid token",
                StatusCode::UNAUTHORIZED,
            ),
            Self::Forbidden => (
                "forbidden",
                "The role does not allow this",
                StatusCode::FORBIDDEN,
            ),
            Self::NoRoute => ("no-route", "There is nothing here", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                "This cannot be done here",
                StatusCode::METHOD_NOT_ALLOWED,
            ),
            Self::NotAcceptable => (
                "not-acceptable",
                "There is no answer in this form",
                StatusCode::NOT_ACCEPTABLE,
            ),
            Self::Timeout => (
                "timeout",
                "The request took too long",
                StatusCode::REQUEST_TIMEOUT,
            ),
            Self::TooLarge => (
                "too-large",
                "The request is too large",
                StatusCode::PAYLOAD_TOO_LARGE,
            ),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                "The body is of another type",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ),
            Self::UnknownHost => (
                "unknown-host",
                "The request is for another host",
                StatusCode::MISDIRECTED_REQUEST,
            ),
            Self::ForeignOrigin => (
                "foreign-origin",
                "The request comes from a foreign page",
                StatusCode::FORBIDDEN,
            ),
            Self::KeyReused => (
                "key-reused",
                "The idempotency key is of another request",
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            Self::KeyPending => (
                "key-pending",
                "The first request with this key is not answered yet",
                StatusCode::CONFLICT,
            ),
            Self::Changed => (
                "changed",
                "It was changed meanwhile",
                StatusCode::PRECONDITION_FAILED,
            ),
            Self::PreconditionRequired => (
                "precondition-required",
                "The request must say what it changes",
                StatusCode::PRECONDITION_REQUIRED,
            ),
            Self::TooManyRequests => (
                "too-many-requests",
                "Too many requests at once",
                StatusCode::TOO_MANY_REQUESTS,
            ),
            Self::Overloaded => (
                "overloaded",
                "The server has too much to do",
                StatusCode::SERVICE_UNAVAILABLE,
            ),
            Self::Stopping => (
                "stopping",
                "The server stops",
                StatusCode::SERVICE_UNAVAILABLE,
            ),
        }
    }
}

/// The status of what an operation refused.
pub fn status(kind: ProblemKind) -> StatusCode {
    match kind {
        ProblemKind::NotFound => StatusCode::NOT_FOUND,
        ProblemKind::TooOld => StatusCode::GONE,
        ProblemKind::InvalidName | ProblemKind::InvalidQuery | ProblemKind::InvalidCursor => {
            StatusCode::BAD_REQUEST
        }
        ProblemKind::InvalidParameters
        | ProblemKind::InvalidInput
        | ProblemKind::InvalidRequest
        | ProblemKind::InvalidComponent => StatusCode::UNPROCESSABLE_ENTITY,
        ProblemKind::Ambiguous
        | ProblemKind::WrongState
        | ProblemKind::Exists
        | ProblemKind::InUse
        | ProblemKind::KeyTaken => StatusCode::CONFLICT,
        ProblemKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        // Of clients, about a server: no answer of this one.
        ProblemKind::NotServed => StatusCode::BAD_REQUEST,
        ProblemKind::Unreachable => StatusCode::BAD_GATEWAY,
        ProblemKind::Database | ProblemKind::Damaged | ProblemKind::Internal => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

/// A kind of problem, for the documentation.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub slug: &'static str,
    pub title: &'static str,
    pub status: u16,
}

/// All kinds, by their words.
pub fn kinds() -> Vec<Kind> {
    let of_web = WebProblem::ALL.map(WebProblem::parts);
    let of_operations = ProblemKind::ALL.map(|kind| (kind.slug(), kind.title(), status(kind)));
    let all = of_web.into_iter().chain(of_operations);
    let mut kinds: Vec<Kind> = all
        .map(|(slug, title, status)| Kind {
            slug,
            title,
            status: status.as_u16(),
        })
        .collect();
    kinds.sort_by_key(|kind| kind.slug);
    kinds
}

/// A problem on its way to the client.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The stable word.
    pub slug: &'static str,
    pub title: &'static str,
    pub status: StatusCode,
    pub detail: String,
    pub hint: Option<String>,
    pub errors: Vec<PlacedError>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refused {
    pub fn new(problem: WebProblem, detail: impl Into<String>) -> Self {
        let (slug, title, status) = problem.parts();
        Self {
            slug,
            title,
            status,
            detail: detail.into(),
            hint: None,
            errors: Vec::new(),
            headers: Vec::new(),
        }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(PlacedError {
            pointer: pointer.into(),
            detail: detail.into(),
        });
        self
    }

    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// After how many seconds to try again.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.header(header::RETRY_AFTER, seconds.into())
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        let kind = problem.kind;
        let refused = Self {
            slug: kind.slug(),
            title: kind.title(),
            status: status(kind),
            detail: problem.detail,
            hint: problem.hint,
            errors: problem.errors,
            headers: Vec::new(),
        };
        match kind {
            ProblemKind::Unavailable => refused.retry_after(1),
            _ => refused,
        }
    }
}

impl From<store::StoreError> for Refused {
    fn from(err: store::StoreError) -> Self {
        Problem::from(err).into()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.headers_mut().extend(self.headers.clone());
        response.extensions_mut().insert(self);
        response
    }
}

/// A problem document, as of RFC 9457.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ProblemDocument {
    /// What kind of problem it is: stable, for programs.
    #[serde(rename = "type")]
    #[schema(example = "/docs/problems#not-found")]
    pub kind: String,
    /// The same for people.
    #[schema(example = "There is no such thing")]
    pub title: String,
    #[schema(example = 404)]
    pub status: u16,
    /// What was wrong, with the value.
    #[schema(example = "there is no deployment `etl/nightli`")]
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "did you mean `etl/nightly`?")]
    pub hint: Option<String>,
    /// Where in the body of the request it was wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<PlacedErrorDocument>,
    /// By which the server's log names the request.
    #[schema(value_type = String, format = "uuid")]
    pub request_id: Uuid,
}

/// Something that is wrong at one place of a request.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PlacedErrorDocument {
    /// A JSON pointer into the body.
    #[schema(example = "/parameters/item_id")]
    pub pointer: String,
    #[schema(example = "parameter `item_id` is missing: expected an integer")]
    pub detail: String,
}

/// The URI of a kind of problem. It is relative, and documented there.
pub fn type_of(slug: &str) -> String {
    format!("/docs/problems#{slug}")
}

/// The document of a problem.
pub fn problem_body(refused: &Refused, request_id: Uuid) -> ProblemDocument {
    let errors = refused.errors.iter().map(|error| PlacedErrorDocument {
        pointer: error.pointer.clone(),
        detail: error.detail.clone(),
    });
    ProblemDocument {
        kind: type_of(refused.slug),
        title: refused.title.to_owned(),
        status: refused.status.as_u16(),
        detail: refused.detail.clone(),
        hint: refused.hint.clone(),
        errors: errors.collect(),
        request_id,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        let of_web = WebProblem::ALL.map(|it| it.parts().0);
        let of_operations = ProblemKind::ALL.map(ProblemKind::slug);
        let all: Vec<_> = of_web.into_iter().chain(of_operations).collect();
        let unique: HashSet<_> = all.iter().collect();
        assert_eq!(unique.len(), all.len());
    }

    #[test]
    fn every_status_is_of_an_error() {
        for problem in WebProblem::ALL {
            let (_, _, status) = problem.parts();
            assert!(status.is_client_error() || status.is_server_error());
        }
        for kind in ProblemKind::ALL {
            assert_eq!(
                status(kind).is_client_error(),
                kind.is_mistake_of_user() && kind != ProblemKind::Database
            );
        }
    }
}
