//! `logging`: a run's log.

use crate::bindings::logging;
use crate::convert;
use crate::guest::Guest;
use crate::halt::{Halt, Panic};
use crate::limits::{FAILURE_MESSAGE_MAX, cut};
use crate::port::GuestLine;

impl logging::Host for Guest {
    fn log(
        &mut self,
        level: logging::Level,
        target: String,
        message: String,
        scope: Option<u64>,
    ) -> wasmtime::Result<()> {
        let line = GuestLine {
            level: convert::log_level(level),
            target,
            message: cut(message, self.limits.log_line_max),
            scope: convert::scope(scope),
        };
        self.logs()
            .line(line)
            .map_err(|full| Halt::Limit(full.to_string()).into())
    }

    fn panicked(&mut self, message: String, location: String) -> wasmtime::Result<()> {
        self.panic = Some(Panic {
            message: cut(message, FAILURE_MESSAGE_MAX),
            location: cut(location, FAILURE_MESSAGE_MAX),
        });
        Ok(())
    }
}
