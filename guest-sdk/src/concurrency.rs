//! `concurrency`: slots of a limit for a part of a flow.

use crate::{
    Error, ErrorKind, Result,
    current::{self, Place},
    deployment::Reply,
    executor::{self, Wait},
    host::{Handle, host},
};

/// Takes slots of a limit, and waits for them without holding a slot of the pool.
///
/// The flow has them until what this gives is dropped, or its attempt is over; also while it
/// sleeps, waits for runs, or goes on after a restart. It gets them in the order of arrival. If
/// there is no such limit, there is nothing to wait for. `orch-host limit create` makes one; of one
/// with a time (`--per`) the slots are taken for that time.
///
/// Who has slots of one limit and waits for those of another may wait for ever, if somebody else
/// does so the other way round: take those of several limits in one order everywhere.
///
/// A task takes the slots that `#[task(limits = [..])]` declares.
///
/// ```no_run
/// use guest_sdk::prelude::*;
///
/// #[task]
/// fn migrate(table: String) {}
///
/// #[flow]
/// fn migrate_all(tables: Vec<String>) -> Result<()> {
///     let _slots = concurrency("database", 2).wait()?;
///     for table in tables {
///         migrate(table)?;
///     }
///     Ok(())
/// }
/// ```
pub fn concurrency(limit: impl Into<String>, slots: u32) -> Concurrency {
    Concurrency {
        limit: limit.into(),
        slots,
    }
}

/// See [`concurrency`].
#[must_use = "this takes slots only when it is awaited, or by `.wait()`"]
pub struct Concurrency {
    limit: String,
    slots: u32,
}

impl Concurrency {
    /// Waits for the slots, blocking. Errs when the run is told to stop meanwhile.
    pub fn wait(self) -> Result<Slots> {
        executor::block_on(self.run())?
    }

    async fn run(self) -> Result<Slots> {
        if let Place::Task(task) = current::place() {
            let limit = &self.limit;
            return Err(Error::of_kind(
                ErrorKind::Refused,
                format!(
                    "task `{task}` cannot take slots of `{limit}` in its code: it declares them, as \
                     `#[task(limits = [\"{limit}\"])]`"
                ),
            ));
        }
        let taken = host().take_slots(&self.limit, self.slots, current::scope());
        let slots = Slots(taken.map_err(|failure| Error::from_host(&failure))?);
        Wait::any(vec![slots.0]).await;
        Ok(slots)
    }
}

impl IntoFuture for Concurrency {
    type Output = Result<Slots>;
    type IntoFuture = Reply<Slots>;

    fn into_future(self) -> Reply<Slots> {
        Reply::new(self.run())
    }
}

/// Slots that a flow has until this is dropped.
#[must_use = "the slots are given back as soon as this is dropped: `let _slots = ..`"]
#[derive(Debug)]
pub struct Slots(Handle);

impl Drop for Slots {
    fn drop(&mut self) {
        // The host refuses this for a run that is over, which has given them back.
        let _ = host().give_slots_back(self.0);
    }
}
