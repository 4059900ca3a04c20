//! Work that takes longer than a few milliseconds, for callers that share their thread with
//! others.

/// Does the work on a thread where nobody else waits. A panic goes on in the caller.
pub(crate) async fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(err) => std::panic::resume_unwind(err.into_panic()),
    }
}
