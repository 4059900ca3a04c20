//! `wasi:http/types.http-error-code`, for answers that do not come to their end.
//!
//! What a stream of `wasmtime-wasi-http` fails with is its own error, and its function knows
//! only that of the contract: a guest would be told that something failed, and not what.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::WasiView;
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::bindings::http::types::{
    ErrorCode, FieldSizePayload, IoError, TlsAlertReceivedPayload,
};

use crate::guest::Guest;

/// The version under which `wasmtime-wasi-http` links it.
const TYPES: &str = "wasi:http/types@0.2.12";

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

/// Of what an answer fails with on its way.
fn code(error: &Error) -> ErrorCode {
    match error {
        Error::ConnectionReadTimeout => ErrorCode::ConnectionReadTimeout,
        Error::ConnectionTerminated => ErrorCode::ConnectionTerminated,
        Error::ConnectionTimeout => ErrorCode::ConnectionTimeout,
        Error::HttpProtocolError => ErrorCode::HttpProtocolError,
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
