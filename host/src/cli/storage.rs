//! Where blobs are kept, as typed.

use super::context::Context;
use super::error::UserError;
use blobs::{Storage, StorageError, StorageUrl};

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

/// Opens the storage of a worker, which looks at once whether it can be used.
pub async fn of_worker(cx: &Context) -> Result<Option<Storage>, UserError> {
    let opened = cx.place.blobs().map(|url| Storage::open(&url)).transpose();
    let storage = opened.map_err(|err| refused(&err))?;
    if let Some(storage) = &storage
        && let Err(err) = storage.look().await
    {
        if !err.cause.may_pass() {
            return Err(refused(&err));
        }
        cx.out.warn(
            &format!("tasks that write or read blobs may fail: {err}"),
            err.hint(),
        );
    }
    Ok(storage)
}

fn refused(err: &StorageError) -> UserError {
    UserError::new(err.to_string()).hint(err.hint())
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
