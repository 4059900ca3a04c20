//! Why a request has no answer, in the codes of `wasi:http` and in words.
//!
//! | cause | code |
//! |---|---|
//! | not granted | `HTTP-request-denied` |
//! | a granted name that leads into the own network | `destination-IP-prohibited` |
//! | the name is not found | `DNS-error`, with words |
//! | nobody listens there | `connection-refused` |
//! | too slow | `connection-timeout`, `HTTP-response-timeout`, `connection-read-timeout`, `connection-write-timeout` |
//! | cut off | `connection-terminated`, `HTTP-response-incomplete` |
//! | the certificate does not fit | `TLS-alert-received` with a number from 42 to 48, and words |
//! | another fault of TLS | `TLS-alert-received` with another number, and words |
//! | no HTTP | `HTTP-protocol-error` |
//! | too large | `HTTP-request-body-size`, `HTTP-response-body-size`, `HTTP-response-header-section-size` |
//! | the proxy, and all else | `internal-error`, with words |

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use hyper_util::client::legacy;
use tokio_rustls::rustls::{self, AlertDescription, CertificateError};
use wasmtime_wasi_http::Error;

use super::client::HEAD_MAX;
use super::connect::Unreached;

/// Of a request that was not answered.
pub(super) fn of_client(err: &legacy::Error) -> Error {
    find(err).unwrap_or_else(|| internal(&chain(err)))
}

/// Of an answer that was not finished.
pub(super) fn of_hyper(err: &hyper::Error) -> Error {
    find(err).unwrap_or_else(|| internal(&chain(err)))
}

/// The first cause that there is a code for.
fn find(err: &(dyn StdError + 'static)) -> Option<Error> {
    let mut causes = Some(err);
    while let Some(cause) = causes {
        if let Some(found) = of_cause(cause) {
            return Some(found);
        }
        // What an error of I/O wraps is not its source, but what that has.
        let wrapped = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        causes = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    None
}

fn of_cause(cause: &(dyn StdError + 'static)) -> Option<Error> {
    if let Some(unreached) = cause.downcast_ref::<Unreached>() {
        return Some(of_unreached(unreached));
    }
    if let Some(err) = cause.downcast_ref::<rustls::Error>() {
        return Some(of_tls(err));
    }
    if let Some(err) = cause.downcast_ref::<hyper::Error>() {
        return of_hyper_alone(err);
    }
    // What wraps another is looked into first.
    match cause.downcast_ref::<io::Error>() {
        Some(err) if err.get_ref().is_none() || err.kind() == ErrorKind::UnexpectedEof => {
            Some(of_io(err))
        }
        _ => None,
    }
}

fn of_unreached(unreached: &Unreached) -> Error {
    match unreached {
        Unreached::Private { .. } => Error::DestinationIpProhibited,
        Unreached::Unknown { why, .. } => Error::DnsError {
            rcode: Some(why.to_string()),
            info_code: None,
        },
        Unreached::Io(err) => of_io(err),
        Unreached::TimedOut(_) => Error::ConnectionTimeout,
        Unreached::Proxy(why) => internal(why),
    }
}

fn of_io(err: &io::Error) -> Error {
    match err.kind() {
        ErrorKind::ConnectionRefused => Error::ConnectionRefused,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            Error::DestinationUnavailable
        }
        ErrorKind::TimedOut => Error::ConnectionTimeout,
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected
        | ErrorKind::UnexpectedEof => Error::ConnectionTerminated,
        _ => internal(&err.to_string()),
    }
}

/// With the alert that the server is sent.
fn of_tls(err: &rustls::Error) -> Error {
    let alert = match err {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                AlertDescription::CertificateExpired
            }
            CertificateError::UnknownIssuer => AlertDescription::UnknownCA,
            CertificateError::Revoked => AlertDescription::CertificateRevoked,
            _ => AlertDescription::BadCertificate,
        },
        rustls::Error::AlertReceived(alert) => *alert,
        _ => AlertDescription::HandshakeFailure,
    };
    Error::TlsAlertReceived {
        alert_id: Some(alert.into()),
        alert_message: Some(err.to_string()),
    }
}

fn of_hyper_alone(err: &hyper::Error) -> Option<Error> {
    if err.is_parse_too_large() {
        let max = u32::try_from(HEAD_MAX).unwrap_or(u32::MAX);
        return Some(Error::HttpResponseHeaderSectionSize(Some(max)));
    }
    if err.is_parse() {
        return Some(Error::HttpProtocolError);
    }
    if err.is_incomplete_message() {
        return Some(Error::HttpResponseIncomplete);
    }
    if err.is_timeout() {
        return Some(Error::HttpResponseTimeout);
    }
    if err.is_closed() || err.is_canceled() {
        return Some(Error::ConnectionTerminated);
    }
    None
}

fn internal(words: &str) -> Error {
    Error::InternalError(Some(words.to_owned()))
}

fn chain(err: &dyn StdError) -> String {
    let mut words = err.to_string();
    let mut causes = err.source();
    while let Some(cause) = causes {
        words = format!("{words}: {cause}");
        causes = cause.source();
    }
    words
}
