//! The codes of `wasi:http/types` for what becomes of requests, and its `http-error-code`, for answers
//! that do not come to their end.
//!
//! What a stream of `wasmtime-wasi-http` fails with is its own error, and its function knows
//! only that of the contract: a guest would be told that something failed, and not what.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::WasiView;
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::bindings::http::types::{
    DnsErrorPayload, ErrorCode, FieldSizePayload, IoError, TlsAlertReceivedPayload,
};

use crate::guest::Guest;

/// The version under which `wasmtime-wasi-http` links it.
pub(super) const TYPES: &str = "wasi:http/types@0.2.12";

pub(super) fn shadow_error_code(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "http-error-code",
        |mut store: StoreContextMut<'_, Guest>, (error,): (Resource<IoError>,)| {
            let error = store.data_mut().ctx().table.get(&error)?;
            let code = match error.downcast_ref::<ErrorCode>() {
                Some(code) => Some(code.clone()),
                None => error.downcast_ref::<Error>().map(code),
            };
            Ok((code,))
        },
    )
}

/// Of what a request or its answer fails with.
pub(super) fn code(error: &Error) -> ErrorCode {
    match error {
        Error::ConnectionLimitReached => ErrorCode::ConnectionLimitReached,
        Error::ConnectionReadTimeout => ErrorCode::ConnectionReadTimeout,
        Error::ConnectionRefused => ErrorCode::ConnectionRefused,
        Error::ConnectionTerminated => ErrorCode::ConnectionTerminated,
        Error::ConnectionTimeout => ErrorCode::ConnectionTimeout,
        Error::ConnectionWriteTimeout => ErrorCode::ConnectionWriteTimeout,
        Error::DestinationIpProhibited => ErrorCode::DestinationIpProhibited,
        Error::DestinationUnavailable => ErrorCode::DestinationUnavailable,
        Error::DnsError { rcode, info_code } => ErrorCode::DnsError(DnsErrorPayload {
            rcode: rcode.clone(),
            info_code: *info_code,
        }),
        Error::HttpProtocolError => ErrorCode::HttpProtocolError,
        Error::HttpRequestBodySize(max) => ErrorCode::HttpRequestBodySize(*max),
        Error::HttpRequestDenied => ErrorCode::HttpRequestDenied,
        Error::HttpRequestMethodInvalid => ErrorCode::HttpRequestMethodInvalid,
        Error::HttpRequestUriInvalid => ErrorCode::HttpRequestUriInvalid,
        Error::HttpResponseBodySize(max) => ErrorCode::HttpResponseBodySize(*max),
        Error::HttpResponseHeaderSectionSize(max) => ErrorCode::HttpResponseHeaderSectionSize(*max),
        Error::HttpResponseIncomplete => ErrorCode::HttpResponseIncomplete,
        Error::HttpResponseTimeout => ErrorCode::HttpResponseTimeout,
        Error::HttpResponseTrailerSize {
            field_name,
            field_size,
        } => ErrorCode::HttpResponseTrailerSize(FieldSizePayload {
            field_name: field_name.clone(),
            field_size: *field_size,
        }),
        Error::TlsAlertReceived {
            alert_id,
            alert_message,
        } => ErrorCode::TlsAlertReceived(TlsAlertReceivedPayload {
            alert_id: *alert_id,
            alert_message: alert_message.clone(),
        }),
        Error::InternalError(words) => ErrorCode::InternalError(words.clone()),
        other => ErrorCode::InternalError(Some(other.to_string())),
    }
}
