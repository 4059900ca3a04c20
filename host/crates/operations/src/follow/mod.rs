//! Following a run until it ends: its states, its log, its children, what it waits for.
//!
//! ```text
//!        +--------------------------- something changed -------------------------+
//!        v                                                                       |
//! look at the run --> its new states --> its log, page by page --> ended? --no--> inputs,
//!                                                                    |           children,
//!                                                                    v           pools
//!                                                                  Ended
//! ```
//!
//! A step reads the run first and what is new in its log then: so nothing that was said before
//! the run ended is missed. Steps follow changes, but not faster than people can read.

mod lines;
mod stuck;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{AwaitedInput, FlowRun, InputId, LogLevel, PoolName, RunId, State, StateType};
use store::{Listener, LogFilter, Store, StoreError, Topic};

pub use lines::{Line, Lines, Speaker};
pub use stuck::{Executes, Stuck, StuckPools};

/// The least time between two steps.
const STEP_MIN: Duration = Duration::from_millis(20);

/// Why a run cannot be followed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FollowRefusal {
    #[error("flow run {run} does not exist any more")]
    Gone { run: RunId },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is told besides the log and the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    Nothing,
    /// Its states, and what is around it: inputs, children, pools. `executes` says who executes
    /// the run.
    All {
        states: States,
        executes: Executes,
    },
}

/// Which states are told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum States {
    /// Where the run is at each step; it may have been elsewhere between two of them.
    Latest,
    /// Every one of its history.
    All,
}

/// Something new of a run that is followed.
#[derive(Clone, Debug)]
pub enum Event {
    State {
        run: Arc<FlowRun>,
        state: State,
    },
    /// Lines of its log, of its tasks and subflows too.
    Lines(Vec<Line>),
    /// It, or a subflow within it, waits for an input; `among` is everything that is awaited.
    /// Told once.
    Input {
        run: Arc<FlowRun>,
        input: AwaitedInput,
        among: Vec<AwaitedInput>,
    },
    /// How many of its children are in each state; told at every step, while there are any.
    Children(Vec<(StateType, u64)>),
    /// It, or one of its children, waits in a pool that has no worker. Told once of each pool.
    Stuck(PoolName, Stuck),
    /// Nothing comes after this.
    Ended(Arc<FlowRun>),
}

/// Follows one run.
pub struct Follow {
    store: Arc<dyn Store>,
    run: RunId,
    interest: Interest,
    /// How many states of the history were told of.
    states_told: usize,
    latest: Option<State>,
    lines: Lines,
    inputs_told: HashSet<InputId>,
    pools: StuckPools,
    listener: Box<dyn Listener>,
    next: Next,
    ready: VecDeque<Event>,
}

/// What is done next.
enum Next {
    Look,
    Read(Step),
    Wait(Step),
}

/// One look at the run.
struct Step {
    begun: Instant,
    run: Arc<FlowRun>,
}

impl Follow {
    /// From the run's beginning on, with log lines of this level and above.
    pub fn new(
        store: Arc<dyn Store>,
        run: RunId,
        level: LogLevel,
        interest: Interest,
    ) -> Result<Self, FollowRefusal> {
        let executes = match interest {
            Interest::All { executes, .. } => executes,
            Interest::Nothing => Executes::AWorker,
        };
        Ok(Self {
            listener: store.listen(Topic::Change)?,
            store,
            run,
            interest,
            states_told: 0,
            latest: None,
            lines: Lines::new(run, level),
            inputs_told: HashSet::new(),
            pools: StuckPools::new(executes),
            next: Next::Look,
            ready: VecDeque::new(),
        })
    }

    /// Tells only of those lines that the filter lets through.
    pub fn only_lines(mut self, filter: LogFilter) -> Self {
        self.lines = Lines::that_fit(filter);
        self
    }

    /// What is new, once there is something. Not to be called after [`Event::Ended`]. Not
    /// cancel safe: what was read for a future that is gone is not told.
    pub async fn next(&mut self) -> Result<Event, FollowRefusal> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            self.next = match std::mem::replace(&mut self.next, Next::Look) {
                Next::Look => Next::Read(self.look().await?),
                Next::Read(step) => self.read(step).await?,
                Next::Wait(step) => {
                    self.listener.heard().await;
                    tokio::time::sleep(STEP_MIN.saturating_sub(step.begun.elapsed())).await;
                    Next::Look
                }
            };
        }
    }

    async fn look(&mut self) -> Result<Step, FollowRefusal> {
        let begun = Instant::now();
        let run = Arc::new(existing(&*self.store, self.run).await?);
        if let Interest::All { states, .. } = self.interest {
            for state in self.new_states(&run, states).await? {
                let run = Arc::clone(&run);
                self.ready.push_back(Event::State { run, state });
            }
        }
        Ok(Step { begun, run })
    }

    async fn new_states(
        &mut self,
        run: &FlowRun,
        which: States,
    ) -> Result<Vec<State>, FollowRefusal> {
        if self.latest.as_ref() == Some(&run.state) {
            return Ok(Vec::new());
        }
        self.latest = Some(run.state.clone());
        match which {
            States::Latest => Ok(vec![run.state.clone()]),
            States::All => {
                let history = self.store.history(run.id).await?;
                let told = std::mem::replace(&mut self.states_told, history.len());
                let new = history.into_iter().skip(told);
                Ok(new.map(|line| line.state).collect())
            }
        }
    }

    async fn read(&mut self, step: Step) -> Result<Next, FollowRefusal> {
        let lines = self.lines.next(&*self.store).await?;
        if !lines.is_empty() {
            self.ready.push_back(Event::Lines(lines));
            return Ok(Next::Read(step));
        }
        if step.run.state.kind.is_terminal() {
            self.ready.push_back(Event::Ended(Arc::clone(&step.run)));
        } else if self.interest != Interest::Nothing {
            self.look_around(&step.run).await?;
        }
        Ok(Next::Wait(step))
    }

    /// What is around a run that goes on.
    async fn look_around(&mut self, run: &Arc<FlowRun>) -> Result<(), FollowRefusal> {
        let among = self.store.awaited_inputs(run.id).await?;
        for input in &among {
            if self.inputs_told.insert(input.id) {
                self.ready.push_back(Event::Input {
                    run: Arc::clone(run),
                    input: input.clone(),
                    among: among.clone(),
                });
            }
        }
        let children = self.store.child_states(run.id).await?;
        if !children.is_empty() {
            self.ready.push_back(Event::Children(children));
        }
        for (pool, stuck) in self.pools.look(&*self.store, run).await? {
            self.ready.push_back(Event::Stuck(pool, stuck));
        }
        Ok(())
    }
}

async fn existing(store: &dyn Store, run: RunId) -> Result<FlowRun, FollowRefusal> {
    let found = store.flow_run(run).await?;
    found.ok_or(FollowRefusal::Gone { run })
}

/// Waits for the ends of many runs, of which nothing else is told.
pub struct Ends {
    store: Arc<dyn Store>,
    pools: StuckPools,
    listener: Box<dyn Listener>,
    /// Not told yet.
    stuck: VecDeque<(PoolName, Stuck)>,
}

/// What comes of waiting for the end of a run.
#[derive(Clone, Debug)]
pub enum End {
    /// It waits in a pool that has no worker. Told once of each pool.
    Stuck(PoolName, Stuck),
    Ended(Box<FlowRun>),
}

impl Ends {
    pub fn new(store: Arc<dyn Store>) -> Result<Self, FollowRefusal> {
        Ok(Self {
            listener: store.listen(Topic::Change)?,
            store,
            pools: StuckPools::new(Executes::AWorker),
            stuck: VecDeque::new(),
        })
    }

    /// The end of the run, or what may keep it from ending.
    pub async fn of(&mut self, run: RunId) -> Result<End, FollowRefusal> {
        loop {
            if let Some((pool, stuck)) = self.stuck.pop_front() {
                return Ok(End::Stuck(pool, stuck));
            }
            let begun = Instant::now();
            let run = existing(&*self.store, run).await?;
            if run.state.kind.is_terminal() {
                return Ok(End::Ended(Box::new(run)));
            }
            let stuck = self.pools.look(&*self.store, &run).await?;
            if !stuck.is_empty() {
                self.stuck.extend(stuck);
                continue;
            }
            self.listener.heard().await;
            tokio::time::sleep(STEP_MIN.saturating_sub(begun.elapsed())).await;
        }
    }
}
