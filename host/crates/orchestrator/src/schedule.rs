//! What becomes of a schedule whose slot has come.
//!
//! ```text
//! slots that have come --catch-up--> those that count --overlap--> runs, or the schedule is held
//! ```
//!
//! | | the last run is over | it is not |
//! |---|---|---|
//! | allow | a run for each | a run for each |
//! | skip | a run for the first | none, and the slots are over |
//! | queue | a run for the first; the others wait | held until it is over |
//! | cancel-previous | a run for the latest | it is cancelled; held until it is over |
//!
//! A slot was missed if no run was made for it within [`GRACE`]: nothing was there to make it, or
//! its schedule was held. [`CatchUp`] says which of those count.
//!
//! Invariant: the next slot of a schedule only goes on, whatever the clock does. So no slot is
//! looked at again once it was made or passed over.

use std::time::Duration;

use crate::calendar::Calendar;
use model::{CatchUp, Overlap, Schedule, ScheduleRule, Timestamp};

/// A slot that no run was made for in so long was missed.
pub const GRACE: Duration = Duration::from_secs(60);

/// Runs that one look makes of a schedule. What is left is due at once.
pub const SLOTS_AT_ONCE: usize = 100;

/// What a look at a schedule comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The slots that runs are made for, oldest first.
    pub slots: Vec<Timestamp>,
    /// The first slot that nothing was decided about. It may have come, too.
    pub next: Option<Timestamp>,
    /// Nothing happens until the last run is over.
    pub is_held: bool,
    /// The last run is in the way, and is to be cancelled.
    pub cancels_last: bool,
}

/// Decides about the slots that have come. `is_last_live`: the run of the last slot is not over.
pub fn due(schedule: &Schedule, calendar: &Calendar, is_last_live: bool, now: Timestamp) -> Due {
    let overlap = schedule.rule.overlap;
    let nothing = Due {
        slots: Vec::new(),
        next: schedule.next,
        is_held: false,
        cancels_last: false,
    };
    let Some(first) = schedule.next.filter(|next| *next <= now) else {
        return nothing;
    };
    if is_last_live && matches!(overlap, Overlap::Queue | Overlap::CancelPrevious) {
        return Due {
            is_held: true,
            cancels_last: overlap == Overlap::CancelPrevious,
            ..nothing
        };
    }
    let mut slots = counting(schedule.rule.catch_up, calendar, first, now);
    let last = slots.last().copied();
    match overlap {
        Overlap::Allow => {}
        Overlap::Skip if is_last_live => slots.clear(),
        Overlap::Skip | Overlap::Queue => slots.truncate(1),
        Overlap::CancelPrevious => slots = slots.split_off(slots.len().saturating_sub(1)),
    }
    let decided = match overlap {
        Overlap::Queue => slots.last().copied(),
        _ => last,
    };
    Due {
        slots,
        next: calendar.next(decided.unwrap_or(now)),
        ..nothing
    }
}

/// Those of the slots from `first` to `now` that count, oldest first.
fn counting(
    catch_up: CatchUp,
    calendar: &Calendar,
    first: Timestamp,
    now: Timestamp,
) -> Vec<Timestamp> {
    let just_before = |at: Timestamp| Timestamp(at.0.saturating_sub(1));
    let from = match catch_up {
        CatchUp::All => first,
        CatchUp::Latest | CatchUp::None => first.max(now.before(GRACE)),
    };
    let mut slots = Vec::new();
    let mut after = just_before(from);
    while slots.len() < SLOTS_AT_ONCE
        && let Some(slot) = calendar.next(after).filter(|slot| *slot <= now)
    {
        slots.push(slot);
        after = slot;
    }
    if slots.is_empty() && catch_up == CatchUp::Latest {
        slots.extend(calendar.last(just_before(first), now));
    }
    slots
}

/// The next slot of a schedule that says something else from now on. One that has the same times
/// keeps its slot, also if that has come and nobody has seen it yet.
pub fn next_after_edit(
    before: &Schedule,
    rule: &ScheduleRule,
    calendar: &Calendar,
    now: Timestamp,
) -> Option<Timestamp> {
    let times = |rule: &ScheduleRule| {
        let timetable = rule.timetable.clone();
        (timetable, rule.timezone.clone(), rule.start, rule.end)
    };
    if times(&before.rule) == times(rule) {
        return before.next;
    }
    let made = before.last.map_or(now, |last| last.slot);
    calendar.next(now.max(made))
}

#[cfg(test)]
mod tests;
