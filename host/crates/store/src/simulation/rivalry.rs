//! Runs that want the same: who has what is compared with the queues and limits that people change
//! ([`meddling`](super::meddling)) while they are used.
//!
//! Properties, besides that everything ends as it should:
//!
//! - A paused queue starts nothing, no queue has more runs than its limit, and a worker gets runs
//!   of the queues that it serves.
//! - Where nothing else holds runs back, no more than each tenth start passes a queue of higher
//!   priority.
//! - At no moment do more runs and tasks have slots of a limit than it has had since the last of
//!   them got its own. One that was made smaller gives nothing until enough are free.
//! - A call has a slot only while somebody executes its run, or while that waits.
//! - A rate limit gives no more slots within any of its times than it has.
//! - A run is turned away because of the concurrency of its deployment if somebody is before it,
//!   and only then.
//! - Nobody passes one who waits in the same line.
//! - What the code of a flow takes it has until it gives that back ([`holding`](super::holding)).
//! - Once all is over, nobody has a slot, and nobody waits for one.

use super::catalog::limit_is_of_code;
use super::crowd::{Crowd, Using};
use super::driver::Execution;
use super::world::World;
use crate::{LimitUse, Progress, Store};
use model::{
    Collision, FlowRun, LimitName, QueueName, RunId, StateName, StateType, Taking, Timestamp,
};

impl<S: Store> World<'_, S> {
    /// A worker was given a run.
    pub(super) fn check_claimed(&mut self, run: &FlowRun, epoch: u64, asked: &[QueueName]) {
        let Some(crowd) = &mut self.crowd else { return };
        let queue = run.work_queue.clone();
        let queue = queue.unwrap_or_else(QueueName::default_queue);
        // A run that has waited may have got slots for its calls meanwhile.
        let has_waited = run.state.name == StateName::RESUMING;
        let before = crowd.leased.get(&(run.id, epoch - 1)).copied();
        let since = before.filter(|_| has_waited).unwrap_or(crowd.moment);
        crowd.leased.insert((run.id, epoch), since);
        crowd.queue_of.insert(run.id, queue.clone());
        crowd.starts += 1;
        let set = crowd.queues.iter().find(|it| it.name == queue);
        let set = set.expect("queues stay");
        assert!(!set.paused, "queue `{queue}` is paused and starts a run");
        let is_asked = asked.is_empty() || asked.contains(&queue);
        assert!(is_asked, "a worker was given a run of `{queue}`");
        let of_queue = |run: &&RunId| crowd.queue_of.get(*run) == Some(&queue);
        let held = self.holders.keys().filter(of_queue).count();
        if let Some(limit) = set.limit {
            let limit = limit as usize;
            assert!(held <= limit, "{held} runs of `{queue}`, of {limit}");
        }
        // For its clean-up a run needs nothing.
        if run.state.kind != StateType::Cancelling && !run.limits.is_empty() {
            crowd.has(run.id, &run.limits);
        }
    }

    /// Runs were claimed at once, by a worker that looked at that time.
    pub(super) async fn check_order(
        &mut self,
        claimed: &[RunId],
        asked: &[QueueName],
        now: Timestamp,
    ) {
        let Some(mut crowd) = self.crowd.take() else {
            return;
        };
        crowd.clock.set(now);
        let queues = self.store.queues(Some(&self.pool)).await.unwrap();
        for run in claimed {
            let queue = &crowd.queue_of[run];
            let own = crowd.queues.iter().find(|it| it.name == *queue);
            let own = own.expect("queues stay").priority;
            let stands_behind = queues.iter().any(|it| {
                let queue = &it.queue;
                let room = queue.limit.is_none_or(|limit| it.active < u64::from(limit));
                let is_asked = asked.is_empty() || asked.contains(&queue.name);
                is_asked && room && !queue.paused && it.ready > 0 && queue.priority < own
            });
            crowd.out_of_order += u64::from(stands_behind);
        }
        let (passed, starts) = (crowd.out_of_order, crowd.starts);
        assert!(
            crowd.holds_back || passed <= starts / 10,
            "{passed} of {starts} starts passed a queue of higher priority"
        );
        self.crowd = Some(crowd);
    }

    /// A person has paused a run that nobody executes: what it has is for others until it has begun.
    pub(super) fn gives_way(&mut self, run: &FlowRun) {
        let is_held = self.holders.contains_key(&run.id);
        if let Some(crowd) = &mut self.crowd
            && run.started.is_none()
            && !is_held
        {
            crowd.releases(run.id);
        }
    }

    /// Compares who has what with what people have set.
    pub(super) async fn look_at_the_crowd(&mut self) {
        let Some(mut crowd) = self.crowd.take() else {
            return;
        };
        crowd.latest = crowd.latest.max(self.latest).max(self.now);
        let newest = Some(self.store.newest_event().await.unwrap());
        if crowd.newest == newest {
            self.crowd = Some(crowd);
            return;
        }
        crowd.newest = newest;
        crowd.clock.set(self.now);
        let runs = self.runs().await;
        for run in &runs {
            self.look_at_one(&crowd, run, &runs);
        }
        for run in &runs {
            crowd.without.entry(run.id).or_insert(crowd.looked);
            if run.state.kind.is_terminal() {
                crowd.releases(run.id);
            }
            if run.state.kind == StateType::Cancelling {
                // Perhaps for one that came after it.
                self.paused.remove(&run.id);
            }
            if is_turned_away(run) {
                crowd.turned_away.insert(run.id);
                // Others, too, may have been cancelled for it.
                self.forget_paused(&runs);
            }
        }
        crowd.runs = runs.iter().map(|run| run.id).collect();
        let waiting = runs.iter().filter(|run| waits(run));
        crowd.waiting = waiting.map(|run| run.id).collect();
        crowd.holding.look(&runs);
        crowd.check_lines(&self.using(&crowd));
        let used = self.store.limits().await.unwrap();
        for at in 0..crowd.limits.len() {
            let name = crowd.limits[at].limit.name.clone();
            let is_idle = |it: &LimitUse| it.limit.name == name && it.taken + it.waiting == 0;
            let is_known_idle = !crowd.limits[at].is_taken() && !crowd.holding.has_any(&name);
            let permits = if is_known_idle && used.iter().any(is_idle) {
                Vec::new()
            } else {
                self.store.permits(&name, 1000).await.unwrap()
            };
            if limit_is_of_code(&name) {
                let moment = crowd.moment;
                crowd.holding.compare(&name, &permits, moment);
            }
            let (looked, latest) = (crowd.looked, crowd.latest);
            crowd.limits[at].compare(permits, looked, latest);
        }
        let locks = self.store.permits(&LimitName::of_cache(), 1000).await;
        let (looked, latest) = (crowd.looked, crowd.latest);
        crowd.locks.compare(locks.unwrap(), looked, latest);
        for (run, held) in &crowd.holders {
            for taking in &held.takes {
                let watched = crowd.watched(&taking.limit).expect("it is known");
                let has_it = watched.has(*run, &taking.line);
                assert!(has_it, "{run} runs without a slot of `{}`", taking.limit);
            }
        }
        self.check_calls(&crowd, &runs);
        crowd.looked = crowd.moment;
        crowd.moment += 1;
        self.crowd = Some(crowd);
    }

    /// Calls have slots while somebody executes them, or while their run waits for nothing else.
    fn check_calls(&self, crowd: &Crowd, runs: &[FlowRun]) {
        let tasks = self.manifest.tasks.iter();
        let limits = tasks.flat_map(|task| &task.options.limits);
        let watched = limits.map(|limit| crowd.watched(limit).expect("it is known"));
        for watched in watched.chain([&crowd.locks]) {
            let limit = &watched.limit.name;
            for permit in &watched.seen {
                let run = runs.iter().find(|run| run.id == permit.run);
                let state = run.expect("it is listed").state.kind;
                let is_left = matches!(state, StateType::Scheduled | StateType::Paused);
                assert!(
                    !is_left || self.holders.contains_key(&permit.run),
                    "nobody executes {}, and a call of it has a slot of `{limit}`",
                    permit.run
                );
            }
        }
    }

    fn look_at_one(&self, crowd: &Crowd, run: &FlowRun, runs: &[FlowRun]) {
        let turns_away = |it: &&Taking| it.collision == Collision::CancelNew;
        let Some(own) = run.limits.iter().find(turns_away) else {
            return;
        };
        let most = crowd.watched(&own.limit).expect("it is known");
        let most = most.most_since(crowd.looked);
        if waits(run) && !crowd.waiting.contains(&run.id) {
            let is_over = |id: RunId| {
                let run = runs.iter().find(|run| run.id == id);
                run.is_some_and(|run| run.state.kind.is_terminal())
            };
            let taken = crowd.taken(own, is_over);
            assert!(taken < most, "{} waits, and was not to", run.id);
        }
        if is_turned_away(run) && !crowd.turned_away.contains(&run.id) {
            let is_before = |other: &FlowRun| {
                let same = |it: &Taking| it.limit == own.limit && it.line == own.line;
                let is_there = crowd.waiting.contains(&other.id)
                    || crowd.holders.contains_key(&other.id)
                    || waits(other);
                other.id != run.id && is_there && other.limits.iter().any(same)
            };
            assert!(
                most == 0 || runs.iter().any(is_before),
                "{} was turned away, and nobody was before it",
                run.id
            );
        }
    }

    /// What calls have that are executed under a valid lease.
    fn using(&self, crowd: &Crowd) -> Vec<Using> {
        let hands = self.hands.iter().chain(&self.stopped);
        let all = hands.flat_map(|hand| hand.running.iter().chain(&hand.parked));
        let mut using = Vec::new();
        for execution in all.filter(|it| self.holds(it)) {
            let lease = execution.lease();
            for job in execution.executed() {
                let limits = self.manifest.task(job.task.as_str());
                using.push(Using {
                    limits: limits.expect("it is known").options.limits.clone(),
                    since: crowd.leased[&(lease.run, lease.epoch)],
                });
            }
        }
        using
    }

    /// An execution has recorded this.
    pub(super) fn note_taken(&mut self, execution: &Execution, progress: &Progress) {
        if let Some(crowd) = &mut self.crowd {
            crowd.holding.note(execution, progress, crowd.moment);
        }
    }

    /// The flow of an execution may have been told that it has slots.
    pub(super) fn note_told(&mut self, execution: &Execution) {
        let is_valid = self.holds(execution);
        if let Some(crowd) = self.crowd.as_mut().filter(|_| is_valid) {
            crowd.holding.note_told(execution);
        }
    }

    /// Nobody has anything any more.
    pub(super) async fn check_the_crowd_is_gone(&mut self) {
        self.look_at_the_crowd().await;
        let Some(crowd) = &self.crowd else { return };
        assert!(crowd.holders.is_empty(), "somebody still has a slot");
        for watched in crowd.limits.iter().chain([&crowd.locks]) {
            let name = &watched.limit.name;
            let left = self.store.permits(name, 10).await.unwrap();
            assert!(left.is_empty(), "left of `{name}`: {left:#?}");
        }
    }
}

fn waits(run: &FlowRun) -> bool {
    run.state.name == StateName::AWAITING_CONCURRENCY_SLOT
}

fn is_turned_away(run: &FlowRun) -> bool {
    let said = run.outcome.as_ref().and_then(|it| it.as_ref().err());
    let is_so = |message: &str| message.starts_with("as many runs of");
    run.state.kind == StateType::Cancelled && said.is_some_and(|it| is_so(&it.message))
}
