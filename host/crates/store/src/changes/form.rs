//! The stored form of events, apart from the model's types.
//!
//! ```text
//! row:    version (1 byte), then each change
//! change: length (2 bytes, little endian), kind (1 byte), fields
//! ```
//!
//! Kinds and fields are those of [`Form`], in postcard's form. A new kind is added at the end;
//! a program that does not know it skips it by its length. A new field of an old kind needs a
//! new version.
//!
//! Most changes have much in common with the one before them in the row: the run, the time,
//! and, of new runs, the deployment and the parent. That is left out, or is a difference (see
//! [`Context`]); so a change of a state takes some 15 bytes. A kind that is added later must
//! leave the context alone, since who does not know it cannot.

use serde::{Deserialize, Serialize};

use crate::{StoreError, StoreResult};
use model::{
    ArtifactEvent, ArtifactId, ArtifactKey, ArtifactKind, DeploymentName, Edited, Event, FlowName,
    FlowRun, FlowRunEvent, InputChange, InputEvent, InputId, LogEvent, LogLevel, PoolName,
    RunFacts, RunId, RunName, Seq, State, StateName, StateType, TaskName, TaskRunEvent, TaskRunId,
    Timestamp, WorkerChange, WorkerId,
};

/// Rows of another version are not read: who comes to one is told that its place is not known.
pub const VERSION: u8 = 2;

/// How many kinds this program knows.
const KINDS: u8 = 9;

/// A change as it is stored. Never change the order.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Form<'a> {
    FlowRun {
        /// `None`: the run of the change before. So it is with all that have a run.
        run: Option<RunId>,
        within: Option<RunId>,
        attempt: u32,
        line: u64,
        #[serde(borrow)]
        state: StateForm<'a>,
        created: Option<FactsForm<'a>>,
    },
    TaskRun {
        task_run: TaskRunId,
        flow_run: Option<RunId>,
        /// `None`: the run that called it.
        journal: Option<RunId>,
        seq: u64,
        task: &'a str,
        name: &'a str,
        attempt: u32,
        state: StateForm<'a>,
        /// Both from the time of the state.
        started: Option<i64>,
        retry_at: Option<i64>,
    },
    Log {
        run: Option<RunId>,
        subflows: Vec<RunId>,
        first: i64,
        count: u32,
        level: u8,
    },
    Input {
        run: Option<RunId>,
        /// `None`: the run that asks.
        journal: Option<RunId>,
        input: InputId,
        key: &'a str,
        what: u8,
    },
    Deployment {
        flow: &'a str,
        name: &'a str,
        what: u8,
    },
    Pool {
        name: &'a str,
        what: u8,
    },
    Worker {
        id: WorkerId,
        name: &'a str,
        pool: Option<&'a str>,
        what: u8,
    },
    RunDeleted {
        run: RunId,
        parent: Option<RunId>,
        within: Option<RunId>,
    },
    /// Added after the others: it leaves the context alone.
    Artifact {
        artifact: ArtifactId,
        run: RunId,
        /// `None`: the run itself.
        journal: Option<RunId>,
        key: &'a str,
        kind: u8,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StateForm<'a> {
    kind: u8,
    #[serde(borrow)]
    name: NameForm<'a>,
    /// And whether it is cut.
    message: Option<(&'a str, bool)>,
    /// From that of the change before.
    at: i64,
}

#[derive(Debug, Serialize, Deserialize)]
enum NameForm<'a> {
    /// Its place among [`NAMES`].
    Known(u8),
    Other(&'a str),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FactsForm<'a> {
    name: &'a str,
    /// `None`: as of the new run before.
    #[serde(borrow)]
    origin: Option<OriginForm<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct OriginForm<'a> {
    flow: &'a str,
    deployment: Option<(&'a str, &'a str)>,
    pool: Option<&'a str>,
    parent: Option<RunId>,
}

/// What a change has in common with those before it in its row. Whoever writes and whoever
/// reads a row keeps one in step.
#[derive(Default)]
pub(super) struct Context {
    run: Option<RunId>,
    at: i64,
    origin: Option<Origin>,
}

/// Where a new run comes from.
#[derive(Clone)]
struct Origin {
    flow: FlowName,
    deployment: Option<DeploymentName>,
    pool: Option<PoolName>,
    parent: Option<RunId>,
}

impl Context {
    /// `None`: the same as before.
    pub(super) fn run(&mut self, run: RunId) -> Option<RunId> {
        let before = self.run.replace(run);
        (before != Some(run)).then_some(run)
    }

    fn read_run(&mut self, run: Option<RunId>) -> Option<RunId> {
        self.run = run.or(self.run);
        self.run
    }

    fn at(&mut self, at: Timestamp) -> i64 {
        at.0.wrapping_sub(std::mem::replace(&mut self.at, at.0))
    }

    fn read_at(&mut self, since: i64) -> Timestamp {
        self.at = self.at.wrapping_add(since);
        Timestamp(self.at)
    }

    fn origin<'a>(&mut self, run: &'a FlowRun) -> Option<OriginForm<'a>> {
        let is_same = self.origin.as_ref().is_some_and(|before| {
            before.flow == run.flow
                && before.deployment == run.deployment
                && before.pool == run.pool
                && before.parent == run.parent
        });
        if is_same {
            return None;
        }
        self.origin = Some(Origin {
            flow: run.flow.clone(),
            deployment: run.deployment.clone(),
            pool: run.pool.clone(),
            parent: run.parent,
        });
        let deployment = run.deployment.as_ref();
        Some(OriginForm {
            flow: run.flow.as_str(),
            deployment: deployment.map(|it| (it.flow.as_str(), &*it.name)),
            pool: run.pool.as_ref().map(PoolName::as_str),
            parent: run.parent,
        })
    }

    fn read_origin(&mut self, origin: Option<OriginForm<'_>>) -> Option<Origin> {
        if let Some(it) = origin {
            let deployment = match it.deployment {
                Some((flow, name)) => Some(deployment(flow, name)?),
                None => None,
            };
            self.origin = Some(Origin {
                flow: FlowName::trusted(it.flow),
                deployment,
                pool: it.pool.map(PoolName::trusted),
                parent: it.parent,
            });
        }
        self.origin.clone()
    }
}

/// Names of states that are stored as a number: those that most states have, the frequent
/// ones first. Add at the end only.
const NAMES: [StateName; 17] = [
    StateName::COMPLETED,
    StateName::RUNNING,
    StateName::PENDING,
    StateName::SCHEDULED,
    StateName::WAITING,
    StateName::RESUMING,
    StateName::FAILED,
    StateName::RETRYING,
    StateName::AWAITING_RETRY,
    StateName::SUSPENDED,
    StateName::CANCELLED,
    StateName::CANCELLING,
    StateName::PAUSED,
    StateName::TIMED_OUT,
    StateName::NOT_READY,
    StateName::CRASHED,
    StateName::RESCUED,
];

const INPUTS: [InputChange; 4] = [
    InputChange::Asked,
    InputChange::Given,
    InputChange::Expired,
    InputChange::Withdrawn,
];

const EDITS: [Edited; 3] = [Edited::Created, Edited::Changed, Edited::Deleted];

const WORKERS: [WorkerChange; 3] = [
    WorkerChange::Registered,
    WorkerChange::SignedOff,
    WorkerChange::Lost,
];

/// The place of `value` in a list that has it.
fn number<T: PartialEq>(list: &[T], value: &T) -> u8 {
    let place = list.iter().position(|it| it == value);
    place
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or(u8::MAX)
}

pub(super) fn artifact_kind(kind: ArtifactKind) -> u8 {
    number(&ArtifactKind::ALL, &kind)
}

pub(super) fn edit(what: Edited) -> u8 {
    number(&EDITS, &what)
}

pub(super) fn input_change(what: InputChange) -> u8 {
    number(&INPUTS, &what)
}

pub(super) fn worker_change(what: WorkerChange) -> u8 {
    number(&WORKERS, &what)
}

pub(super) fn level(level: LogLevel) -> u8 {
    number(&LogLevel::ALL, &level)
}

impl<'a> StateForm<'a> {
    pub(super) fn of(state: &'a State, context: &mut Context) -> Self {
        let message = state.message.as_deref();
        Self {
            kind: number(&StateType::ALL, &state.kind),
            name: match number(&NAMES, &state.name) {
                u8::MAX => NameForm::Other(&state.name.0),
                known => NameForm::Known(known),
            },
            message: message.map(model::cut_message),
            at: context.at(state.at),
        }
    }

    fn read(&self, context: &mut Context) -> Option<(State, bool)> {
        let name = match self.name {
            NameForm::Known(number) => NAMES.get(usize::from(number))?.clone(),
            NameForm::Other(name) => StateName(name.to_owned().into()),
        };
        let state = State {
            kind: item(&StateType::ALL, self.kind)?,
            name,
            message: self.message.map(|(message, _)| message.to_owned()),
            at: context.read_at(self.at),
        };
        Some((state, self.message.is_some_and(|(_, is_cut)| is_cut)))
    }
}

impl<'a> FactsForm<'a> {
    pub(super) fn of(run: &'a FlowRun, context: &mut Context) -> Self {
        Self {
            name: run.name.as_str(),
            origin: context.origin(run),
        }
    }

    fn read(self, id: RunId, within: Option<RunId>, context: &mut Context) -> Option<RunFacts> {
        let origin = context.read_origin(self.origin)?;
        Some(RunFacts {
            id,
            name: RunName::trusted(self.name),
            flow: origin.flow,
            deployment: origin.deployment,
            pool: origin.pool,
            parent: origin.parent,
            within,
        })
    }
}

fn deployment(flow: &str, name: &str) -> Option<DeploymentName> {
    format!("{flow}/{name}").parse().ok()
}

fn item<T: Copy>(list: &[T], number: u8) -> Option<T> {
    list.get(usize::from(number)).copied()
}

impl Form<'_> {
    /// `None`: this program cannot have written it.
    fn read(self, context: &mut Context) -> Option<Event> {
        Some(match self {
            Self::FlowRun {
                run,
                within,
                attempt,
                line,
                state,
                created,
            } => {
                let run = context.read_run(run)?;
                let (state, is_cut) = state.read(context)?;
                let created = match created {
                    Some(facts) => Some(facts.read(run, within, context)?.into()),
                    None => None,
                };
                Event::FlowRun(FlowRunEvent {
                    run,
                    within,
                    attempt,
                    line,
                    state,
                    is_cut,
                    created,
                })
            }
            task_run @ Self::TaskRun { .. } => Event::TaskRun(task_run.read_task_run(context)?),
            Self::Log {
                run,
                subflows,
                first,
                count,
                level,
            } => Event::Log(LogEvent {
                run: context.read_run(run)?,
                subflows,
                first,
                last: first + i64::from(count) - 1,
                count,
                level: item(&LogLevel::ALL, level)?,
            }),
            Self::Input {
                run,
                journal,
                input,
                key,
                what,
            } => {
                let run = context.read_run(run)?;
                Event::Input(InputEvent {
                    run,
                    journal: journal.unwrap_or(run),
                    input,
                    key: key.to_owned(),
                    what: item(&INPUTS, what)?,
                })
            }
            Self::Deployment { flow, name, what } => Event::Deployment {
                name: deployment(flow, name)?,
                what: item(&EDITS, what)?,
            },
            Self::Pool { name, what } => Event::Pool {
                name: PoolName::trusted(name),
                what: item(&EDITS, what)?,
            },
            Self::Worker {
                id,
                name,
                pool,
                what,
            } => Event::Worker {
                id,
                name: name.to_owned(),
                pool: pool.map(PoolName::trusted),
                what: item(&WORKERS, what)?,
            },
            Self::RunDeleted {
                run,
                parent,
                within,
            } => Event::RunDeleted {
                run,
                parent,
                within,
            },
            Self::Artifact {
                artifact,
                run,
                journal,
                key,
                kind,
            } => Event::Artifact(ArtifactEvent {
                artifact,
                run,
                journal: journal.unwrap_or(run),
                key: ArtifactKey::trusted(key),
                kind: item(&ArtifactKind::ALL, kind)?,
            }),
        })
    }

    fn read_task_run(self, context: &mut Context) -> Option<TaskRunEvent> {
        let Self::TaskRun {
            task_run,
            flow_run,
            journal,
            seq,
            task,
            name,
            attempt,
            state,
            started,
            retry_at,
        } = self
        else {
            return None;
        };
        let flow_run = context.read_run(flow_run)?;
        let (state, is_cut) = state.read(context)?;
        let from = |since: i64| Timestamp(state.at.0.wrapping_add(since));
        Some(TaskRunEvent {
            task_run,
            flow_run,
            journal: journal.unwrap_or(flow_run),
            seq: Seq(seq),
            task: TaskName::trusted(task),
            name: name.to_owned(),
            attempt,
            started: started.map(from),
            retry_at: retry_at.map(from),
            state,
            is_cut,
        })
    }
}

/// The changes of a row, each as its bytes.
pub(super) struct Row<'r>(&'r [u8]);

impl<'r> Row<'r> {
    /// `None`: a program wrote it that has another form. The first row of all has no changes,
    /// which is the same in every form.
    pub(super) fn of(bytes: &'r [u8]) -> StoreResult<Option<Self>> {
        match bytes.split_first() {
            Some((_, changes @ []) | (&VERSION, changes)) => Ok(Some(Self(changes))),
            Some(_) => Ok(None),
            None => Err(damaged()),
        }
    }
}

impl<'r> Iterator for Row<'r> {
    type Item = StoreResult<&'r [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let cut = || {
            let (len, rest) = self.0.split_first_chunk::<2>()?;
            rest.split_at_checked(usize::from(u16::from_le_bytes(*len)))
        };
        let Some((change, rest)) = cut() else {
            self.0 = &[];
            return Some(Err(damaged()));
        };
        self.0 = rest;
        Some(Ok(change))
    }
}

/// The next change of a row. `None`: a later version of this program wrote it.
pub(super) fn read(change: &[u8], context: &mut Context) -> StoreResult<Option<Event>> {
    match change.first() {
        Some(kind) if *kind < KINDS => {
            let form: Form<'_> = postcard::from_bytes(change).map_err(|_| damaged())?;
            form.read(context).map(Some).ok_or_else(damaged)
        }
        Some(_) => Ok(None),
        None => Err(damaged()),
    }
}

fn damaged() -> StoreError {
    StoreError::Damaged("an event cannot be read".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_stands_for_one_thing() {
        for (place, name) in (0..).zip(&NAMES) {
            assert_eq!(number(&NAMES, name), place, "{name} is there twice");
        }
        for kind in StateType::ALL {
            assert_eq!(
                item(&StateType::ALL, number(&StateType::ALL, &kind)),
                Some(kind)
            );
        }
    }

    #[test]
    fn a_kind_that_is_not_known_is_skipped_and_damage_is_told() {
        let read = |change: &[u8]| read(change, &mut Context::default());
        assert_eq!(read(&[KINDS, 1, 2, 3]), Ok(None));
        assert!(matches!(read(&[5]), Err(StoreError::Damaged(_))));
        assert!(matches!(read(&[]), Err(StoreError::Damaged(_))));
        let row = [VERSION, 2, 0, KINDS, 7, 1, 0, 200];
        let changes: StoreResult<Vec<_>> = Row::of(&row).unwrap().unwrap().collect();
        assert_eq!(changes.unwrap(), [&[KINDS, 7][..], &[200]]);
        let torn: StoreResult<Vec<_>> = Row::of(&row[..5]).unwrap().unwrap().collect();
        assert_eq!(torn.unwrap().len(), 1);
        let torn: StoreResult<Vec<_>> = Row::of(&row[..4]).unwrap().unwrap().collect();
        assert!(torn.is_err());
        assert!(Row::of(&[VERSION - 1, 1]).unwrap().is_none());
        assert_eq!(Row::of(&[VERSION - 1]).unwrap().unwrap().count(), 0);
        assert!(Row::of(&[]).is_err());
    }
}
