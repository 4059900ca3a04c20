//! What a page is asked with, and how it answers.
//!
//! ```text
//! request --> Cx (client, visitor, query, time) --> the page's function --> HTML
//!                                                          |
//!                                                       Problem --> the error page, same words
//! ```

use std::sync::Arc;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use model::Role;
use operations::client::{Answered, Client};
use operations::problem::Problem;

use super::query::{Query, segment};
use super::shell::{Shell, User};
use super::show::{Now, first_chars};

/// Who looks, and how they like it.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub name: String,
    pub role: Role,
    /// `light` or `dark`, if chosen.
    pub theme: Option<&'static str>,
    /// The time zone, if chosen. None: that of the browser.
    pub zone: Option<String>,
    pub keys: bool,
}

/// What every page is given.
pub struct Cx {
    pub client: Arc<dyn Client>,
    pub visitor: Visitor,
    pub path: String,
    pub query: Query,
    pub now: Now,
    /// What came of what the visitor did last.
    pub said: Option<String>,
    pub request_id: String,
}

impl Cx {
    pub fn can_operate(&self) -> bool {
        self.visitor.role >= Role::Operator
    }

    pub fn can_administer(&self) -> bool {
        self.visitor.role >= Role::Admin
    }

    /// What is around a page with this title.
    pub fn shell(&self, title: impl Into<String>) -> Shell {
        Shell {
            path: self.path.clone(),
            user: Some(User {
                name: self.visitor.name.clone(),
                role: self.visitor.role.as_str().to_owned(),
            }),
            zone: self.now.zone.label.clone(),
            theme: self.visitor.theme,
            keys: self.visitor.keys,
            said: self.said.clone(),
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
            Err(problem) => self.problem(&problem),
        }
    }

    fn problem(&self, problem: &Problem) -> Response {
        let status = crate::problem::status(problem.kind);
        let page = ProblemPage {
            shell: self.shell(problem.kind.title()),
            heading: problem.kind.title(),
            problem,
            status: status.as_u16(),
            request_id: &self.request_id,
        };
        let mut response = rendered(&page);
        *response.status_mut() = status;
        response
    }
}

/// Why there is nothing to see, in the words of the command line.
#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'p> {
    shell: Shell,
    heading: &'static str,
    problem: &'p Problem,
    status: u16,
    request_id: &'p str,
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

/// The cookie with what was done last.
pub const SAID: &str = "said";

/// A part of a page.
pub fn html(part: &impl Template) -> String {
    part.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a part of a page could not be rendered");
        String::new()
    })
}
