//! The `log` crate's records, handed to the host with the subflow they came from.

use std::io::Write as _;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::{bindings::logging, current, host::host};

/// Hands records to the host.
pub struct Logger;

pub static LOGGER: Logger = Logger;

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        // In a native test, the log of a thread without a host is nobody's.
        #[cfg(not(target_arch = "wasm32"))]
        if crate::host::native::installed().is_none() {
            return;
        }
        let level = match record.level() {
            Level::Error => logging::Level::Error,
            Level::Warn => logging::Level::Warn,
            Level::Info => logging::Level::Info,
            Level::Debug => logging::Level::Debug,
            Level::Trace => logging::Level::Trace,
        };
        let message = record.args().to_string();
        host().log(level, record.target(), &message, current::scope());
    }

    fn flush(&self) {}
}

/// Hands on what was printed without a line break at its end: an instance ends without a word.
pub fn flush() {
    // An instance that cannot print has nowhere to say so.
    let _ = std::io::stdout().flush();
}

/// Sends log records to the host. Which levels are kept is the host's choice.
pub fn install_log() {
    // An author's own logger, set earlier, keeps its place.
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(LevelFilter::Trace);
    }
}

/// Sends log records and panics to the host.
pub fn install() {
    install_log();
    std::panic::set_hook(Box::new(|info| {
        flush();
        let message = info.payload_as_str().unwrap_or("a panic without a message");
        let location = info.location().map(ToString::to_string);
        host().panicked(message, location.as_deref().unwrap_or("unknown"));
    }));
}
