//! Which server a command asks, if it asks one, and with which token.

use std::sync::Arc;

use client::{HttpClient, ServerUrl};

use super::error::UserError;
use super::files;
use super::place::{DatabaseUrl, Place};
use operations::client::Client;

const URL: &str = "ORCH_API_URL";
const DATABASE: &str = "ORCH_DATABASE_URL";
const TOKEN: &str = "ORCH_API_TOKEN";
/// The largest file with a token, in bytes.
pub const TOKEN_MAX: usize = 4 << 10;

/// The server, unless a database is meant: what is typed goes over what is in the environment,
/// and of the environment the server goes first.
pub fn chosen(
    server: Option<ServerUrl>,
    database: Option<&DatabaseUrl>,
) -> Result<Option<ServerUrl>, UserError> {
    let is_in_environment = |name: &str| std::env::var_os(name).is_some();
    let (Some(url), Some(_)) = (&server, database) else {
        return Ok(server);
    };
    match (is_in_environment(URL), is_in_environment(DATABASE)) {
        (true, false) => Ok(None),
        (false, false) => {
            let message = format!("`--server {url}` and `--database` exclude each other");
            Err(UserError::new(message).hint("leave one of them out"))
        }
        (_, true) => Ok(server),
    }
}

/// Asks the server with the token of the environment, or with that of this machine.
pub fn connect(url: ServerUrl, place: &Place) -> anyhow::Result<Arc<dyn Client>> {
    let token = token(&url, place)?;
    Ok(Arc::new(HttpClient::new(url, &token)?))
}

fn token(url: &ServerUrl, place: &Place) -> Result<String, UserError> {
    let typed = std::env::var(TOKEN).unwrap_or_default();
    // Of a machine that the server is not on, the file means nothing to it.
    let found = if typed.trim().is_empty() && url.is_loopback() {
        let read = files::regular(&place.token, TOKEN_MAX).unwrap_or_default();
        String::from_utf8(read).unwrap_or_default()
    } else {
        typed
    };
    let token = found.trim();
    if token.is_empty() {
        let message = format!("there is no token to show to the server at `{url}`");
        return Err(UserError::new(message).hint(format!(
            "set `{TOKEN}`: on the server's machine, `orch-host token create NAME --role ROLE` makes one"
        )));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(UserError::new(format!("`{TOKEN}` is no token"))
            .hint("a token is one word that begins with `orch_`"));
    }
    Ok(token.to_owned())
}
