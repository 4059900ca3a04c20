//! What a batch changes, noted as it goes.

use std::cell::{Cell, RefCell};

use super::form::{self, Context, FactsForm, Form, StateForm, VERSION};
use model::{
    Artifact, DeploymentName, Edited, FlowRun, InputEvent, LogEvent, PoolName, RunId, State,
    TaskRun, WorkerChange, WorkerId,
};

/// The longest text in an event besides a message, in bytes. Names are shorter; only what
/// flows make up may be longer.
const TEXT_MAX: usize = 1 << 10;

/// Once a row is so long, in bytes, the next change begins another: a longer one would not fit
/// into a page of the database, which costs memory and copies when it is written and read.
const ROW_BYTES: usize = 3700;

/// The changes of a batch in their stored form, in order.
#[derive(Default)]
pub struct Changes {
    noted: RefCell<Noted>,
    /// Whether one could not be noted, which would be a mistake of this program.
    failed: Cell<bool>,
}

#[derive(Default)]
struct Noted {
    bytes: Vec<u8>,
    /// Where rows begin, after the first.
    rows: Vec<usize>,
    context: Context,
}

impl Noted {
    /// What comes next is in a row of its own.
    fn begin_row(&mut self) {
        self.context = Context::default();
        self.rows.push(self.bytes.len());
    }

    fn is_row_full(&self) -> bool {
        self.bytes.len() - self.rows.last().unwrap_or(&0) >= ROW_BYTES
    }
}

/// The run that enters a state.
#[derive(Clone, Copy)]
pub struct Whose {
    pub id: RunId,
    pub within: Option<RunId>,
    pub attempt: u32,
}

impl Changes {
    /// Where it stands, for [`back_to`](Self::back_to).
    pub fn mark(&self) -> usize {
        self.noted.borrow().bytes.len()
    }

    /// Forgets what was noted since.
    pub fn back_to(&self, mark: usize) {
        let mut noted = self.noted.borrow_mut();
        if mark < noted.bytes.len() {
            noted.bytes.truncate(mark);
            noted.rows.retain(|begin| *begin < mark);
            // What the context was at the mark is not known any more.
            noted.begin_row();
        }
    }

    pub fn clear(&self) {
        let mut noted = self.noted.borrow_mut();
        noted.bytes.clear();
        noted.rows.clear();
        noted.context = Context::default();
        self.failed.set(false);
    }

    /// Hands out each row.
    pub fn rows<E>(&self, mut write: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let noted = self.noted.borrow();
        let mut row = Vec::with_capacity(2 * ROW_BYTES);
        let mut begin = 0;
        for end in noted.rows.iter().copied().chain([noted.bytes.len()]) {
            let changes = &noted.bytes[begin..end];
            begin = end;
            if !changes.is_empty() {
                row.clear();
                row.push(VERSION);
                row.extend_from_slice(changes);
                write(&row)?;
            }
        }
        Ok(())
    }

    pub fn has_failed(&self) -> bool {
        self.failed.get()
    }

    pub fn created(&self, run: &FlowRun) {
        self.add(|context| Form::FlowRun {
            run: context.run(run.id),
            within: run.within,
            attempt: run.attempt,
            line: 1,
            state: StateForm::of(&run.state, context),
            created: Some(FactsForm::of(run, context)),
        });
    }

    /// `line`: which line of the run's history it is, from 1.
    pub fn entered(&self, whose: Whose, line: u64, state: &State) {
        self.add(|context| Form::FlowRun {
            run: context.run(whose.id),
            within: whose.within,
            attempt: whose.attempt,
            line,
            state: StateForm::of(state, context),
            created: None,
        });
    }

    pub fn run_deleted(&self, run: RunId, parent: Option<RunId>, within: Option<RunId>) {
        self.add(|_| Form::RunDeleted {
            run,
            parent,
            within,
        });
    }

    pub fn task_run(&self, it: &TaskRun) {
        let state = it.state();
        let since = |at: model::Timestamp| at.0.wrapping_sub(state.at.0);
        self.add(|context| Form::TaskRun {
            task_run: it.id,
            flow_run: context.run(it.flow_run),
            journal: (it.journal != it.flow_run).then_some(it.journal),
            seq: it.seq.0,
            task: it.task.as_str(),
            name: cut(&it.name),
            attempt: it.attempt,
            state: StateForm::of(state, context),
            started: it.started().map(since),
            retry_at: it.retry_at.map(since),
        });
    }

    pub fn logs(&self, it: LogEvent) {
        self.add(|context| Form::Log {
            run: context.run(it.run),
            subflows: it.subflows,
            first: it.first,
            count: it.count,
            level: form::level(it.level),
        });
    }

    pub fn input(&self, it: &InputEvent) {
        self.add(|context| Form::Input {
            run: context.run(it.run),
            journal: (it.journal != it.run).then_some(it.journal),
            input: it.input,
            key: cut(&it.key),
            what: form::input_change(it.what),
        });
    }

    /// `journal`: the run whose record it comes with.
    pub fn artifact(&self, journal: RunId, it: &Artifact) {
        self.add(|_| Form::Artifact {
            artifact: it.id,
            run: it.run,
            journal: (journal != it.run).then_some(journal),
            key: it.key.as_str(),
            kind: form::artifact_kind(it.kind),
        });
    }

    pub fn deployment(&self, name: &DeploymentName, what: Edited) {
        self.add(|_| Form::Deployment {
            flow: name.flow.as_str(),
            name: &name.name,
            what: form::edit(what),
        });
    }

    pub fn pool(&self, name: &PoolName, what: Edited) {
        self.add(|_| Form::Pool {
            name: name.as_str(),
            what: form::edit(what),
        });
    }

    pub fn worker(&self, id: WorkerId, name: &str, pool: Option<&PoolName>, what: WorkerChange) {
        self.add(|_| Form::Worker {
            id,
            name: cut(name),
            pool: pool.map(PoolName::as_str),
            what: form::worker_change(what),
        });
    }

    fn add<'f>(&self, form: impl FnOnce(&mut Context) -> Form<'f>) {
        let mut noted = self.noted.borrow_mut();
        if noted.is_row_full() {
            noted.begin_row();
        }
        let form = form(&mut noted.context);
        let begin = noted.bytes.len();
        noted.bytes.extend([0; 2]);
        let body = begin + 2;
        // Writing to memory fails only for types that have no form in postcard.
        match postcard::to_extend(&form, std::mem::take(&mut noted.bytes)) {
            Ok(written) => noted.bytes = written,
            Err(_) => return self.failed.set(true),
        }
        match u16::try_from(noted.bytes.len() - body) {
            Ok(len) => noted.bytes[begin..body].copy_from_slice(&len.to_le_bytes()),
            Err(_) => self.failed.set(true),
        }
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_MAX)]
}
