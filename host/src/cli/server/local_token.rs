//! The token of this machine: a file in the home, for its owner alone.
//!
//! Whoever can read it can read the database, too, so it opens no new door. Commands on the
//! same machine use it to talk to the server.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use crate::cli::error::UserError;
use crate::cli::files;
use crate::cli::remote::TOKEN_MAX;
use model::{Role, Token, TokenName};
use operations::access;
use store::{Missing, Store, StoreError};

const NAME: &str = "local";

/// The token whose secret is in the file; a new one, if that is of no use.
pub async fn local_token(store: &dyn Store, path: &Path) -> anyhow::Result<Token> {
    let now = store.clock().now();
    if let Ok(secret) = files::regular(path, TOKEN_MAX)
        && let Ok(secret) = String::from_utf8(secret)
        && let Some(token) = access::bearer(store, secret.trim(), now).await?
        && token.role == Role::Admin
    {
        return Ok(token);
    }
    let name = TokenName::new(NAME)?;
    match store.revoke_token(&name, now).await {
        Ok(_) | Err(StoreError::NotFound(Missing::Token(_))) => (),
        Err(err) => return Err(err.into()),
    }
    let (token, secret) = access::create_token(store, name, Role::Admin, None).await?;
    write_private(path, secret.expose()).map_err(|err| {
        UserError::new(format!("`{}` cannot be written: {err}", path.display()))
            .hint("set `ORCH_HOME` to a directory that you may write to")
    })?;
    Ok(token)
}

/// Nobody else can read it at any time, and a reader finds all of it or nothing.
fn write_private(path: &Path, secret: &str) -> io::Result<()> {
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    writeln!(file, "{secret}")?;
    file.sync_all()?;
    fs::rename(&new, path)
}
