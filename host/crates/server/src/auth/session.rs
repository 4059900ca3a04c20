//! Sessions: people who are signed in to the pages.

use std::time::Instant;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use model::{Role, Session, Token};
use operations::access;

use super::audit::{Action, is_unsafe, log};
use crate::app::App;
use crate::settings::Settings;
use crate::web::{Host, Refused, RequestId, WebProblem, is_from_elsewhere};

/// Somebody who is signed in. Pages get it as an argument.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub session: Session,
}

impl Visitor {
    pub fn role(&self) -> Role {
        self.session.token.role
    }

    /// By this name the log of actions knows the visitor.
    pub fn name(&self) -> &str {
        self.session.token.name.as_str()
    }

    pub fn token(&self) -> &Token {
        &self.session.token
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let visitor = parts.extensions.get::<Self>().cloned();
        visitor.ok_or_else(|| Refused::new(WebProblem::Unauthenticated, "nobody is signed in"))
    }
}

/// What the layer around a page knows of it.
#[derive(Clone)]
pub(super) struct PageDoor {
    pub app: App,
    pub path: &'static str,
    pub role: Role,
}

/// Lets a request through whose visitor may see this page, or do what its form says.
pub(super) async fn admit(
    State(door): State<PageDoor>,
    host: Host,
    mut request: Request,
    next: Next,
) -> Response {
    let PageDoor { app, path, role } = door;
    let method = request.method().clone();
    if is_unsafe(&method)
        && let Err(refused) = check_origin(request.headers(), &host)
    {
        return refused.into_response();
    }
    let session = match of_cookie(&app, request.headers()).await {
        Ok(session) => session,
        Err(refused) => return refused.into_response(),
    };
    let Some(session) = session else {
        let wish = request.uri().path_and_query().map(ToString::to_string);
        let wish = wish.filter(|_| !is_unsafe(&method));
        return to_sign_in(wish.as_deref());
    };
    let visitor = Visitor { session };
    let action = Action {
        who: visitor.name().to_owned(),
        name: format!("page {path}"),
        target: request.uri().path().to_owned(),
        request: request.extensions().get::<RequestId>().copied(),
    };
    let begin = Instant::now();
    let response = if visitor.role().allows(role) {
        match app.limits.request(visitor.token().id) {
            Ok(_slot) => {
                request.extensions_mut().insert(visitor);
                next.run(request).await
            }
            Err(refused) => refused.into_response(),
        }
    } else {
        let detail = format!("you are signed in as a {}", visitor.role());
        Refused::new(WebProblem::Forbidden, detail)
            .hint(format!(
                "this needs the role {role}: sign in with another token"
            ))
            .into_response()
    };
    let name = format!("page {path}");
    let status = response.status().as_u16();
    app.metrics.answered(&name, status, begin.elapsed());
    if is_unsafe(&method) {
        let entry = action.answered(app.now(), &response);
        log(&app, entry).await;
    }
    response
}

/// Forms of foreign pages are refused: browsers say where a request comes from. One that says
/// nothing at all is no browser of today.
pub(super) fn check_origin(headers: &HeaderMap, host: &Host) -> Result<(), Refused> {
    const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    let is_same = match headers.get(SITE) {
        Some(site) => site == "same-origin",
        None => {
            headers.contains_key(axum::http::header::ORIGIN) && !is_from_elsewhere(headers, host)
        }
    };
    if is_same {
        Ok(())
    } else {
        let detail = "the form comes from another site";
        Err(Refused::new(WebProblem::ForeignOrigin, detail)
            .hint("open the page, and send its form"))
    }
}

/// To the page where one signs in, and from there to what was wished.
fn to_sign_in(wish: Option<&str>) -> Response {
    let next = match wish {
        None | Some("/") => String::new(),
        Some(wish) => format!("?next={}", escaped(wish)),
    };
    Redirect::to(&format!("/sign-in{next}")).into_response()
}

/// For a value in a query.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_./".contains(&byte) {
            escaped.push(byte.into());
        } else {
            escaped += &format!("%{byte:02X}");
        }
    }
    escaped
}

/// The session that a request's cookie stands for, if it goes on.
async fn of_cookie(app: &App, headers: &HeaderMap) -> Result<Option<Session>, Refused> {
    match secret(headers, &app.settings) {
        Some(secret) => Ok(access::session(&*app.store, secret, app.now()).await?),
        None => Ok(None),
    }
}

/// The name of the cookie. With the prefix browsers take it only over TLS, and for no
/// subdomain.
fn cookie_name(settings: &Settings) -> &'static str {
    if settings.is_secure() {
        "__Host-orch"
    } else {
        "orch"
    }
}

/// The secret in a request's cookie.
pub(super) fn secret<'h>(headers: &'h HeaderMap, settings: &Settings) -> Option<&'h str> {
    let name = cookie_name(settings);
    let cookies = headers.get_all(COOKIE).into_iter();
    let mut pairs = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(key, value)| (key == name).then_some(value))
}

/// The header that gives the cookie; None: takes it away.
pub(super) fn cookie(
    secret: Option<&access::Secret>,
    settings: &Settings,
) -> [(HeaderName, HeaderValue); 1] {
    let (value, age) = match secret {
        // Sessions end on the server, long before.
        Some(secret) => (secret.expose(), 30 * 86_400),
        None => ("", 0),
    };
    let secure = if settings.is_secure() { "; Secure" } else { "" };
    let name = cookie_name(settings);
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}");
    let value = HeaderValue::from_str(&text);
    [(
        SET_COOKIE,
        value.unwrap_or_else(|_| HeaderValue::from_static("")),
    )]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(is_tls: bool) -> Settings {
        Settings {
            bound: "127.0.0.1:4200".parse().unwrap(),
            host: "127.0.0.1".to_owned(),
            is_tls,
            public_url: None,
            cors_origins: Vec::new(),
        }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn a_form_comes_from_the_same_origin() {
        let host = Host("127.0.0.1:4200".parse().unwrap());
        let check = |pairs| check_origin(&headers(pairs), &host).is_ok();
        assert!(check(&[("sec-fetch-site", "same-origin")]));
        assert!(!check(&[("sec-fetch-site", "same-site")]));
        assert!(!check(&[("sec-fetch-site", "cross-site")]));
        assert!(!check(&[("sec-fetch-site", "none")]));
        assert!(check(&[("origin", "http://127.0.0.1:4200")]));
        assert!(!check(&[("origin", "http://127.0.0.1:9")]));
        assert!(!check(&[("origin", "null")]));
        assert!(!check(&[]));
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let found = |is_tls, cookies: &'static str| {
            let headers = headers(&[("cookie", cookies)]);
            secret(&headers, &settings(is_tls)).map(str::to_owned)
        };
        assert_eq!(found(false, "a=1; orch=x; b=2").as_deref(), Some("x"));
        assert_eq!(found(true, "orch=x; __Host-orch=y").as_deref(), Some("y"));
        assert_eq!(found(true, "orch=x"), None);
        assert_eq!(found(false, ""), None);
    }

    #[test]
    fn a_cookie_is_for_this_server_alone() {
        let gone = |is_tls| {
            let [(_, value)] = cookie(None, &settings(is_tls));
            value.to_str().unwrap().to_owned()
        };
        assert_eq!(
            gone(false),
            "orch=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
        );
        assert_eq!(
            gone(true),
            "__Host-orch=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure"
        );
    }

    #[test]
    fn a_wish_survives_signing_in() {
        assert_eq!(
            escaped("/flow-runs?state=FAILED&x=ä"),
            "/flow-runs%3Fstate%3DFAILED%26x%3D%C3%A4"
        );
    }
}
