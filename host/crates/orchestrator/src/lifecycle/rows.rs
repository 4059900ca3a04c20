//! The rows of a record: all that a run did, apart from where it goes.
//!
//! In this order, since later ones refer to earlier ones: children and subflows, entries of
//! the journal, settlements, ends of subflows, task runs, log lines.

use std::borrow::Cow;
use std::collections::HashMap;

use super::create;
use super::end;
use super::head::{Head, RunKey};
use super::plan::{AddRun, Change, GivenBack, Need, News, Plan, Says, Target};
use super::question::{EndingSubflow, Question, Replacing, Settling, Watching};
use super::refusal::Broken;
use super::settle::add_entry;
use model::{
    Answer, Call, Entry, NewRun, Outcome, Progress, RunId, Seq, Settlement, State, StateType,
    SubflowChange, Timestamp,
};

/// What must hold of the rows, in whatever state the run is.
pub(super) fn check(head: &Head, progress: &Progress) -> Result<(), Broken> {
    let run = head.id;
    for (entry, next) in progress.entries.iter().zip(head.tally.journal_len + 1..) {
        if entry.seq != Seq(next) {
            let found = entry.seq;
            return Err(Broken::Gap { run, found, next });
        }
    }
    for child in &progress.children {
        create::check(child)?;
    }
    for change in &progress.subflows {
        if let SubflowChange::Begin(subflow) = change
            && (subflow.within != Some(run) || subflow.state.kind != StateType::Running)
        {
            let subflow = subflow.id;
            return Err(Broken::StrangeSubflow { run, subflow });
        }
    }
    for task_run in &progress.task_runs {
        if task_run.journal != run || task_run.history.is_empty() {
            let task_run = task_run.id;
            return Err(Broken::StrangeTaskRun { run, task_run });
        }
    }
    Ok(())
}

pub(super) fn add<'p>(plan: &mut Plan<'p>, head: &Head, progress: &'p Progress, doomed: Doomed) {
    let ended = add_children(plan, progress, doomed);
    for change in &progress.subflows {
        if let SubflowChange::Begin(subflow) = change {
            plan.change(Change::AddRun(AddRun {
                run: subflow,
                key: None,
                reserved_for: None,
                ready_at: None,
            }));
        }
    }
    add_entries(plan, head.key, progress, ended);
    for settled in &progress.settled {
        plan.ask(Question::Settling(Settling {
            run: head.key,
            seq: settled.seq,
            at: settled.at,
            settlement: Cow::Borrowed(&settled.settlement),
        }));
    }
    for change in &progress.subflows {
        if let SubflowChange::End {
            run,
            state,
            outcome,
        } = change
        {
            plan.ask(Question::EndingSubflow(EndingSubflow {
                within: head.id,
                subflow: *run,
                state,
                outcome,
            }));
        }
    }
    for task_run in &progress.task_runs {
        let run = head.key;
        plan.change(Change::PutTaskRun { run, task_run });
    }
    for (by, at) in &progress.permits.given_back {
        plan.change(Change::GiveBack {
            run: head.key,
            at: *at,
            what: GivenBack::Of(*by),
        });
    }
    for asked in &progress.permits.asked {
        let run = head.key;
        plan.change(Change::AskPermit { run, asked });
    }
    if !progress.cached.is_empty() {
        plan.change(Change::Cache(&progress.cached));
    }
    if !progress.artifacts.is_empty() {
        plan.change(Change::PutArtifacts {
            run: head.key,
            id: head.id,
            artifacts: &progress.artifacts,
        });
    }
    if !progress.logs.is_empty() {
        plan.change(Change::AddLogs {
            run: head.key,
            id: head.id,
            lines: &progress.logs,
        });
    }
    if !progress.is_empty() {
        plan.tell(News::CHANGE);
    }
}

/// What became of a child as it was created.
enum Child {
    /// The n-th run that the plan adds.
    Added(usize),
    Ended(Timestamp, Box<Settlement>),
}

fn add_children<'p>(
    plan: &mut Plan<'p>,
    progress: &'p Progress,
    doomed: Doomed,
) -> HashMap<RunId, Child> {
    let mut children = HashMap::with_capacity(progress.children.len());
    create::add_needs(plan, &progress.children);
    for child in &progress.children {
        if let Some(run) = child.instead_of {
            plan.ask(Question::Replacing(Replacing { run }));
        }
        if let Some(key) = &child.idempotency_key {
            let flow = &child.run.flow;
            plan.need(Need::FreeKey { flow, key });
        }
    }
    if progress.children.is_empty() {
        return children;
    }
    let calls = if doomed.is_any() {
        calls_by_child(progress)
    } else {
        HashMap::new()
    };
    for (n, child) in progress.children.iter().enumerate() {
        let id = child.run.id;
        let end = calls.get(&id).and_then(|call| doomed.end_of(child, *call));
        let added = match end {
            Some((state, outcome)) => add_ended(plan, child, state, outcome),
            None => {
                create::add(plan, child);
                Child::Added(n)
            }
        };
        children.insert(id, added);
    }
    children
}

fn add_ended<'p>(plan: &mut Plan<'p>, new: &'p NewRun, state: State, outcome: Outcome) -> Child {
    let at = state.at;
    let mut run = new.run.snapshot();
    run.state = state.kind;
    run.state_name = state.name.clone();
    run.outcome = Some(outcome.clone());
    let says = Says::of(new.run.attempt).ending(&Cow::Owned(outcome.clone()));
    plan.change(Change::AddEndedRun {
        new,
        state,
        outcome,
        says,
    });
    // The flow may wait for it in memory.
    plan.tell(News::READY);
    Child::Ended(at, Box::new(Settlement::Run(run)))
}

fn calls_by_child(progress: &Progress) -> HashMap<RunId, Seq> {
    let call = |entry: &Entry| watched(entry).map(|run| (run, entry.seq));
    progress.entries.iter().rev().filter_map(call).collect()
}

fn add_entries<'p>(
    plan: &mut Plan<'p>,
    run: RunKey,
    progress: &'p Progress,
    children: HashMap<RunId, Child>,
) {
    for entry in &progress.entries {
        if let Some((at, settlement)) = &entry.settled {
            let settled = Some((*at, Cow::Borrowed(settlement)));
            add_entry(plan, run, entry, settled, None);
            continue;
        }
        let Some(target) = watched(entry) else {
            add_entry(plan, run, entry, None, None);
            continue;
        };
        match children.get(&target) {
            Some(Child::Added(n)) => {
                add_entry(plan, run, entry, None, Some(Target::Added(*n)));
            }
            Some(Child::Ended(at, settlement)) => {
                let settled = Some((*at, Cow::Owned(Settlement::clone(settlement))));
                add_entry(plan, run, entry, settled, None);
            }
            None => plan.ask(Question::Watching(Watching { target, run, entry })),
        }
    }
}

/// The run whose end settles the entry.
fn watched(entry: &Entry) -> Option<RunId> {
    match (&entry.call, &entry.answer) {
        (_, Answer::Refused { .. }) => None,
        (Call::RunDeployment(_), Answer::Run { run }) => Some(run.id),
        (Call::WatchRun { run }, _) => Some(*run),
        _ => None,
    }
}

/// Which children end as they are created: those that belong to the family of a run that is
/// being cancelled, and whose call stands before a place of its journal. None by default.
#[derive(Clone, Copy, Default)]
pub(super) struct Doomed {
    pub before: Seq,
    /// When the run around them was cancelled.
    pub since: Timestamp,
}

impl Doomed {
    fn is_any(self) -> bool {
        self.before > Seq(0)
    }

    /// How the child ends that this call has started, if it does.
    fn end_of(self, child: &NewRun, call: Seq) -> Option<(State, Outcome)> {
        let is_family = child.run.parent.is_some();
        let at = self.since.max(child.run.state.at);
        (is_family && call < self.before).then(|| end::cancelled(at))
    }
}
