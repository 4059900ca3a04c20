//! The error of flows and tasks: any `std::error::Error` converts into it, and it knows
//! whether a retry could help.

use std::{any::Any, error::Error as StdError, fmt, io, rc::Rc};

use crate::bindings::types::{Failure, FailureKind};

/// `Result` with the SDK's [`Error`] unless said otherwise.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a flow or task did not succeed.
///
/// Any `std::error::Error` converts with `?`, and [`bail!`](crate::bail!) and
/// [`ensure!`](crate::ensure!) make one from a message. `{}` shows the outermost message,
/// `{:#}` the whole chain, which is what the run's failure says.
///
/// ```
/// use guest_sdk::prelude::*;
///
/// fn port(text: &str) -> Result<u16> {
///     let port: u16 = text.parse().context("the port")?;
///     ensure!(port > 1023, "port {port} is reserved");
///     Ok(port)
/// }
///
/// assert_eq!(format!("{:#}", port("x").unwrap_err()), "the port: invalid digit found in string");
/// assert_eq!(port("80").unwrap_err().to_string(), "port 80 is reserved");
/// ```
#[derive(Clone)]
pub struct Error(Rc<Inner>);

struct Inner {
    kind: ErrorKind,
    /// The kind is about the run that holds the error, not about another one it depends on:
    /// it was itself told to stop, or was itself given arguments that do not fit.
    own: bool,
    what: What,
}

enum What {
    Source(Box<dyn StdError>),
    Context {
        /// None: only the kind differs.
        message: Option<String>,
        cause: Error,
    },
}

/// The kind of failure that an [`Error`] is.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The author's code returned an error. Retried if the policy allows.
    Error,
    /// The author's code returned an error that no retry can mend.
    Permanent,
    /// The author's code panicked or trapped.
    Panicked,
    /// The attempt or the wait took longer than its options allow.
    TimedOut,
    /// A limit of the host was reached; the message names it.
    Limit,
    /// The host or the machine failed, not the code.
    Crashed,
    /// The run was cancelled.
    Cancelled,
    /// Something that a task should have waited for, or taken as an argument, failed.
    Upstream,
    /// No such deployment, flow, task or run.
    NotFound,
    /// The arguments do not fit the parameters, or a value is not what was expected.
    Invalid,
    /// The call is not allowed here, such as a task that starts a task.
    Refused,
}

impl Error {
    /// An error from a message.
    pub fn msg(message: impl fmt::Display) -> Self {
        Self::of_kind(ErrorKind::Error, message.to_string())
    }

    /// An error that is never retried, from a message or another error.
    ///
    /// ```
    /// use guest_sdk::prelude::*;
    ///
    /// let error = Error::permanent("no such customer");
    /// assert_eq!(error.kind(), ErrorKind::Permanent);
    /// ```
    pub fn permanent(error: impl Into<Box<dyn StdError>>) -> Self {
        Self::of_kind(ErrorKind::Permanent, error)
    }

    pub(crate) fn of_kind(kind: ErrorKind, error: impl Into<Box<dyn StdError>>) -> Self {
        Self(Rc::new(Inner {
            kind,
            own: false,
            what: What::Source(error.into()),
        }))
    }

    /// An error of a kind that is about the run that holds it.
    pub(crate) fn of_this_run(kind: ErrorKind, message: String) -> Self {
        Self(Rc::new(Inner {
            kind,
            own: true,
            what: What::Source(message.into()),
        }))
    }

    /// Arguments or values that do not fit.
    pub(crate) fn invalid(message: String) -> Self {
        Self::of_kind(ErrorKind::Invalid, message)
    }

    /// Arguments of this very run that do not fit.
    pub(crate) fn invalid_arguments(message: String) -> Self {
        Self::of_this_run(ErrorKind::Invalid, message)
    }

    /// A failure from the host, about something that the run asked for or depends on.
    pub(crate) fn from_host(failure: &Failure) -> Self {
        Self::of_kind(failure.kind.into(), failure.message.clone())
    }

    /// A failure of what a task does itself by the host: its kind is about this very run.
    pub(crate) fn from_own_call(failure: Failure) -> Self {
        match failure.kind.into() {
            ErrorKind::Error => Self::from_host(&failure),
            kind => Self::of_this_run(kind, failure.message),
        }
    }

    /// A failure from a blocking call of the host: `cancelled` is about this very run.
    pub(crate) fn from_wait(failure: Failure) -> Self {
        let kind: ErrorKind = failure.kind.into();
        Self(Rc::new(Inner {
            kind,
            own: kind == ErrorKind::Cancelled,
            what: What::Source(failure.message.into()),
        }))
    }

    /// For `Read` and `Write`.
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::other(Told {
            kind: self.kind(),
            own: self.0.own,
            message: format!("{self:#}"),
        })
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The same error, but never retried.
    pub fn into_permanent(self) -> Self {
        self.wrap(ErrorKind::Permanent, None)
    }

    /// The same error below a message that says what was being done.
    pub fn context(self, message: impl fmt::Display) -> Self {
        let kind = self.kind();
        self.wrap(kind, Some(message.to_string()))
    }

    fn wrap(self, kind: ErrorKind, message: Option<String>) -> Self {
        let own = self.0.own;
        Self(Rc::new(Inner {
            kind,
            own,
            what: What::Context {
                message,
                cause: self,
            },
        }))
    }

    /// The error this was made from, if it is an `E`. Contexts are looked through.
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        match &self.0.what {
            What::Source(error) => error.downcast_ref(),
            What::Context { cause, .. } => cause.downcast_ref(),
        }
    }

    /// The failure of the run that returns this error.
    ///
    /// A task or child that timed out or crashed is, for the flow that gives up over it, an
    /// ordinary error: the flow itself did neither.
    pub(crate) fn into_failure(self) -> Failure {
        let kind = match self.kind() {
            ErrorKind::Permanent => FailureKind::Permanent,
            kind if self.0.own => kind.into(),
            _ => FailureKind::Error,
        };
        Failure {
            kind,
            message: format!("{self:#}"),
        }
    }
}

/// An error on its way through a trait of the standard library. `?` makes the same of it again.
#[derive(Debug)]
struct Told {
    kind: ErrorKind,
    own: bool,
    message: String,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Told {}

impl<E: StdError + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        let any: &dyn Any = &error;
        let io = any.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(Told { kind, own, message }) = io.and_then(|it| it.downcast_ref()) {
            return Self(Rc::new(Inner {
                kind: *kind,
                own: *own,
                what: What::Source(message.clone().into()),
            }));
        }
        Self::of_kind(ErrorKind::Error, error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.what {
            What::Source(error) => {
                write!(f, "{error}")?;
                let mut source = error.source();
                while let Some(error) = source.filter(|_| f.alternate()) {
                    write!(f, ": {error}")?;
                    source = error.source();
                }
                Ok(())
            }
            What::Context {
                message: None,
                cause,
            } => fmt::Display::fmt(cause, f),
            What::Context {
                message: Some(message),
                cause,
            } => {
                f.write_str(message)?;
                if f.alternate() {
                    write!(f, ": {cause:#}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#}")
    }
}

impl From<FailureKind> for ErrorKind {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Error => Self::Error,
            FailureKind::Permanent => Self::Permanent,
            FailureKind::Panicked => Self::Panicked,
            FailureKind::TimedOut => Self::TimedOut,
            FailureKind::Limit => Self::Limit,
            FailureKind::Crashed => Self::Crashed,
            FailureKind::Cancelled => Self::Cancelled,
            FailureKind::Upstream => Self::Upstream,
            FailureKind::NotFound => Self::NotFound,
            FailureKind::Invalid => Self::Invalid,
            FailureKind::Refused => Self::Refused,
        }
    }
}

impl From<ErrorKind> for FailureKind {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Error => Self::Error,
            ErrorKind::Permanent => Self::Permanent,
            ErrorKind::Panicked => Self::Panicked,
            ErrorKind::TimedOut => Self::TimedOut,
            ErrorKind::Limit => Self::Limit,
            ErrorKind::Crashed => Self::Crashed,
            ErrorKind::Cancelled => Self::Cancelled,
            ErrorKind::Upstream => Self::Upstream,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Invalid => Self::Invalid,
            ErrorKind::Refused => Self::Refused,
        }
    }
}

/// Adds to a `Result` or an `Option` what the code was doing when it failed.
pub trait Context<T> {
    /// Puts `message` before the error, or makes an error of a missing value.
    fn context(self, message: impl fmt::Display) -> Result<T>;

    /// Like [`context`](Self::context), with a message that is only made when needed.
    fn with_context<M: fmt::Display>(self, message: impl FnOnce() -> M) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for std::result::Result<T, E> {
    fn context(self, message: impl fmt::Display) -> Result<T> {
        self.map_err(|error| error.into().context(message))
    }

    fn with_context<M: fmt::Display>(self, message: impl FnOnce() -> M) -> Result<T> {
        self.map_err(|error| error.into().context(message()))
    }
}

impl<T> Context<T> for Option<T> {
    fn context(self, message: impl fmt::Display) -> Result<T> {
        self.ok_or_else(|| Error::msg(message))
    }

    fn with_context<M: fmt::Display>(self, message: impl FnOnce() -> M) -> Result<T> {
        self.ok_or_else(|| Error::msg(message()))
    }
}

/// Returns an error made from a message, as with `format!`.
#[macro_export]
macro_rules! bail {
    ($($message:tt)+) => {
        return ::core::result::Result::Err($crate::Error::msg(::std::format!($($message)+)).into())
    };
}

/// Returns an error unless a condition holds. Without a message, the condition is shown.
#[macro_export]
macro_rules! ensure {
    ($condition:expr $(,)?) => {
        if !$condition {
            $crate::bail!("this should hold, and does not: `{}`", ::core::stringify!($condition));
        }
    };
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            $crate::bail!($($message)+);
        }
    };
}

#[cfg(test)]
mod tests {
    use std::num::ParseIntError;

    use super::*;

    fn parse(text: &str) -> Result<u32> {
        Ok(text.parse()?)
    }

    #[track_caller]
    fn check(error: Error, kind: FailureKind, message: &str) {
        let failure = error.into_failure();
        assert_eq!((failure.kind, failure.message.as_str()), (kind, message));
    }

    #[test]
    fn an_error_that_passes_through_io_is_the_same() {
        let gone = Error::of_this_run(ErrorKind::NotFound, "there is no blob".to_owned());
        check(
            gone.into_io().into(),
            FailureKind::NotFound,
            "there is no blob",
        );
        let other = io::Error::other("no route");
        check(other.into(), FailureKind::Error, "no route");
    }

    #[test]
    fn a_failure_tells_the_whole_chain() {
        let error = parse("x").context("reading the port").unwrap_err();
        assert_eq!(error.to_string(), "reading the port");
        assert!(error.downcast_ref::<ParseIntError>().is_some());
        let message = "reading the port: invalid digit found in string";
        check(error, FailureKind::Error, message);
    }

    #[test]
    fn a_context_keeps_the_kind() {
        let error = Error::permanent("gone").context("looking");
        check(error, FailureKind::Permanent, "looking: gone");
    }

    #[test]
    fn what_is_made_permanent_keeps_its_message() {
        let error = Error::msg("inner").context("outer").into_permanent();
        check(error, FailureKind::Permanent, "outer: inner");
    }

    #[test]
    fn what_befell_another_run_is_an_ordinary_error_of_this_one() {
        for kind in [
            FailureKind::TimedOut,
            FailureKind::Cancelled,
            FailureKind::Invalid,
        ] {
            let failure = Failure {
                kind,
                message: "over there".into(),
            };
            let error = Error::from_host(&failure);
            assert_eq!(error.kind(), kind.into());
            check(error, FailureKind::Error, "over there");
        }
    }

    #[test]
    fn what_befell_this_run_keeps_its_kind() {
        let error = Error::invalid_arguments("`n` is missing".into());
        check(error, FailureKind::Invalid, "`n` is missing");
        let told = Failure {
            kind: FailureKind::Cancelled,
            message: "told to stop".into(),
        };
        let error = Error::from_wait(told).context("waiting");
        check(error, FailureKind::Cancelled, "waiting: told to stop");
    }

    #[test]
    fn a_missing_value_becomes_an_error() {
        let error = None::<u32>.with_context(|| "no such key").unwrap_err();
        check(error, FailureKind::Error, "no such key");
    }
}
