//! `logging`: a run's log.

use crate::bindings::logging;
use crate::convert;
use crate::guest::Guest;
use crate::halt::{Halt, Panic};
use crate::limits::{FAILURE_MESSAGE_MAX, LOG_LINE_MAX, LOG_TARGET_MAX, cut};
use crate::port::GuestLine;

impl logging::Host for Guest {
    async fn log(
        &mut self,
        level: logging::Level,
        target: String,
        message: String,
        scope: Option<u64>,
    ) -> wasmtime::Result<()> {
        if let Some(room) = self.logs().room() {
            room.await;
        }
        let line = GuestLine {
            level: convert::log_level(level),
            target: cut(target, LOG_TARGET_MAX),
            message: cut(message, LOG_LINE_MAX),
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
