//! Bodies of requests: JSON, checked before it is used.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use model::Json;
use operations::problem::Problem;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::problem::{Refused, WebProblem};

/// Nesting of JSON in a body. What reads it later may go down once for each level.
const DEPTH_MAX: usize = 64;

/// A body of JSON that has the form of `T`.
#[derive(Clone, Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let headers = request.headers().clone();
        let bytes = bytes_of(request, state).await?;
        check_type(&headers)?;
        read_object(&bytes).map(Self)
    }
}

/// The same where a request may do without: then `T` is read from `{}`.
#[derive(Clone, Debug)]
pub struct OptionalBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let headers = request.headers().clone();
        let bytes = bytes_of(request, state).await?;
        if bytes.is_empty() && !headers.contains_key(CONTENT_TYPE) {
            return read(b"{}").map(Self);
        }
        check_type(&headers)?;
        read_object(&bytes).map(Self)
    }
}

/// A body that is any JSON value.
#[derive(Clone, Debug)]
pub struct TextOrJson(pub Json);

impl<S: Send + Sync> FromRequest<S> for TextOrJson {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        check_type(request.headers())?;
        let bytes = bytes_of(request, state).await?;
        read(&bytes).map(Self)
    }
}

/// A form of a page.
#[derive(Clone, Debug)]
pub struct FormBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for FormBody<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        check(request.headers(), "application/x-www-form-urlencoded")?;
        let bytes = bytes_of(request, state).await?;
        serde_html_form::from_bytes(&bytes)
            .map(Self)
            .map_err(|err| Refused::new(WebProblem::Malformed, format!("the form is wrong: {err}")))
    }
}

async fn bytes_of<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Refused> {
    Bytes::from_request(request, state)
        .await
        .map_err(|err| unreadable(&err))
}

/// What to say of a body that did not arrive.
pub fn unreadable(err: &BytesRejection) -> Refused {
    if err.status() == StatusCode::PAYLOAD_TOO_LARGE {
        too_large()
    } else {
        Refused::new(WebProblem::Malformed, "the body was cut off")
    }
}

/// What to say of a body that is not taken.
pub fn too_large() -> Refused {
    Refused::new(
        WebProblem::TooLarge,
        "the body is larger than this server takes",
    )
    .hint("8 MiB are taken, and 64 MiB of a component")
}

fn check_type(headers: &HeaderMap) -> Result<(), Refused> {
    check(headers, "application/json")
}

/// Refuses a body of another type.
pub fn check(headers: &HeaderMap, wanted: &str) -> Result<(), Refused> {
    let given = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let essence = given
        .and_then(|it| it.split(';').next())
        .unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    let detail = match given {
        Some(given) => format!("the body is of type `{given}`"),
        None => "the body has no type".to_owned(),
    };
    let refused = Refused::new(WebProblem::UnsupportedMediaType, detail);
    Err(refused.hint(format!("send it with `Content-Type: {wanted}`")))
}

/// serde would take a list for the fields of an object, in their order.
fn read_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    match bytes.trim_ascii_start().first() {
        Some(b'{') | None => read(bytes),
        Some(_) => {
            let detail = "the body is no JSON object";
            Err(Refused::new(WebProblem::Malformed, detail).at("", detail))
        }
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    if let Some(at) = too_deep(bytes) {
        let detail = format!("the body is nested deeper than {DEPTH_MAX}, at byte {at}");
        return Err(Refused::new(WebProblem::Malformed, detail));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|err| {
        let pointer = pointer(err.path());
        let reason = err.into_inner();
        let detail = match pointer.as_str() {
            "" => format!("the body is wrong: {reason}"),
            place => format!("the body is wrong at `{place}`: {reason}"),
        };
        let refused = Refused::new(WebProblem::Malformed, detail);
        refused.at(pointer, reason.to_string())
    })?;
    deserializer.end().map_err(|err| {
        let detail = format!("the body goes on after its JSON: {err}");
        Refused::new(WebProblem::Malformed, detail)
    })?;
    // Also within values that are passed on as they are.
    let text = str::from_utf8(bytes).map_err(|err| err.to_string());
    let checked = text.and_then(|text| Json::check(text).map_err(|err| err.to_string()));
    checked.map_err(|reason| {
        Refused::new(WebProblem::Malformed, format!("the body is {reason}")).at("", reason)
    })?;
    Ok(value)
}

/// Where the nesting becomes too deep, if it does. Looks at brackets outside of strings only.
fn too_deep(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut in_string, mut is_escaped) = (0usize, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => (),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => (),
        }
        if depth > DEPTH_MAX {
            return Some(at);
        }
    }
    None
}

/// A path as a JSON pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    let steps = path.iter().filter_map(|step| match step {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.replace('~', "~0").replace('/', "~1")),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    steps.map(|step| format!("/{step}")).collect()
}

/// Of a problem that the store of an answer has.
impl From<serde_json::Error> for Refused {
    fn from(err: serde_json::Error) -> Self {
        Problem::internal(err.to_string()).into()
    }
}

#[cfg(test)]
mod tests {
    use operations::client::{DeployRequest, StartRun};

    use super::*;

    #[track_caller]
    fn check<T: DeserializeOwned>(body: &str, detail: &str, pointer: Option<&str>) {
        let Err(refused) = read_object::<T>(body.as_bytes()) else {
            panic!("{body} was taken");
        };
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert!(refused.detail.contains(detail), "{}", refused.detail);
        let found = refused.errors.first().map(|error| error.pointer.as_str());
        assert_eq!(found, pointer);
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        check::<StartRun>("{", "EOF while parsing", Some(""));
        check::<StartRun>("", "EOF while parsing", Some(""));
        check::<StartRun>("[]", "no JSON object", Some(""));
        check::<StartRun>(r#"{"tags": [7]}"#, "invalid type", Some("/tags/0"));
        check::<StartRun>(r#"{"tagz": []}"#, "unknown field `tagz`", Some("/tagz"));
        check::<StartRun>(r#"{"name": "a/b"}"#, "not allowed", Some("/name"));
        check::<StartRun>("{} {}", "goes on", None);
        let number = r#"{"parameters": {"n": 1e400}}"#;
        check::<StartRun>(
            number,
            "the body is not JSON: number out of range",
            Some(""),
        );
        let half = r#"{"parameters": {"n": "\ud800"}}"#;
        check::<StartRun>(
            half,
            "the body is not JSON: unexpected end of hex escape",
            Some(""),
        );
        let twice = r#"{"parameters": {"n": 1, "n": 2}}"#;
        check::<StartRun>(twice, "the name `n` stands twice in an object", Some(""));
        let grants = r#"{"component": "ab", "grants": {"https": []}}"#;
        check::<DeployRequest>(grants, "unknown field `https`", Some("/grants/https"));
    }

    #[test]
    fn a_value_is_kept_as_it_is_written() {
        let start: StartRun = read(br#"{"parameters": {"n": 1.50}}"#).unwrap();
        assert_eq!(start.parameters.unwrap().as_str(), r#"{"n": 1.50}"#);
    }

    #[test]
    fn deep_nesting_is_refused_before_anything_goes_down() {
        let deep = |levels: usize| {
            let (open, close) = ("[".repeat(levels), "]".repeat(levels));
            format!(r#"{{"parameters": {open}{close}}}"#)
        };
        assert!(read::<StartRun>(deep(DEPTH_MAX - 1).as_bytes()).is_ok());
        check::<StartRun>(&deep(DEPTH_MAX), "nested deeper than 64", None);
        check::<StartRun>(&deep(1_000_000), "nested deeper than 64", None);
        let in_text = format!(r#"{{"parameters": "{}\"["}}"#, "[".repeat(1000));
        assert!(read::<StartRun>(in_text.as_bytes()).is_ok());
    }
}
