//! What a batch changes, noted as it goes.

use std::cell::{Cell, Ref, RefCell};

use super::form::{self, FactsForm, Form, StateForm, VERSION};
use model::{
    DeploymentName, Edited, FlowRun, InputEvent, LogEvent, PoolName, RunId, State, TaskRun,
    WorkerChange, WorkerId,
};

/// The longest text in an event besides a message, in bytes. Names are shorter; only what
/// flows make up may be longer.
const TEXT_MAX: usize = 1 << 10;

/// The changes of a batch in their stored form, in order.
pub(crate) struct Changes {
    bytes: RefCell<Vec<u8>>,
    /// Whether one could not be noted, which would be a mistake of this program.
    failed: Cell<bool>,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            bytes: RefCell::new(vec![VERSION]),
            failed: Cell::new(false),
        }
    }
}

/// The run that enters a state.
#[derive(Clone, Copy)]
pub(crate) struct Whose {
    pub id: RunId,
    pub within: Option<RunId>,
    pub attempt: u32,
}

impl Changes {
    /// Where it stands, for [`back_to`](Self::back_to).
    pub(crate) fn mark(&self) -> usize {
        self.bytes.borrow().len()
    }

    /// Forgets what was noted since.
    pub(crate) fn back_to(&self, mark: usize) {
        self.bytes.borrow_mut().truncate(mark);
    }

    pub(crate) fn clear(&self) {
        self.back_to(1);
        self.failed.set(false);
    }

    /// The row; `None` if there is no change.
    pub(super) fn row(&self) -> Option<Ref<'_, Vec<u8>>> {
        let bytes = self.bytes.borrow();
        (bytes.len() > 1).then_some(bytes)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.get()
    }

    pub(crate) fn created(&self, run: &FlowRun) {
        self.add(&Form::FlowRun {
            run: run.id,
            within: run.within,
            attempt: run.attempt,
            line: 1,
            state: StateForm::of(&run.state),
            created: Some(FactsForm::of(run)),
        });
    }

    /// `line`: which line of the run's history it is, from 1.
    pub(crate) fn entered(&self, whose: Whose, line: u64, state: &State) {
        self.add(&Form::FlowRun {
            run: whose.id,
            within: whose.within,
            attempt: whose.attempt,
            line,
            state: StateForm::of(state),
            created: None,
        });
    }

    pub(crate) fn run_deleted(&self, run: RunId, parent: Option<RunId>, within: Option<RunId>) {
        self.add(&Form::RunDeleted {
            run,
            parent,
            within,
        });
    }

    pub(crate) fn task_run(&self, it: &TaskRun) {
        self.add(&Form::TaskRun {
            task_run: it.id,
            flow_run: it.flow_run,
            journal: (it.journal != it.flow_run).then_some(it.journal),
            seq: it.seq.0,
            task: it.task.as_str(),
            name: cut(&it.name),
            attempt: it.attempt,
            state: StateForm::of(it.state()),
            started: it.started().map(|at| at.0),
            retry_at: it.retry_at.map(|at| at.0),
        });
    }

    pub(crate) fn logs(&self, it: LogEvent) {
        self.add(&Form::Log {
            run: it.run,
            subflows: it.subflows,
            first: it.first,
            count: it.count,
            level: form::level(it.level),
        });
    }

    pub(crate) fn input(&self, it: &InputEvent) {
        self.add(&Form::Input {
            run: it.run,
            journal: (it.journal != it.run).then_some(it.journal),
            input: it.input,
            key: cut(&it.key),
            what: form::input_change(it.what),
        });
    }

    pub(crate) fn deployment(&self, name: &DeploymentName, what: Edited) {
        self.add(&Form::Deployment {
            flow: name.flow.as_str(),
            name: &name.name,
            what: form::edit(what),
        });
    }

    pub(crate) fn pool(&self, name: &PoolName, what: Edited) {
        self.add(&Form::Pool {
            name: name.as_str(),
            what: form::edit(what),
        });
    }

    pub(crate) fn worker(
        &self,
        id: WorkerId,
        name: &str,
        pool: Option<&PoolName>,
        what: WorkerChange,
    ) {
        self.add(&Form::Worker {
            id,
            name: cut(name),
            pool: pool.map(PoolName::as_str),
            what: form::worker_change(what),
        });
    }

    fn add(&self, form: &Form<'_>) {
        let mut bytes = self.bytes.borrow_mut();
        let begin = bytes.len();
        bytes.extend([0; 2]);
        let body = begin + 2;
        // Writing to memory fails only for types that have no form in postcard.
        match postcard::to_extend(form, std::mem::take(&mut *bytes)) {
            Ok(written) => *bytes = written,
            Err(_) => return self.failed.set(true),
        }
        match u16::try_from(bytes.len() - body) {
            Ok(len) => bytes[begin..body].copy_from_slice(&len.to_le_bytes()),
            Err(_) => self.failed.set(true),
        }
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_MAX)]
}
