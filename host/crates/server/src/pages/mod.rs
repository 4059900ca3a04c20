//! The pages: HTML made on the server from the views that the API gives.

pub mod form;
pub mod show;

use axum::Router;
use axum::response::{Html, IntoResponse, Response};
use uuid::Uuid;

use crate::app::App;
use crate::auth::PageRouter;
use crate::web::Refused;

/// The pages, each with the role that it needs.
pub fn router() -> PageRouter {
    PageRouter::new()
}

/// What pages load: the style sheet, the script. Anybody may have it.
pub fn assets() -> Router<App> {
    Router::new()
}

/// The page where one signs in. `next`: where to go afterwards; `link`: the secret of a
/// sign-in link.
pub fn sign_in(_app: &App, next: &str, link: Option<&str>, error: Option<&str>) -> Response {
    let error = error.map_or(String::new(), |error| format!("<p>{}</p>", escape(error)));
    let field = match link {
        Some(link) => format!("<input type=hidden name=link value=\"{}\">", escape(link)),
        None => "<label>Token <input type=password name=token required></label>".to_owned(),
    };
    Html(format!(
        "<!doctype html><title>Sign in</title><h1>Sign in</h1>{error}<form method=post \
         action=\"/sign-in\"><input type=hidden name=next value=\"{}\">{field}<button>Sign \
         in</button></form>",
        escape(next)
    ))
    .into_response()
}

/// What is told in place of a page.
pub fn problem(_app: &App, refused: &Refused, request_id: Uuid) -> Response {
    Html(format!(
        "<!doctype html><title>{0}</title><h1>{0}</h1><p>{1}</p><p>{2}</p><p>Request {3}</p>",
        escape(refused.title),
        escape(&refused.detail),
        escape(refused.hint.as_deref().unwrap_or_default()),
        request_id
    ))
    .into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
