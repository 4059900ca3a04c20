//! How the parts of the server are put together.

use axum::Router;
use axum::http::{Method, Uri};
use axum::middleware::{from_fn, from_fn_with_state};

use crate::app::App;
use crate::auth::{PageRouter, sign_in};
use crate::web::{Around, Refused, WebProblem};
use crate::{api, docs, pages, web};

/// All that the server answers. From the outside in: id and log, host, then API or pages.
pub fn router(app: App) -> Router {
    let (api, document) = api::router(&app);
    let pages = PageRouter::protect(pages::router(), &app).layer(from_fn(pages::say_once));
    let around = Around {
        app: app.clone(),
        page: pages::problem,
    };
    Router::new()
        .merge(api)
        .merge(pages)
        .merge(sign_in::router(pages::sign_in))
        .merge(pages::assets())
        .merge(docs::router(&document))
        .fallback(nothing)
        .method_not_allowed_fallback(not_so)
        .layer(from_fn(web::in_bounds))
        .layer(from_fn_with_state(app.clone(), web::cors))
        .layer(from_fn_with_state(app.clone(), web::check_host))
        .layer(from_fn_with_state(around, web::around))
        .with_state(app)
}

async fn nothing(uri: Uri) -> Refused {
    let detail = format!("there is nothing at `{}`", uri.path());
    Refused::new(WebProblem::NoRoute, detail)
}

async fn not_so(method: Method) -> Refused {
    let detail = format!("`{method}` cannot be done here");
    Refused::new(WebProblem::MethodNotAllowed, detail)
}
