//! The lease under which another process executes a run, as its argument.

use std::fmt;
use std::str::FromStr;

use model::{Lease, RunId, WorkerId};

/// A lease, and the worker's process that has it, as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseText {
    pub lease: Lease,
    pub pid: u32,
}

impl LeaseText {
    /// Of a lease of this process.
    pub fn of(lease: Lease) -> Self {
        let pid = std::process::id();
        Self { lease, pid }
    }
}

impl fmt::Display for LeaseText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lease { run, worker, epoch } = self.lease;
        write!(f, "{run}/{worker}/{epoch}/{}", self.pid)
    }
}

impl FromStr for LeaseText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let read = |[run, worker, epoch, pid]: [&str; 4]| {
            let lease = Lease {
                run: run.parse::<RunId>().ok()?,
                worker: worker.parse::<WorkerId>().ok()?,
                epoch: epoch.parse().ok()?,
            };
            let pid = pid.parse().ok()?;
            Some(Self { lease, pid })
        };
        let lease = <[&str; 4]>::try_from(parts).ok().and_then(read);
        lease.ok_or_else(|| "it is no lease of a worker".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_reads_back() {
        let lease = LeaseText::of(Lease {
            run: RunId::generate(),
            worker: WorkerId::generate(),
            epoch: 7,
        });
        assert_eq!(lease.to_string().parse(), Ok(lease));
        assert!("1/2/3".parse::<LeaseText>().is_err());
    }
}
