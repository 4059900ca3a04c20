//! WASI for flows and tasks. Neither sees files or an environment. A task reaches the hosts
//! that were granted, a flow no network at all. A flow gets its clocks and its random
//! numbers from its journal.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use chacha20::ChaCha8Rng;
use rand::SeedableRng;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx};

use super::limits::LOG_LINE_MAX;
use super::masks::SecretVariable;
use super::network::{self, Network};
use super::port::{FlowClock, GuestLine, LogSink, Replayable, Surroundings};
use model::{EnvGrant, Grants, LogLevel};

/// A context whose only outside is the log and what is granted.
pub(super) fn context(
    around: &Surroundings,
    network: &Arc<Network>,
    secrets: &[SecretVariable],
) -> WasiCtx {
    let mut wasi = WasiCtx::builder();
    wasi.stdout(Lines::new(&around.logs, LogLevel::Info, "stdout"))
        .stderr(Lines::new(&around.logs, LogLevel::Warn, "stderr"));
    network::open(&mut wasi, network);
    if around.replayable.is_none() {
        for (name, value) in variables(&around.grants) {
            wasi.env(name, value);
        }
        for (name, secret) in secrets {
            wasi.env(name, secret.as_str());
        }
    }
    if let Some(Replayable { seed, clock }) = &around.replayable {
        // Two streams, so that one's use does not shift the other's numbers.
        let mut other = *seed;
        other[0] ^= 1;
        wasi.secure_random(ChaCha8Rng::from_seed(*seed))
            .insecure_random(ChaCha8Rng::from_seed(other))
            .insecure_random_seed(u128::from_le_bytes(*half(seed)))
            .wall_clock(JournalClock(Arc::clone(clock)))
            .monotonic_clock(JournalClock(Arc::clone(clock)));
    }
    wasi.build()
}

/// The variables that were granted. Of two with one name the last one counts.
fn variables(grants: &Grants) -> BTreeMap<String, String> {
    // What an earlier version has stored may mean nothing any more.
    let granted = grants.env.iter().filter_map(|it| it.parse().ok());
    let value = |grant: EnvGrant| match grant.value {
        Some(value) => Some((grant.name, value)),
        // What the worker has not, the task has not either.
        None => std::env::var(&grant.name)
            .ok()
            .map(|value| (grant.name, value)),
    };
    granted.filter_map(value).collect()
}

fn half(seed: &[u8; 32]) -> &[u8; 16] {
    seed.first_chunk().expect("32 bytes hold 16")
}

struct JournalClock(Arc<dyn FlowClock>);

impl HostWallClock for JournalClock {
    fn resolution(&self) -> Duration {
        Duration::from_micros(1)
    }

    fn now(&self) -> Duration {
        self.0.now().since_epoch()
    }
}

impl HostMonotonicClock for JournalClock {
    fn resolution(&self) -> u64 {
        1000
    }

    /// Counts from the Unix epoch. A monotonic clock may begin anywhere, and this beginning
    /// is the same on replay.
    fn now(&self) -> u64 {
        u64::try_from(self.0.now().since_epoch().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A standard stream, whose lines go to the log.
#[derive(Clone)]
struct Lines {
    level: LogLevel,
    target: &'static str,
    logs: Arc<dyn LogSink>,
    /// The beginning of a line that has not ended.
    begun: Arc<Mutex<Vec<u8>>>,
}

impl Lines {
    fn new(logs: &Arc<dyn LogSink>, level: LogLevel, target: &'static str) -> Self {
        Self {
            level,
            target,
            logs: Arc::clone(logs),
            begun: Arc::default(),
        }
    }

    fn say(&self, line: &[u8]) -> StreamResult<()> {
        let line = GuestLine {
            level: self.level,
            target: self.target.to_owned(),
            message: String::from_utf8_lossy(line).into_owned(),
            scope: None,
        };
        self.logs
            .line(line)
            .map_err(|full| StreamError::Trap(super::halt::Halt::Limit(full.to_string()).into()))
    }

    fn take(&self, bytes: &[u8]) -> StreamResult<()> {
        let mut begun = self.begun.lock().expect("no panic while lines are cut");
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            begun.extend_from_slice(part);
            // A line without a newline is cut, so that it does not fill the memory.
            if begun.ends_with(b"\n") || begun.len() >= LOG_LINE_MAX {
                let line = std::mem::take(&mut *begun);
                self.say(line.strip_suffix(b"\n").unwrap_or(&line))?;
            }
        }
        Ok(())
    }
}

impl Drop for Lines {
    /// Writes the last line, which need not end in a newline.
    fn drop(&mut self) {
        // Each open stream holds a clone; the last clone writes the rest.
        if Arc::strong_count(&self.begun) == 1 {
            let rest = std::mem::take(&mut *self.begun.lock().expect("as above"));
            if !rest.is_empty() {
                let _ = self.say(&rest);
            }
        }
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Only preview 3 asks for this, which is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {
        if let Some(room) = self.logs.room() {
            room.await;
        }
    }
}

#[wasmtime_wasi::async_trait]
impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(match self.logs.room() {
            None => LOG_LINE_MAX,
            Some(_) => 0,
        })
    }
}
