//! What the machine lacks for the moment is waited for: descriptors, memory, processes. That
//! they are used up is not the fault of whoever asks next.

use std::error::Error;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

/// How long the machine is asked again.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(60);
pub(super) const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Tries again while it fails for want of something that may be there in a moment. Blocks.
pub(super) fn patiently<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let begin = Instant::now();
    loop {
        match attempt() {
            Err(err) if is_for_now(&err) && begin.elapsed() < WAIT_MAX => {
                tracing::warn!(%err, "waiting for what the machine lacks");
                thread::sleep(ASK_AGAIN);
            }
            done => return done,
        }
    }
}

/// Whether it may be otherwise in a moment.
pub(super) fn is_for_now(err: &io::Error) -> bool {
    matches!(
        err.raw_os_error().map(Errno::from_raw_os_error),
        Some(Errno::AGAIN | Errno::MFILE | Errno::NFILE | Errno::NOMEM)
    )
}

/// What the system refused, if an error comes of that.
pub(super) fn refusal_of_system(err: &wasmtime::Error) -> Option<io::Error> {
    err.chain().find_map(|cause: &(dyn Error + 'static)| {
        let code = match cause.downcast_ref::<io::Error>() {
            Some(err) => err.raw_os_error()?,
            None => cause.downcast_ref::<Errno>()?.raw_os_error(),
        };
        Some(io::Error::from_raw_os_error(code))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_for_the_moment_is_asked_for_again() {
        let mut answers = [Errno::MFILE, Errno::NOMEM].map(Err).to_vec();
        answers.push(Ok(7));
        let mut answers = answers.into_iter();
        let done = patiently(|| Ok(answers.next().unwrap()?));
        assert_eq!(done.unwrap(), 7);
    }

    #[test]
    fn what_will_be_lacking_then_too_is_told_at_once() {
        let done: io::Result<()> = patiently(|| Err(Errno::NOENT.into()));
        assert_eq!(done.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_refusal_is_found_below_what_was_said_of_it() {
        let refused = wasmtime::Error::from(Errno::MFILE).context("no descriptor for the file");
        let found = refusal_of_system(&refused).unwrap();
        assert!(is_for_now(&found));
        let other = wasmtime::Error::msg("no such thing");
        assert!(refusal_of_system(&other).is_none());
    }
}
