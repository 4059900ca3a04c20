//! Pages for those who have not signed in: the sign-in itself, and problems.

use askama::Template;
use axum::response::Response;
use uuid::Uuid;

use super::cx::{problem_page, rendered};
use super::shell::Shell;
use crate::app::App;
use crate::web::Refused;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page<'p> {
    shell: Shell,
    next: &'p str,
    /// The secret of a sign-in link, which stands for a token.
    link: Option<&'p str>,
    error: Option<&'p str>,
}

/// The page where one signs in. `next`: where to go afterwards; `link`: the secret of a
/// sign-in link.
pub fn sign_in(_app: &App, next: &str, link: Option<&str>, error: Option<&str>) -> Response {
    rendered(&Page {
        shell: Shell::of_stranger("Sign in"),
        next,
        link,
        error,
    })
}

/// What is told in place of a page.
pub fn problem(_app: &App, refused: &Refused, request_id: Uuid) -> Response {
    let shell = Shell::of_stranger(refused.title);
    problem_page(shell, refused, &request_id.to_string())
}
