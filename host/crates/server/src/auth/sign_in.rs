//! Signing in to the pages, and out.
//!
//! With a token, or with the link that `orch-host server start` prints, which is used up by
//! it. A link is opened by a GET, which only shows a button: programs that look at links
//! beforehand do not use it up.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use model::AuditEntry;
use operations::access::{self, Secret};
use serde::Deserialize;

use super::session::{check_origin, cookie, secret};
use crate::app::App;
use crate::web::{FormBody, Host, Query, Refused, RequestId};

/// Makes the page with the form: where to go afterwards, the secret of a link, what was wrong.
type Page = fn(&App, &str, Option<&str>, Option<&str>) -> Response;

pub fn router(page: Page) -> Router<App> {
    Router::new()
        .route("/sign-in", get(show).post(sign_in).layer(Extension(page)))
        .route("/sign-out", post(sign_out))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wish {
    /// The secret of a link.
    link: Option<String>,
    /// Where to go afterwards.
    next: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Credentials {
    token: Option<String>,
    link: Option<String>,
    next: String,
}

async fn show(
    State(app): State<App>,
    Extension(page): Extension<Page>,
    Query(wish): Query<Wish>,
) -> Response {
    page(&app, &inner(&wish.next), wish.link.as_deref(), None)
}

async fn sign_in(
    State(app): State<App>,
    Extension(page): Extension<Page>,
    host: Host,
    id: RequestId,
    headers: HeaderMap,
    FormBody(credentials): FormBody<Credentials>,
) -> Result<Response, Refused> {
    check_origin(&headers, &host)?;
    let next = inner(&credentials.next);
    let now = app.now();
    let signed_in = match (&credentials.token, &credentials.link) {
        (Some(token), _) => access::sign_in(&*app.store, token.trim(), now).await?,
        (None, Some(link)) => access::sign_in_by_link(&*app.store, link, now).await?,
        (None, None) => None,
    };
    let Some((token, session)) = signed_in else {
        let error = match credentials.token {
            Some(_) => "The token is not known, was revoked, or has expired.",
            None => "The link was used already, or its time is over. Sign in with a token.",
        };
        return Ok(page(&app, &next, None, Some(error)));
    };
    let entry = AuditEntry {
        at: now,
        who: token.name.to_string(),
        action: "sign_in".to_owned(),
        target: "/sign-in".to_owned(),
        outcome: "303".to_owned(),
        request: Some(id.0),
    };
    app.store.audit(entry).await?;
    Ok(to(&next, Some(&session), &app))
}

async fn sign_out(
    State(app): State<App>,
    host: Host,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    check_origin(&headers, &host)?;
    if let Some(secret) = secret(&headers, &app.settings) {
        access::sign_out(&*app.store, secret).await?;
    }
    Ok(to("/sign-in", None, &app))
}

fn to(place: &str, session: Option<&Secret>, app: &App) -> Response {
    (cookie(session, &app.settings), Redirect::to(place)).into_response()
}

/// A place on this server: nobody can be sent elsewhere by a link to the sign-in.
fn inner(next: &str) -> String {
    let is_inner = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && !next.contains(char::is_control);
    if is_inner {
        next.to_owned()
    } else {
        "/".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        assert_eq!(inner("/flow-runs?state=FAILED"), "/flow-runs?state=FAILED");
        for outer in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/a\r\nX: y",
            "javascript:alert(1)",
        ] {
            assert_eq!(inner(outer), "/", "{outer}");
        }
    }
}
