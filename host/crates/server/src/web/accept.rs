//! In which form a client wants its answer.

use axum::extract::Request;
use axum::http::header::ACCEPT;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::{Refused, WebProblem};

const FORMS: [&str; 9] = [
    "*/*",
    "application/*",
    "application/json",
    "application/octet-stream",
    "application/problem+json",
    "application/openmetrics-text",
    "text/event-stream",
    "text/plain",
    "text/*",
];

/// Refuses clients that take none of the forms that the API has.
pub async fn acceptable(request: Request, next: Next) -> Response {
    let accept = request.headers().get_all(ACCEPT).into_iter();
    let wanted: Vec<_> = accept.filter_map(|it| it.to_str().ok()).collect();
    if wanted.is_empty() || wanted.iter().any(|wanted| is_had(wanted)) {
        return next.run(request).await;
    }
    let detail = format!("there is no answer as `{}`", wanted.join(", "));
    Refused::new(WebProblem::NotAcceptable, detail)
        .hint("the API answers in JSON: `Accept: application/json`")
        .into_response()
}

fn is_had(wanted: &str) -> bool {
    wanted.split(',').any(|form| {
        let form = form.split(';').next().unwrap_or_default().trim();
        FORMS.iter().any(|had| form.eq_ignore_ascii_case(had))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_had_in_many_words() {
        assert!(is_had("application/json"));
        assert!(is_had("text/html, */*;q=0.1"));
        assert!(is_had("Application/JSON; charset=utf-8"));
        assert!(!is_had("text/html"));
        assert!(!is_had("application/xml, image/png"));
    }
}
