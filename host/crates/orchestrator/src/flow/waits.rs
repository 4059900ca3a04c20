//! How a flow waits: with its slot while its own tasks execute; for anything else, the next
//! attempt of a task included, with its slot given back.
//!
//! ```text
//! wait --> told of a cancellation? --> settled? -- yes --> Answer
//!            ^                           `- no --> tasks execute --> Await::Busy ---+
//!            |                                     else --> Record(Wait)            |
//!            |                                        |- Done --> Await::Parked     |
//!            |                                        |             `--Resumed--+   |
//!            +------ Found(Settled) <-- Look(Settled) <- Ready -----------------+   |
//!            +---------------------- tasks ended, news, retries due <---------------+
//! ```

use super::doing::Doing;
use super::machine::{Asks, Flow, No};
use super::step::{Await, Look, Mode, Moment, Signal, Step, Stop};
use crate::{Waited, wake_by};
use model::{
    AWAITED_MAX, Answer, Awaited, Call, Failure, FailureKind, Lease, Next, Outcome, Progress,
    Recorded, Reply, Seq, Settled, State, Timestamp, Waits,
};
use std::time::Duration;

impl Flow {
    pub(super) fn begin_wait(&mut self, any: bool, handles: Vec<Seq>, at: &mut Moment) -> Asks {
        let refuse = |message| Err(Failure::new(FailureKind::Invalid, message).into());
        if handles.is_empty() {
            return refuse("there is nothing to wait for: the list is empty".to_owned());
        }
        if let Some(seq) = handles.iter().find(|seq| !self.journal.can_settle(**seq)) {
            return refuse(format!("there is no call {seq} to wait for"));
        }
        self.waits += 1;
        self.wait(any, handles, at)
    }

    /// Looks at what the guest waits for.
    pub(super) fn wait(&mut self, any: bool, handles: Vec<Seq>, at: &mut Moment) -> Asks {
        if let Some(step) = self.heed_signal(at.now)? {
            self.doing = Doing::Wait { any, handles };
            return Ok(step);
        }
        loop {
            let (unsettled, count) = match self.settled(any, &handles, at.now)? {
                Waited::Ready { handles, .. } if any => {
                    return Ok(self.answer(Reply::Handles(handles)));
                }
                Waited::Ready { .. } => return Ok(self.answer(Reply::Done)),
                Waited::Blocked(unsettled) if any => (unsettled, 1),
                Waited::Blocked(unsettled) => {
                    let count = unsettled.len();
                    (unsettled, count)
                }
            };
            if self.mode == Mode::PastOnly {
                return Err(Stop::EndOfJournal.into());
            }
            if let Some(step) = self.block(unsettled, count, at) {
                self.doing = Doing::Wait { any, handles };
                return Ok(step);
            }
        }
    }

    /// Asks the journal what has settled, and keeps the entry that this may make.
    fn settled(&mut self, any: bool, handles: &[Seq], now: Timestamp) -> Result<Waited, No> {
        if !any {
            return Ok(self.journal.wait_all(handles));
        }
        let chooses = handles.len() > 1;
        if chooses && self.mode == Mode::PastOnly && self.journal.is_live() {
            return Err(Stop::EndOfJournal.into());
        }
        let waited = self.journal.wait_any(handles, now);
        let waited = waited.map_err(Stop::Diverged)?;
        if let Waited::Ready { new: true, .. } = waited
            && let Some(entry) = self.journal.entry(self.journal.last())
        {
            self.buffer.progress.entries.push(entry.clone());
        }
        Ok(waited)
    }

    /// Heeds what the execution was told. A cancellation is refused once: at the wait at which
    /// the flow first noticed, on replay as well; then it may clean up, and wait for that. A
    /// pause takes effect by a record, once the tasks that are under way have ended.
    fn heed_signal(&mut self, now: Timestamp) -> Result<Option<Step>, No> {
        let call = Call::Cancelled { wait: self.waits };
        if self.journal.holds_next(&call) {
            self.look_back(&call)?;
            self.cancel_told = true;
            return Err(Failure::cancelled().into());
        }
        match self.signal {
            _ if self.mode == Mode::PastOnly || !self.journal.is_live() => Ok(None),
            Signal::Cancel if !self.cancel_told => {
                self.abandon_tasks(&Failure::cancelled(), now);
                self.write(call, Answer::Accepted, now);
                self.cancel_told = true;
                Err(Failure::cancelled().into())
            }
            Signal::Pause if !self.pause_heeded && !self.tasks.any_executing() => {
                self.pause_heeded = true;
                Ok(Some(self.record(Next::Continue)))
            }
            _ => Ok(None),
        }
    }

    /// What to do until something happens. `count` of the unsettled calls are waited for. None
    /// if something has happened by this.
    fn block(&mut self, unsettled: Vec<Seq>, count: usize, at: &mut Moment) -> Option<Step> {
        if let Some(look) = self.look_before().or_else(|| self.look_for_permits()) {
            return Some(look);
        }
        if !self.keeps_slot(at.now) {
            if self.deadline().is_some_and(|deadline| deadline <= at.now) {
                return Some(Step::Await(Await::Deadline));
            }
            return Some(self.leave(unsettled, count, at.now));
        }
        if self.tasks.failed {
            return Some(self.record(Next::Continue));
        }
        let any_due = self.start_due(at.now);
        if self.tasks.any_to_let_out() {
            return Some(self.record(Next::Continue));
        }
        if any_due {
            return None;
        }
        // Others see what is new before long.
        let record_by = self.record_by(at.now, at.logged);
        if record_by.is_some_and(|by| by <= at.now) {
            return Some(self.record(Next::Continue));
        }
        let retry = self.tasks.retries.first().map(|(due, _)| due);
        Some(Step::Await(Await::Busy {
            news: !self.outside.is_empty() || self.tasks.asking_all().next().is_some(),
            due: retry.into_iter().chain(record_by).min(),
        }))
    }

    /// Records, to give the slot back and wait for something outside.
    fn leave(&mut self, unsettled: Vec<Seq>, count: usize, now: Timestamp) -> Step {
        let (wished, any) = (unsettled.clone(), count < unsettled.len());
        let retry = self.tasks.retries.first();
        let (awaited, count) = wake_by(
            unsettled,
            count,
            self.tasks.waiting.awaited(),
            &self.outside,
            // Neither does one settle that waits for slots: the run is ready once it has them.
            retry
                .map(|(_, task)| task)
                .or_else(|| self.tasks.asking_all().next()),
        );
        let waits = self.waits_for(&wished, &awaited, any);
        self.buffer.progress.states.push(waits.state(now));
        let due = retry.map(|(due, _)| due);
        let next = Next::Wait {
            awaited: awaited.clone(),
            count: u32::try_from(count).unwrap_or(u32::MAX),
            until: due.into_iter().chain(self.deadline()).min(),
            waits,
        };
        self.away = Some(awaited);
        self.record(next)
    }

    /// What people are told of a wait: what the flow wishes for, and inputs without which that
    /// cannot come.
    fn waits_for(&self, wished: &[Seq], awaited: &[Seq], any: bool) -> Waits {
        let is_input = |seq: &&Seq| {
            let entry = self.journal.entry(**seq);
            entry.is_some_and(|entry| matches!(entry.call, Call::Input { .. }))
        };
        // Somebody has to do something about these.
        let inputs = awaited.iter().filter(is_input);
        let others = wished.iter().filter(|seq| !is_input(seq));
        let all: Vec<Seq> = inputs.chain(others).copied().collect();
        let first = all.iter().filter_map(|seq| self.awaited(*seq));
        Waits {
            first: first.take(AWAITED_MAX).collect(),
            count: all.len() as u64,
            any,
        }
    }

    /// What a call is that has not settled.
    fn awaited(&self, seq: Seq) -> Option<Awaited> {
        let entry = self.journal.entry(seq)?;
        match (&entry.call, &entry.answer) {
            (Call::Timer { duration_ms }, _) => Some(Awaited::Timer {
                seq,
                duration_ms: *duration_ms,
            }),
            (Call::Input { key, .. }, _) => Some(Awaited::Input {
                seq,
                key: key.clone(),
            }),
            (Call::TakeSlots { limit, .. }, _) => Some(Awaited::Slots {
                seq,
                limit: limit.clone(),
            }),
            (Call::Task(_), _) => Some(Awaited::Task {
                seq,
                name: self.tasks.live(seq)?.run.name.clone(),
            }),
            (Call::RunDeployment(_), Answer::Run { run }) => Some(Awaited::Run {
                seq,
                id: run.id,
                name: Some(run.name.clone()),
            }),
            (Call::WatchRun { run }, _) => Some(Awaited::Run {
                seq,
                id: *run,
                name: None,
            }),
            _ => None,
        }
    }

    /// The record of a wait without a slot is there.
    pub(super) fn left(&mut self, recorded: Recorded, told: bool, at: &mut Moment) -> Asks {
        match recorded {
            Recorded::Done => Ok(Step::Await(Await::Parked)),
            Recorded::Ready => Ok(self.look_away()),
            // It keeps its slot while it cleans up.
            Recorded::Cancelling if told => Ok(Step::Await(Await::News)),
            Recorded::Cancelling | Recorded::Paused => {
                self.away = None;
                self.go_on(at)
            }
        }
    }

    /// Looks whether what it waited for has settled.
    fn look_away(&mut self) -> Step {
        Step::Look(Look::Settled(self.away.take().unwrap_or_default()))
    }

    /// It was claimed again.
    pub(super) fn resumed(&mut self, lease: Lease, cancelling: bool, now: Timestamp) -> Step {
        self.buffer.progress.lease = lease;
        self.tasks.look_due = true;
        self.tasks.ask_again = true;
        if cancelling {
            self.tell(Signal::Cancel);
        } else {
            let running = State::running(self.run.attempt, now);
            self.buffer.progress.states.push(running);
        }
        self.look_away()
    }

    /// Something may have settled outside.
    pub(super) fn news(&mut self) -> Step {
        self.tasks.look_due = true;
        match self.away {
            Some(_) => self.look_away(),
            None => Step::Look(Look::Settled(self.outside.iter().copied().collect())),
        }
    }

    /// Takes over what has settled outside.
    pub(super) fn look_up(&mut self, settled: Vec<Settled>, at: &mut Moment) -> Asks {
        for settled in settled {
            self.settle(settled.seq, settled.at, settled.settlement);
        }
        self.start_ready(at.now);
        self.go_on(at)
    }

    /// The end of the run, to be recorded. What the flow has returned stands: tasks that have not
    /// ended by then, retries included, are cancelled.
    pub fn end(&mut self, outcome: Outcome, now: Timestamp) -> Progress {
        self.abandon_tasks(&abandoned(), now);
        let state = State::ended(&outcome, now);
        self.buffer.progress.states.push(state);
        self.take_progress(Next::End { outcome })
    }

    /// The end of the attempt, to be recorded; the next one begins after `delay`.
    pub fn try_again(&mut self, failure: &Failure, delay: Duration, now: Timestamp) -> Progress {
        self.abandon_tasks(&abandoned(), now);
        self.abandon_recorded(&abandoned(), now);
        let after = model::in_units(delay);
        let state =
            State::awaiting_retry(now).because(format!("{failure} (tried again after {after})"));
        self.buffer.progress.states.push(state);
        self.take_progress(Next::Release {
            at: now.after(delay),
            failed: Some(failure.clone()),
        })
    }
}

/// What becomes of a task that the flow no longer waits for.
fn abandoned() -> Failure {
    let message = "the flow ended without waiting for it";
    Failure::new(FailureKind::Cancelled, message)
}
