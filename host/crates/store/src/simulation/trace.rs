//! What happened, for people: shown when a simulation fails.

/// What happened; shown when the simulation fails.
pub(super) struct Trace {
    pub(super) seed: u64,
    pub(super) lines: Vec<String>,
}

impl Drop for Trace {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for line in &self.lines {
                eprintln!("{line}");
            }
            eprintln!("again with ORCH_SIM_SEED={}", self.seed);
        }
    }
}

macro_rules! trace {
    ($world:expr, $($arg:tt)*) => {{
        let line = format!("{:>9} {}", ($world.now.0 - $crate::contract::cast::at(0).0) / 1000, format_args!($($arg)*));
        $world.trace.lines.push(line);
    }};
}
pub(super) use trace;

pub(super) fn short(id: impl ToString) -> String {
    id.to_string()[..6].to_owned()
}
