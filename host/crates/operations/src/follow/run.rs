//! Following one run.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use model::{
    AwaitedInput, FlowRun, FlowRunEvent, InputChange, InputId, LogLevel, PoolName, RunId, State,
    StateType, Timestamp,
};
use store::{Cursor, LogFilter, Reading, Store};
use tokio::time::Instant;

use super::FollowRefusal;
use super::lines::{Line, Lines};
use super::stuck::{Executes, Stuck, StuckPools, until};
use crate::stream::{Heard, Hub, Scope, Subscription, Told};

/// The least time between two steps.
const STEP_MIN: Duration = Duration::from_millis(20);

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

/// Which states are told of, of those that it has been in when it is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum States {
    /// The latest.
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
    /// How many of its children are in each state; told when that changes.
    Children(Vec<(StateType, u64)>),
    /// It, or one of its children, waits in a pool that has no worker. Told once of each pool.
    Stuck(PoolName, Stuck),
    /// Nothing comes after this.
    Ended(Arc<FlowRun>),
}

/// How much was told of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Lines of its history.
    pub states: u64,
    /// Behind the last line of its log that was looked at.
    pub lines: Option<Cursor>,
}

/// Follows one run.
pub struct Follow {
    hub: Arc<Hub>,
    id: RunId,
    interest: Interest,
    /// How many states of the history were told of, or passed over.
    states_told: u64,
    lines: Lines,
    inputs_told: HashSet<InputId>,
    pools: StuckPools,
    next: Next,
    /// States that are told among the lines of the log, in the order of time.
    states: VecDeque<(Arc<FlowRun>, State)>,
    ready: VecDeque<Event>,
}

/// What is done next.
enum Next {
    Look,
    Read(Live, Step),
    Hear(Live, Instant),
    Over,
}

/// A run that is being followed.
struct Live {
    subscription: Subscription,
    /// As it was read last.
    run: Arc<FlowRun>,
}

/// What is to be read, because something came of it.
struct Step {
    begun: Instant,
    ended: bool,
    lines: bool,
    inputs: bool,
    children: bool,
    pools: bool,
}

/// What was heard since the last step.
#[derive(Default)]
struct News {
    states: Vec<FlowRunEvent>,
    lines: bool,
    inputs: bool,
    children: bool,
    pools: bool,
    gone: bool,
}

impl News {
    fn is_empty(&self) -> bool {
        let any = self.lines || self.inputs || self.children || self.pools || self.gone;
        self.states.is_empty() && !any
    }

    /// Whether the run has ended, as far as it was heard.
    fn ends(&self) -> bool {
        let last = self.states.last();
        self.gone || last.is_some_and(|it| it.state.kind.is_terminal())
    }
}

impl Follow {
    /// From the run's beginning on, with log lines of this level and above.
    pub fn new(store: Arc<dyn Store>, run: RunId, level: LogLevel, interest: Interest) -> Self {
        Self::on(Hub::new(store), run, level, interest)
    }

    /// The same, in a process that follows others as well.
    pub fn on(hub: Arc<Hub>, run: RunId, level: LogLevel, interest: Interest) -> Self {
        let executes = match interest {
            Interest::All { executes, .. } => executes,
            Interest::Nothing => Executes::AWorker,
        };
        Self {
            hub,
            id: run,
            interest,
            states_told: 0,
            lines: Lines::new(run, level),
            inputs_told: HashSet::new(),
            pools: StuckPools::new(executes),
            next: Next::Look,
            states: VecDeque::new(),
            ready: VecDeque::new(),
        }
    }

    /// Tells only of those lines that the filter lets through.
    pub fn only_lines(mut self, filter: LogFilter) -> Self {
        self.lines = Lines::that_fit(filter);
        self
    }

    /// Tells only of what comes behind a place: what another has not told.
    #[must_use]
    pub fn from(mut self, place: Place) -> Self {
        self.states_told = place.states;
        self.lines = self.lines.from(place.lines);
        self
    }

    /// How much was told, if what was read up to there has been told.
    pub fn place(&self) -> Option<Place> {
        (self.ready.is_empty() && self.states.is_empty()).then(|| Place {
            states: self.states_told,
            lines: self.lines.place(),
        })
    }

    /// What is new, once there is something. Not to be called after [`Event::Ended`]. Not
    /// cancel safe: what was read for a future that is gone is not told.
    pub async fn next(&mut self) -> Result<Event, FollowRefusal> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            self.next = match std::mem::replace(&mut self.next, Next::Look) {
                Next::Look => self.look().await?,
                Next::Read(live, step) => self.read(live, step).await?,
                Next::Hear(live, begun) => self.hear(live, begun).await?,
                Next::Over => std::future::pending().await,
            };
        }
    }

    fn store(&self) -> &dyn Store {
        self.hub.store()
    }

    async fn look(&mut self) -> Result<Next, FollowRefusal> {
        let begun = Instant::now();
        let cursor = self.store().newest_event().await?;
        let scope = match self.interest {
            Interest::Nothing => Scope::Run(self.id),
            Interest::All { .. } => Scope::RunAndPools(self.id),
        };
        let subscription = self.hub.subscribe(scope, cursor).await?;
        let mut run = Arc::new(existing(self.store(), self.id).await?);
        let history = self.store().history(self.id).await?;
        if history
            .last()
            .is_some_and(|line| line.state.kind.is_terminal())
        {
            // It may have ended since it was read.
            run = Arc::new(existing(self.store(), self.id).await?);
        }
        let new = history.len().saturating_sub(self.states_told as usize);
        self.states_told = history.len() as u64;
        let count = match self.interest {
            Interest::Nothing => 0,
            Interest::All {
                states: States::Latest,
                ..
            } => new.min(1),
            Interest::All { .. } => new,
        };
        let first = history.len() - count;
        for line in history.into_iter().skip(first) {
            self.tell(&run, line.state);
        }
        let ended = run.state.kind.is_terminal();
        let step = Step {
            begun,
            ended,
            lines: true,
            inputs: true,
            children: true,
            pools: true,
        };
        Ok(Next::Read(Live { subscription, run }, step))
    }

    fn tell(&mut self, run: &Arc<FlowRun>, state: State) {
        self.states.push_back((Arc::clone(run), state));
    }

    /// Tells of lines, and of states between them, by time.
    fn tell_lines(&mut self, lines: Vec<Line>) {
        let mut said = Vec::new();
        for line in lines {
            let is_later = |(_, state): &(_, State)| comes_before(state, line.line.at);
            while self.states.front().is_some_and(is_later) {
                self.tell_said(&mut said);
                self.tell_state();
            }
            said.push(line);
        }
        self.tell_said(&mut said);
    }

    fn tell_said(&mut self, said: &mut Vec<Line>) {
        if !said.is_empty() {
            self.ready.push_back(Event::Lines(std::mem::take(said)));
        }
    }

    fn tell_state(&mut self) {
        if let Some((run, state)) = self.states.pop_front() {
            self.ready.push_back(Event::State { run, state });
        }
    }

    async fn read(&mut self, live: Live, step: Step) -> Result<Next, FollowRefusal> {
        if step.lines {
            let lines = self.lines.next(self.hub.store()).await?;
            if !lines.is_empty() {
                self.tell_lines(lines);
                return Ok(Next::Read(live, step));
            }
        }
        while !self.states.is_empty() {
            self.tell_state();
        }
        if step.ended {
            self.ready.push_back(Event::Ended(live.run));
            return Ok(Next::Over);
        }
        if self.interest != Interest::Nothing {
            self.look_around(&live.run, &step).await?;
        }
        Ok(Next::Hear(live, step.begun))
    }

    /// What is around a run that goes on.
    async fn look_around(&mut self, run: &Arc<FlowRun>, step: &Step) -> Result<(), FollowRefusal> {
        if step.inputs {
            let among = self.store().awaited_inputs(run.id).await?;
            for input in &among {
                if self.inputs_told.insert(input.id) {
                    self.ready.push_back(Event::Input {
                        run: Arc::clone(run),
                        input: input.clone(),
                        among: among.clone(),
                    });
                }
            }
        }
        if step.children {
            let children = self.store().child_states(run.id).await?;
            if !children.is_empty() {
                self.ready.push_back(Event::Children(children));
            }
        }
        if step.pools {
            for (pool, stuck) in self.pools.look(self.hub.store(), run).await? {
                self.ready.push_back(Event::Stuck(pool, stuck));
            }
        }
        Ok(())
    }

    /// Waits for something new, and then a little for what comes with it.
    async fn hear(&mut self, mut live: Live, last: Instant) -> Result<Next, FollowRefusal> {
        let mut news = News::default();
        while !news.ends() {
            let end = if news.is_empty() {
                self.pools.due()
            } else {
                Some(last + STEP_MIN)
            };
            match until(end, live.subscription.next()).await.transpose()? {
                Some(Heard::Events(events)) => {
                    for told in events.iter() {
                        self.note(told, &mut news);
                    }
                }
                // The look tells what is new.
                Some(Heard::Reset) => return Ok(Next::Look),
                None if news.is_empty() => news.pools = true,
                None => break,
            }
        }
        if news.gone {
            return Err(FollowRefusal::Gone { run: self.id });
        }
        self.step(live, news).await
    }

    fn note(&mut self, told: &Told, news: &mut News) {
        use model::Event;
        match &told.placed.event {
            Event::FlowRun(it) if it.run == self.id => {
                if it.line > self.states_told {
                    self.states_told = it.line;
                    news.pools |= it.state.kind == StateType::Scheduled;
                    news.states.push(it.clone());
                }
            }
            Event::FlowRun(it) => {
                news.children = true;
                news.pools |= it.state.kind == StateType::Scheduled;
            }
            Event::Log(_) => news.lines = true,
            Event::Input(it) => news.inputs |= it.what == InputChange::Asked,
            Event::Pool { .. } | Event::Worker { .. } => news.pools = true,
            Event::RunDeleted { run, .. } => news.gone |= *run == self.id,
            Event::TaskRun(_) | Event::Artifact(_) | Event::Deployment { .. } => {}
        }
    }

    async fn step(&mut self, mut live: Live, news: News) -> Result<Next, FollowRefusal> {
        let begun = Instant::now();
        let ends = news.ends();
        for it in news.states {
            let mut state = it.state;
            if it.is_cut {
                let history = self.store().history(self.id).await?;
                let line = history.into_iter().nth(it.line as usize - 1);
                state = line.map_or(state, |line| line.state);
            }
            let mut run = FlowRun::clone(&live.run);
            (run.state, run.attempt) = (state.clone(), it.attempt);
            live.run = Arc::new(run);
            if self.interest != Interest::Nothing {
                self.tell(&live.run, state);
            }
        }
        if ends {
            // With its outcome. Somebody may have retried it since.
            live.run = Arc::new(existing(self.store(), self.id).await?);
        }
        let ended = ends && live.run.state.kind.is_terminal();
        let step = Step {
            begun,
            ended,
            lines: news.lines || ended,
            inputs: news.inputs,
            children: news.children,
            pools: news.pools,
        };
        Ok(Next::Read(live, step))
    }
}

/// Whether a state comes before a line that was said at this time. Of the same time, a run begins
/// before it says something, and ends afterwards.
fn comes_before(state: &State, line: Timestamp) -> bool {
    if state.kind.is_terminal() {
        state.at < line
    } else {
        state.at <= line
    }
}

pub(super) async fn existing(store: &dyn Reading, run: RunId) -> Result<FlowRun, FollowRefusal> {
    let found = store.flow_run(run).await?;
    found.ok_or(FollowRefusal::Gone { run })
}
