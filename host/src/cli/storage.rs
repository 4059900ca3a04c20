//! Where blobs are kept, as typed.

use std::sync::Arc;

use super::context::Context;
use super::error::UserError;
use super::place::DatabaseUrl;
use blobs::{Cause, Storage, StorageError, StorageUrl};
use operations::blobs::Blobs;
use store::Store;

/// Reads what was typed, or what the environment has.
pub fn read(text: &str) -> Result<StorageUrl, UserError> {
    text.parse().map_err(|err: blobs::StorageUrlError| {
        // What stands before an `@` may be a password.
        let shown = match text.rsplit_once('@') {
            Some((_, place)) => format!("…@{place}"),
            None => text.to_owned(),
        };
        UserError::new(format!("`{shown}` is no storage: {err}")).hint(err.hint())
    })
}

/// The storage of this process: what was typed, else a directory of this machine beside a database
/// of this machine. None: the database itself.
pub fn of(cx: &Context) -> Result<Option<Storage>, UserError> {
    let beside = || match cx.place.database {
        DatabaseUrl::Sqlite(_) => Some(StorageUrl::Directory(cx.place.home.join("blobs"))),
        DatabaseUrl::Postgres(_) => None,
    };
    let url = cx.place.storage.clone().or_else(beside);
    let opened = url.map(|url| Storage::open(&url)).transpose();
    opened.map_err(|err| refused(&err))
}

/// The same for a worker, which looks at once whether it can be used.
pub async fn of_worker(cx: &Context) -> Result<Option<Storage>, UserError> {
    let storage = of(cx)?;
    if let Some(storage) = &storage
        && let Err(err) = storage.look().await
    {
        if !err.cause.may_pass() {
            return Err(refused(&err));
        }
        cx.out.warn(
            &format!("tasks that write or read blobs may fail: {err}"),
            hint(&err),
        );
    }
    Ok(storage)
}

/// The blobs of this process.
pub fn blobs(cx: &Context, store: &Arc<dyn Store>) -> Result<Blobs, UserError> {
    Ok(Blobs::new(Arc::clone(store), of(cx)?))
}

fn refused(err: &StorageError) -> UserError {
    UserError::new(err.to_string()).hint(hint(err))
}

fn hint(err: &StorageError) -> &'static str {
    match err.cause {
        Cause::NoPlace => "make it, or name another with `ORCH_STORAGE_URL`",
        Cause::NotAllowed => "let this program read, write and delete there",
        Cause::NotKnown => {
            "credentials come from the environment, such as `AWS_ACCESS_KEY_ID` and \
             `AWS_SECRET_ACCESS_KEY`"
        }
        Cause::NoSpace | Cause::Gone | Cause::Late | Cause::Other => {
            "`ORCH_STORAGE_URL` names the storage"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_storage_is_said_without_a_password() {
        let err = read("s3://key:secret@bucket").unwrap_err();
        assert!(
            err.message.starts_with("`…@bucket` is no storage: "),
            "{err}"
        );
        assert!(!err.message.contains("secret"), "{err}");
        assert!(err.hint.is_some());
    }
}
