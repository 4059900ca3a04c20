//! What a page is asked with, and how it answers.
//!
//! ```text
//! request --> Cx (client, visitor, query, time) --> the page's function --> HTML
//!                                                          |
//!                                                       Problem --> the error page, same words
//! ```

use std::sync::Arc;

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{EventCursor, Role};
use operations::client::{Answered, Client};
use operations::problem::Problem;

use super::looks::{Looks, SAID};
use super::query::{Query, segment};
use super::shell::{Shell, User};
use super::show::{Now, first_chars};
use crate::app::App;
use crate::auth::Visitor;
use crate::web::{Refused, RequestId};

/// What every page is given.
pub struct Cx {
    pub app: App,
    pub client: Arc<dyn Client>,
    pub visitor: Visitor,
    pub looks: Looks,
    pub path: String,
    pub query: Query,
    pub now: Now,
    pub request_id: String,
    /// The newest event before anything was read for this page: what it may not show yet comes
    /// after it.
    seen: EventCursor,
}

impl FromRequestParts<App> for Cx {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let visitor = Visitor::from_request_parts(parts, app).await?;
        let RequestId(id) = RequestId::from_request_parts(parts, app).await?;
        let looks = Looks::of(&parts.headers);
        let seen = app.store.newest_event().await?;
        Ok(Self {
            seen,
            client: Arc::clone(&app.client),
            now: Now {
                at: app.now(),
                zone: looks.zone(),
            },
            app: app.clone(),
            visitor,
            looks,
            path: parts.uri.path().to_owned(),
            query: Query::parse(parts.uri.query().unwrap_or_default()),
            request_id: id.to_string(),
        })
    }
}

impl Cx {
    pub fn can_operate(&self) -> bool {
        self.visitor.role().allows(Role::Operator)
    }

    pub fn can_administer(&self) -> bool {
        self.visitor.role().allows(Role::Admin)
    }

    /// What is around a page with this title.
    pub fn shell(&self, title: impl Into<String>) -> Shell {
        Shell {
            path: self.path.clone(),
            user: Some(User {
                name: self.visitor.name().to_owned(),
                role: self.visitor.role().to_string(),
            }),
            zone: self.now.zone.label.clone(),
            theme: self.looks.theme,
            keys: self.looks.keys,
            said: self.looks.said.clone(),
            seen: self.seen.to_string(),
            ..Shell::of_stranger(&title.into())
        }
    }

    /// The address of this page.
    pub fn here(&self) -> String {
        self.query.at(&self.path)
    }

    /// Answers with what the page's function makes of this, or says why there is nothing.
    pub async fn answer(self, page: impl AsyncFnOnce(&Self) -> Answered<Response>) -> Response {
        match page(&self).await {
            Ok(response) => response,
            Err(problem) => self.problem(problem),
        }
    }

    fn problem(&self, problem: Problem) -> Response {
        let refused = Refused::from(problem);
        problem_page(self.shell(refused.title), &refused, &self.request_id)
    }
}

/// Why there is nothing to see, in the words of the command line.
#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'p> {
    shell: Shell,
    refused: &'p Refused,
    status: u16,
    request_id: &'p str,
}

/// The page of a problem.
pub fn problem_page(shell: Shell, refused: &Refused, request_id: &str) -> Response {
    let page = ProblemPage {
        shell,
        status: refused.status.as_u16(),
        refused,
        request_id,
    };
    let mut response = rendered(&page);
    *response.status_mut() = refused.status;
    response
}

/// A page.
pub fn rendered(page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => {
            let kind = HeaderValue::from_static("text/html; charset=utf-8");
            ([(header::CONTENT_TYPE, kind)], html).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page whose address says something wrong.
pub fn bad_request(page: &impl Template) -> Response {
    let mut response = rendered(page);
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

/// A form that has to be corrected.
pub fn unprocessable(page: &impl Template) -> Response {
    let mut response = rendered(page);
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    response
}

/// Sends the visitor on, after something was done. The next page says what, once.
pub fn see_other(to: &str, said: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    if let Ok(to) = HeaderValue::from_str(to) {
        headers.insert(header::LOCATION, to);
    }
    if !said.is_empty()
        && let Ok(cookie) = HeaderValue::from_str(&format!(
            "{SAID}={}; Path=/; Max-Age=30; HttpOnly; SameSite=Lax",
            segment(&first_chars(said, 300))
        ))
    {
        headers.append(header::SET_COOKIE, cookie);
    }
    response
}

/// A part of a page.
pub fn html(part: &impl Template) -> String {
    part.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a part of a page could not be rendered");
        String::new()
    })
}
