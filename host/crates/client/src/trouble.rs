//! What goes wrong between a command and a server, in words.

use std::error::Error;

use operations::problem::{Problem, ProblemKind};

use crate::address::ServerUrl;

/// The request was not answered.
pub fn unreachable(url: &ServerUrl, err: &(dyn Error + 'static)) -> Problem {
    let cause = cause(err);
    let detail = format!("the server at `{url}` cannot be reached: {cause}");
    let problem = Problem::new(ProblemKind::Unreachable, detail);
    if cause.contains("CaUsedAsEndEntity") {
        problem.hint(
            "this certificate is that of an authority, which a server cannot use as its own; \
             `openssl req -x509 -addext basicConstraints=CA:FALSE` makes one for a server",
        )
    } else if is_of_tls(err) {
        problem.hint(
            "`https://` needs a certificate that this machine trusts: `SSL_CERT_FILE` names a \
             file with more of them; a server without TLS has an `http://` address",
        )
    } else {
        problem.hint("is the address right, and does `orch-host server start` run there?")
    }
}

/// The connection was lost after the request was sent.
pub fn lost(url: &ServerUrl, cause: &str) -> Problem {
    let detail = format!("the server at `{url}` did not answer: {cause}");
    Problem::new(ProblemKind::Unreachable, detail)
        .hint("it may be stopping, or too busy: try again in a moment")
}

/// For what is not asked twice.
pub const MAY_BE_DONE: &str = "what was asked may have been done: look before you ask again";

/// What answers speaks another language.
pub fn no_http(url: &ServerUrl, cause: &str) -> Problem {
    let detail = format!("what answers at `{url}` does not speak HTTP: {cause}");
    Problem::new(ProblemKind::NotServed, detail)
        .hint("is the port right? The address of a server with TLS begins with `https://`")
}

/// Something answers, but not as our servers do.
pub fn stranger(url: &ServerUrl, what: &str) -> Problem {
    let detail = format!("what answers at `{url}` is no server of orch-host: {what}");
    Problem::new(ProblemKind::NotServed, detail)
        .hint("`--server` and `ORCH_API_URL` take the address that `orch-host server start` prints")
}

/// The innermost cause, which tells most.
pub fn cause(err: &(dyn Error + 'static)) -> String {
    let mut inner = err;
    while let Some(next) = inner.source() {
        inner = next;
    }
    inner.to_string()
}

fn is_of_tls(err: &(dyn Error + 'static)) -> bool {
    let mut at = Some(err);
    while let Some(err) = at {
        let text = err.to_string();
        if text.contains("certificate") || text.contains("TLS") || text.contains("corrupt message")
        {
            return true;
        }
        // The error of TLS stands within one of I/O, which does not give it as its source.
        at = err
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .map(|inner| inner as &(dyn Error + 'static))
            .or(err.source());
    }
    false
}
