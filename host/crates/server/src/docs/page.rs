//! The two pages: operations with their shapes, and kinds of problems.

use askama::Template;
use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::{MethodRouter, get};
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::operations::{Group, groups};
use super::schemas::{Shape, shapes};
use crate::app::App;
use crate::pages::Shell;
use crate::web::{Kind, kinds};

#[derive(Template)]
#[template(path = "docs.html")]
struct Page {
    shell: Shell,
    description: String,
    version: String,
    groups: Vec<Group>,
    shapes: Vec<Shape>,
}

#[derive(Template)]
#[template(path = "docs_problems.html")]
struct Problems {
    shell: Shell,
    kinds: Vec<Kind>,
}

/// They have nothing that is secret, so anybody may read them, as the description itself.
pub fn router(document: &OpenApi) -> Router<App> {
    let document = serde_json::to_value(document).unwrap_or(Value::Null);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let page = Page {
        shell: Shell {
            json: Some("/openapi.json".to_owned()),
            ..Shell::of_stranger("API")
        },
        description: text(&document["info"]["description"]),
        version: text(&document["info"]["version"]),
        groups: groups(&document),
        shapes: shapes(&document),
    };
    let problems = Problems {
        shell: Shell::of_stranger("Problems"),
        kinds: kinds(),
    };
    Router::new()
        .route("/docs", fixed(&page))
        .route("/docs/problems", fixed(&problems))
}

/// A page that never changes while the server runs: it is rendered once.
fn fixed(page: &impl Template) -> MethodRouter<App> {
    let html = page.render().unwrap_or_else(|error| {
        tracing::error!(%error, "the documentation cannot be shown");
        String::new()
    });
    let html: &'static str = html.leak();
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    let headers = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    get(async move || (headers, html))
}
