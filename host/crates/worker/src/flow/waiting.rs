//! How a flow waits: while its own tasks execute, here; for anything else, the next attempt
//! of a task included, with its slot given back.

use std::time::Duration;

use super::{FLUSH_DELAY, FlowExecution, Interruption};
use crate::signals::{Signal, at_least};
use model::{Answer, Call, Failure, FailureKind, Seq, State};
use orchestrator::{Waited, wake_by};
use store::{Next, Recorded};
use wasm::{CallError, CallResult};

/// Handles whose settlement is looked up in one read.
const LOOKUP_MAX: usize = 1000;

impl FlowExecution {
    pub(super) async fn wait_for_any(&mut self, handles: Vec<Seq>) -> CallResult<Vec<Seq>> {
        self.check_handles(&handles)?;
        self.waits += 1;
        loop {
            self.handle_pending().await?;
            self.check_signal().await?;
            let waited = self.journal.wait_any(&handles, self.shared.now());
            match waited.map_err(|err| self.diverged(err))? {
                Waited::Ready { handles, new } => {
                    if new && let Some(entry) = self.journal.entry(self.journal.last()) {
                        self.progress.entries.push(entry.clone());
                    }
                    self.tick();
                    return Ok(handles);
                }
                Waited::Blocked(unsettled) => self.block(unsettled, 1).await?,
            }
        }
    }

    pub(super) async fn wait_for_all(&mut self, handles: Vec<Seq>) -> CallResult<()> {
        self.check_handles(&handles)?;
        self.waits += 1;
        loop {
            self.handle_pending().await?;
            self.check_signal().await?;
            match self.journal.wait_all(&handles) {
                Waited::Ready { .. } => {
                    self.tick();
                    return Ok(());
                }
                Waited::Blocked(unsettled) => {
                    let count = unsettled.len();
                    self.block(unsettled, count).await?;
                }
            }
        }
    }

    fn check_handles(&self, handles: &[Seq]) -> CallResult<()> {
        let refuse = |message| {
            let failure = Failure::new(FailureKind::Invalid, message);
            Err(CallError::Failure(failure))
        };
        if handles.is_empty() {
            return refuse("there is nothing to wait for: the list is empty".to_owned());
        }
        match handles.iter().find(|seq| !self.can_settle(**seq)) {
            Some(seq) => refuse(format!("there is no call {seq} to wait for")),
            None => Ok(()),
        }
    }

    /// Heeds what the execution was told. A cancellation errs once: at the wait at which the
    /// flow first noticed, on replay as well; then it may clean up, and wait for that. A
    /// pause interrupts it once the tasks that are under way have ended.
    async fn check_signal(&mut self) -> CallResult<()> {
        let call = Call::Cancelled { wait: self.waits };
        if self.journal.holds_next(&call) {
            self.journal.ask(&call).map_err(|err| self.diverged(err))?;
            self.cancel_told = true;
            return Err(CallError::Failure(Failure::cancelled()));
        }
        let signal = *self.signal.borrow();
        match signal {
            _ if !self.journal.is_live() => Ok(()),
            Signal::Cancel if !self.cancel_told => {
                self.abandon_tasks(&Failure::cancelled());
                self.write(call, Answer::Accepted);
                self.cancel_told = true;
                Err(CallError::Failure(Failure::cancelled()))
            }
            Signal::Pause if !self.tasks.any_executing() => {
                self.record(Next::Continue).await.map(|_| ())
            }
            _ => Ok(()),
        }
    }

    /// Whether a handle is one that the guest was given, and of a kind that settles.
    pub(super) fn can_settle(&self, seq: Seq) -> bool {
        self.journal.is_known(seq)
            && self
                .journal
                .entry(seq)
                .is_some_and(|entry| match entry.call {
                    Call::Task(_)
                    | Call::RunDeployment(_)
                    | Call::WatchRun { .. }
                    | Call::Timer { .. }
                    | Call::Input { .. } => true,
                    Call::GetRun { .. }
                    | Call::Subflow { .. }
                    | Call::EndSubflow { .. }
                    | Call::WithdrawInput { .. }
                    | Call::Cancelled { .. }
                    | Call::WaitAny => false,
                })
    }

    /// Returns once something has happened. `count` of the unsettled calls are waited for.
    async fn block(&mut self, unsettled: Vec<Seq>, count: usize) -> CallResult<()> {
        if self.keeps_slot() {
            return self.await_tasks().await;
        }
        if self.remaining().is_some_and(|left| left.is_zero()) {
            // The execution is about to be stopped; another wait would end at once.
            std::future::pending::<()>().await;
        }
        self.await_outside(unsettled, count).await
    }

    /// Waits for the run's own tasks, which keep it running. What is new is recorded every
    /// so often, so that others can see it; that an attempt has failed, at once.
    pub(super) async fn await_tasks(&mut self) -> CallResult<()> {
        if self.tasks.failed {
            self.flush().await?;
        }
        if self.flush_at.is_none() && self.is_dirty() {
            self.flush_at = Some(Box::pin(tokio::time::sleep(FLUSH_DELAY)));
        }
        let flush_at = self.flush_at.as_mut();
        let flush = async {
            match flush_at {
                Some(at) => at.await,
                None => std::future::pending().await,
            }
        };
        let mut signal = self.signal.clone();
        let told = self.cancel_told;
        let retry = self.tasks.retries.first();
        let due = retry.map_or(Duration::MAX, |(due, _)| due.since(self.shared.now()));
        tokio::select! {
            biased;
            () = at_least(&mut signal, Signal::Cancel), if !told => Ok(()),
            () = tokio::time::sleep(due), if retry.is_some() => self.start_due().await,
            event = self.tasks.events.recv() => match event {
                Some(event) => self.handle(event).await,
                None => Ok(()),
            },
            Ok(()) = self.news.changed(), if !self.outside.is_empty() => {
                let outside: Vec<Seq> = self.outside.iter().copied().collect();
                self.look_up(&outside).await
            }
            () = flush => self.flush().await,
        }
    }

    /// Waits for something outside: records, gives the slot back, parks.
    pub(super) async fn await_outside(
        &mut self,
        unsettled: Vec<Seq>,
        count: usize,
    ) -> CallResult<()> {
        let retry = self.tasks.retries.first();
        let (awaited, count) = wake_by(
            unsettled,
            count,
            self.tasks.waiting.awaited(),
            &self.outside,
            retry.map(|(_, task)| task),
        );
        let due = retry.map(|(due, _)| due);
        self.progress.states.push(self.waits_for(&awaited));
        let next = Next::Wait {
            awaited: awaited.clone(),
            count: u32::try_from(count).unwrap_or(u32::MAX),
            until: due.into_iter().chain(self.deadline).min(),
        };
        match self.record(next).await? {
            Recorded::Done => self.park().await?,
            Recorded::Ready => {}
            // It keeps its slot while it cleans up.
            Recorded::Cancelling if self.cancel_told => {
                let _ = self.news.changed().await;
            }
            Recorded::Cancelling | Recorded::Paused => return Ok(()),
        }
        self.look_up(&awaited).await
    }

    /// The state of waiting for these, whose name tells people whether it is for them.
    fn waits_for(&self, awaited: &[Seq]) -> State {
        let keys = awaited
            .iter()
            .filter_map(|seq| match &self.journal.entry(*seq)?.call {
                Call::Input { key, .. } => Some(key.as_str()),
                _ => None,
            });
        let mut keys = keys.peekable();
        match keys.peek() {
            Some(_) => State::suspended(keys, self.shared.now()),
            None => State::waiting(self.shared.now()),
        }
    }

    /// Waits in memory without a slot, for as long as that is allowed.
    async fn park(&mut self) -> CallResult<()> {
        let shared = std::sync::Arc::clone(&self.shared);
        let mut resumed = shared.parking.park(self.progress.lease);
        drop(self.slot.take());
        let resumption = tokio::select! {
            resumption = &mut resumed => resumption,
            () = tokio::time::sleep(shared.config.park) => {
                if shared.parking.leave(self.run.id) {
                    return Err(self.interrupt(Interruption::Suspended));
                }
                resumed.await
            }
        };
        let Ok(resumption) = resumption else {
            return Err(self.interrupt(Interruption::Suspended));
        };
        self.slot = Some(resumption.slot);
        self.progress.lease = resumption.lease;
        if resumption.cancelling {
            shared.signals.tell(self.run.id, Signal::Cancel);
            return Ok(());
        }
        let running = State::running(self.run.attempt, self.shared.now());
        self.progress.states.push(running);
        Ok(())
    }

    /// Takes over what has settled outside.
    async fn look_up(&mut self, calls: &[Seq]) -> CallResult<()> {
        for calls in calls.chunks(LOOKUP_MAX) {
            let settled = self.shared.store.settled(self.run.id, calls).await;
            for settled in self.read(settled)? {
                self.settle(settled.seq, settled.at, settled.settlement);
            }
        }
        self.start_ready().await
    }
}
