//! Why a request has no answer.

use super::url::Url;
use crate::{Error, ErrorKind};

/// Why a request has no answer, or an answer no end.
pub(super) struct Failed {
    pub kind: ErrorKind,
    pub words: String,
}

impl Failed {
    pub fn new(kind: ErrorKind, words: impl Into<String>) -> Self {
        let words = words.into();
        Self { kind, words }
    }

    /// With what was asked.
    pub fn of(self, method: &str, url: &Url) -> Error {
        let message = format!("{method} {url}: {}", self.words);
        match self.kind {
            // About this very run: others could send it.
            ErrorKind::Refused | ErrorKind::Limit => Error::of_this_run(self.kind, message),
            kind => Error::of_kind(kind, message),
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod codes {
    use super::Failed;
    use crate::ErrorKind;
    use wasip2::http::types::ErrorCode;

    /// Alerts of TLS (RFC 8446, section 6) from `bad_certificate` to `unknown_ca`.
    const ABOUT_CERTIFICATES: std::ops::RangeInclusive<u8> = 42..=48;

    impl From<ErrorCode> for Failed {
        fn from(code: ErrorCode) -> Self {
            let size = |max: Option<u64>| match max {
                Some(max) => format!("; the limit is {max} bytes"),
                None => String::new(),
            };
            match code {
                ErrorCode::HttpRequestDenied => Self::new(
                    ErrorKind::Refused,
                    "refused: the deployment was not granted requests to this host",
                ),
                ErrorCode::DestinationIpProhibited => Self::new(
                    ErrorKind::Refused,
                    "refused: the host is one of the own network, which was not granted",
                ),
                ErrorCode::DnsTimeout => {
                    Self::new(ErrorKind::Error, "its host was not found in time")
                }
                ErrorCode::DnsError(why) => Self::new(
                    ErrorKind::Error,
                    format!("its host was not found: {}", why.rcode.unwrap_or_default()),
                ),
                ErrorCode::ConnectionRefused => Self::new(ErrorKind::Error, "connection refused"),
                ErrorCode::DestinationUnavailable
                | ErrorCode::DestinationNotFound
                | ErrorCode::DestinationIpUnroutable => {
                    Self::new(ErrorKind::Error, "no way leads to the host")
                }
                ErrorCode::ConnectionTimeout => {
                    Self::new(ErrorKind::Error, "no connection in time")
                }
                ErrorCode::HttpResponseTimeout => Self::new(ErrorKind::Error, "no answer in time"),
                ErrorCode::ConnectionReadTimeout => {
                    Self::new(ErrorKind::Error, "the answer did not go on in time")
                }
                ErrorCode::ConnectionWriteTimeout => Self::new(
                    ErrorKind::Error,
                    "the server took no more of the request in time",
                ),
                ErrorCode::ConnectionTerminated => {
                    Self::new(ErrorKind::Error, "the connection was cut off")
                }
                ErrorCode::HttpResponseIncomplete => {
                    Self::new(ErrorKind::Error, "the answer was cut off")
                }
                ErrorCode::ConnectionLimitReached => Self::new(
                    ErrorKind::Error,
                    "the worker had no room for one more request in time",
                ),
                ErrorCode::TlsAlertReceived(alert) => {
                    let words = alert.alert_message.unwrap_or_default();
                    match alert.alert_id {
                        Some(id) if ABOUT_CERTIFICATES.contains(&id) => Self::new(
                            ErrorKind::Permanent,
                            format!("the certificate does not fit: {words}"),
                        ),
                        _ => Self::new(ErrorKind::Error, format!("TLS failed: {words}")),
                    }
                }
                ErrorCode::HttpProtocolError => {
                    Self::new(ErrorKind::Error, "the answer is not HTTP")
                }
                ErrorCode::HttpRequestBodySize(max) => Self::new(
                    ErrorKind::Limit,
                    format!("the body of the request is too large{}", size(max)),
                ),
                ErrorCode::HttpResponseBodySize(max) => Self::new(
                    ErrorKind::Limit,
                    format!("the body of the answer is too large{}", size(max)),
                ),
                ErrorCode::HttpResponseHeaderSectionSize(max) => Self::new(
                    ErrorKind::Limit,
                    format!(
                        "the headers of the answer are too large{}",
                        size(max.map(u64::from))
                    ),
                ),
                ErrorCode::HttpRequestUriInvalid => {
                    Self::new(ErrorKind::Permanent, "its host is none")
                }
                ErrorCode::InternalError(Some(words)) => Self::new(ErrorKind::Error, words),
                code => Self::new(ErrorKind::Error, code.to_string()),
            }
        }
    }
}
