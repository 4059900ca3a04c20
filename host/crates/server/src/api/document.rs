//! The description of the API: OpenAPI 3.1.
//!
//! Operations describe themselves. What all have in common is added here: the problems that
//! they may answer with, so that none is forgotten.

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::Value;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Components, Content, ContentBuilder, Info, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr,
    ResponseBuilder,
};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::app::App;
use crate::auth::SCHEME;
use crate::web::ProblemDocument;

/// What the description begins with.
pub(super) fn head() -> OpenApi {
    let mut info = Info::new("orch-host", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Runs workflows as sandboxed WebAssembly components. Listings give `items` and `next`: \
         pass `next` as `cursor`, with the same filters, for the part after it. Times are of \
         RFC 3339 in UTC, spans end in `_ms`, ids are texts. Fields are added, never renamed. \
         A POST that creates something takes an `Idempotency-Key`: the same request with the \
         same key is done once, and answered alike for a day."
            .to_owned(),
    );
    let mut components = Components::new();
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme(SCHEME, scheme);
    let mut schemas = vec![(
        ProblemDocument::name().into_owned(),
        ProblemDocument::schema(),
    )];
    ProblemDocument::schemas(&mut schemas);
    components.schemas.extend(schemas);
    OpenApiBuilder::new()
        .info(info)
        .components(Some(components))
        .build()
}

/// Adds what all operations have in common.
pub(super) fn finish(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        each(item, |operation| {
            for (status, description) in problems(operation) {
                let known = &mut operation.responses.responses;
                known
                    .entry(status.to_owned())
                    .or_insert_with(|| RefOr::T(problem(description)));
            }
        });
    }
}

fn each(item: &mut PathItem, mut change: impl FnMut(&mut Operation)) {
    let operations = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ];
    operations.into_iter().flatten().for_each(&mut change);
}

/// The statuses that an operation may have besides those that it declares.
fn problems(operation: &Operation) -> Vec<(&'static str, &'static str)> {
    let parameters = operation.parameters.iter().flatten();
    let has = |place: ParameterIn| {
        let mut places = parameters.clone().filter_map(|it| match it {
            RefOr::T(parameter) => Some(parameter.parameter_in.clone()),
            RefOr::Ref(_) => None,
        });
        places.any(|it| it == place)
    };
    let has_body = operation.request_body.is_some();
    let mut all = vec![
        (
            "400",
            "The request cannot be read, or a name or a filter is wrong",
        ),
        ("401", "The request shows no valid token"),
        (
            "403",
            "The role does not allow this, or the request comes from a foreign page",
        ),
        ("406", "There is no answer in this form"),
        ("408", "The request took too long"),
        ("421", "The request is for another host"),
        ("429", "The token has too many requests or streams at once"),
        ("500", "The server made a mistake"),
        (
            "503",
            "The server has too much to do, or the database is not available",
        ),
    ];
    if has(ParameterIn::Path) || has(ParameterIn::Query) || has_body {
        all.push(("404", "What is named does not exist"));
        all.push((
            "409",
            "The name means several things, or the state of what is named does not allow this",
        ));
    }
    if has_body {
        all.push(("413", "The body is too large"));
        all.push(("415", "The body is of another type"));
        all.push(("422", "The body does not fit what is named"));
    }
    all
}

fn problem(description: &str) -> utoipa::openapi::Response {
    let schema = Ref::from_schema_name(ProblemDocument::name());
    let content: Content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content)
        .build()
}

/// The description itself. It has nothing that is secret, so anybody may read it.
pub(super) fn router(document: &OpenApi) -> Router<App> {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    simplify(&mut document);
    let text = document.to_string();
    let text: &'static str = text.leak();
    let json = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    Router::new().route(
        "/openapi.json",
        get(async move || (json, text).into_response()),
    )
}

/// Says the same so that more programs understand it.
///
/// - An optional value is described as one of its schema and `null`. Where the schema is that of
///   any JSON, `null` fits both, and a strict reader refuses it: any of them is what is meant.
/// - A list of so many values is described as one with no others (`items: false`), which some
///   generators of clients cannot read. Its length says that, too.
/// - Numbers without a sign are described as `int32` and `int64`, which cannot hold all of them.
fn simplify(value: &mut Value) {
    let is_null = |schema: &Value| schema["type"] == "null";
    if let Some(object) = value.as_object_mut() {
        let one_of = object.get("oneOf").and_then(Value::as_array);
        if one_of.is_some_and(|all| all.iter().any(is_null))
            && let Some(schemas) = object.remove("oneOf")
        {
            object.insert("anyOf".to_owned(), schemas);
        }
        if object.get("items") == Some(&Value::Bool(false))
            && let Some(count) = object
                .get("prefixItems")
                .and_then(|it| Some(it.as_array()?.len()))
        {
            object.remove("items");
            object.insert("minItems".to_owned(), count.into());
            object.insert("maxItems".to_owned(), count.into());
        }
        if object.get("minimum").and_then(Value::as_f64) >= Some(0.0) {
            object.remove("format");
        }
    }
    match value {
        Value::Object(object) => object.values_mut().for_each(simplify),
        Value::Array(all) => all.iter_mut().for_each(simplify),
        _ => {}
    }
}
