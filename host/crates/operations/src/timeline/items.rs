//! What there is to draw of an attempt: an item a call, before they are grouped and laid out.

use std::collections::HashMap;

use super::lane::{Lane, Mark, MarkKind, SegmentKind, Why};
use super::lines;
use super::shape::{Link, RowKind, Story};
use model::{
    Answer, Attempt, Awaited, Call, CallMade, Relative, RunId, Seq, StateName, StateType, TaskRun,
    TaskRunId, Timestamp, Waits, attempts,
};

/// An attempt, and what it called.
pub(super) struct Items {
    pub attempt: u32,
    pub attempts: u32,
    pub from: Timestamp,
    pub to: Timestamp,
    /// When it was executed for the first time.
    pub started: Option<Timestamp>,
    pub open: bool,
    pub run: RunId,
    /// The run itself first, then its calls in their order.
    pub all: Vec<Item>,
}

/// A call.
pub(super) struct Item {
    pub key: u64,
    pub kind: RowKind,
    /// The flow run or subflow that made it. The run itself is in none.
    pub scope: Option<RunId>,
    /// The scope that it is.
    pub opens: Option<RunId>,
    pub name: String,
    /// What calls like this one have in common. None: it stands for itself.
    pub alike: Option<String>,
    pub link: Option<Link>,
    pub state: StateType,
    pub from: Timestamp,
    /// When it settled. None: it has not.
    pub to: Option<Timestamp>,
    pub lane: Lane,
    /// The calls that it needed.
    pub needs: Vec<Seq>,
    /// It was done by an earlier attempt.
    pub is_kept: bool,
}

impl Item {
    pub fn is_open(&self) -> bool {
        self.to.is_none()
    }

    /// Whether it failed, or any attempt of it.
    pub fn has_failed(&self) -> bool {
        matches!(self.state, StateType::Failed | StateType::Crashed)
            || self
                .lane
                .segments
                .iter()
                .any(|it| matches!(it.kind, SegmentKind::Failed | SegmentKind::Crashed))
    }

    /// When something of it was executed, from the first time to the last.
    pub fn executed(&self) -> Option<(Timestamp, Timestamp)> {
        let mut executed = self
            .lane
            .segments
            .iter()
            .filter(|it| it.kind.is_executing());
        let first = executed.next()?;
        let last = executed.next_back().unwrap_or(first);
        Some((first.from, last.to))
    }
}

/// The items of an attempt, or of the last one.
pub(super) fn items(story: &Story, wished: Option<u32>) -> Items {
    let all = attempts(&story.history);
    let last = all.last();
    let chosen = wished.and_then(|wished| all.iter().find(|it| it.number == wished));
    let Some(attempt) = chosen.or(last) else {
        return Items::none(story);
    };
    let next = all.iter().find(|it| it.number > attempt.number);
    let from = attempt.since;
    let to = attempt.ended.or(next.map(|next| next.since));
    let open = to.is_none();
    let to = to.unwrap_or(story.now).max(from);
    let mut maker = Maker {
        story,
        attempt,
        from,
        to,
        is_last: next.is_none(),
        lost: lost(story),
        items: Vec::new(),
    };
    maker.add_run();
    if maker.is_last && story.has_journal {
        maker.add_calls();
    } else {
        maker.add_past();
    }
    for item in &mut maker.items {
        item.close(from, to, open);
    }
    Items {
        attempt: attempt.number,
        attempts: last.map_or(1, |last| last.number),
        from,
        to,
        started: attempt.started,
        open,
        run: story.run.id,
        all: maker.items,
    }
}

/// When the run lost its workers.
fn lost(story: &Story) -> Vec<Timestamp> {
    let lost = story.history.iter();
    let lost = lost.filter(|line| line.state.name == StateName::RESCUED);
    lost.map(|line| line.state.at).collect()
}

impl Items {
    /// Of a run without a history, as there is none.
    fn none(story: &Story) -> Self {
        let at = story.run.created;
        Self {
            attempt: 1,
            attempts: 1,
            from: at,
            to: at,
            started: None,
            open: false,
            run: story.run.id,
            all: Vec::new(),
        }
    }
}

impl Item {
    /// Keeps what lies within the attempt.
    fn close(&mut self, from: Timestamp, to: Timestamp, open: bool) {
        self.from = self.from.clamp(from, to);
        // What outlives the run goes on after it.
        self.to = self.to.filter(|it| *it <= to).map(|it| it.max(from));
        let goes_on = open && self.to.is_none();
        if let Some(segment) = self.lane.segments.last_mut() {
            segment.open = segment.to > to || goes_on && segment.to == to;
        }
        self.lane.clip(from, to);
    }
}

struct Maker<'s> {
    story: &'s Story,
    attempt: &'s Attempt,
    from: Timestamp,
    to: Timestamp,
    is_last: bool,
    lost: Vec<Timestamp>,
    items: Vec<Item>,
}

impl Maker<'_> {
    fn add_run(&mut self) {
        let number = self.attempt.number;
        let lines = self.story.history.iter();
        let lines = lines.filter(|line| line.attempt.max(1) == number);
        let mut lane = Lane::default();
        if let Some(first) = lines.clone().next() {
            let at = first.state.at;
            let why = (number > 1).then_some(Why::Retry { number, at });
            let kind = match why {
                Some(_) => SegmentKind::Waiting,
                None => SegmentKind::Scheduled,
            };
            lane.add(kind, self.from, at, why);
        }
        let Lane { segments, marks } = lines::of_run(lines, self.to);
        lane.segments
            .extend(segments.into_iter().filter(|it| it.to <= self.to));
        lane.marks.extend(marks);
        let run = &self.story.run;
        let is_followed = self.attempt.state.name == StateName::AWAITING_RETRY && !self.is_last;
        let state = if is_followed {
            StateType::Failed
        } else {
            self.attempt.state.kind
        };
        self.items.push(Item {
            key: 0,
            kind: RowKind::Run,
            scope: None,
            opens: Some(run.id),
            name: run.name.to_string(),
            alike: None,
            link: Some(Link::FlowRun(run.id)),
            state,
            from: self.from,
            to: self.attempt.ended,
            lane,
            needs: Vec::new(),
            is_kept: false,
        });
    }

    /// The calls of the last attempt, whose journal is there.
    fn add_calls(&mut self) {
        let story = self.story;
        let tasks: HashMap<TaskRunId, &TaskRun> =
            story.task_runs.iter().map(|run| (run.id, run)).collect();
        let relatives: HashMap<RunId, &Relative> =
            story.relatives.iter().map(|run| (run.id, run)).collect();
        let histories = story.histories.iter();
        let histories: HashMap<RunId, &Vec<_>> =
            histories.map(|(run, lines)| (*run, lines)).collect();
        let mut scopes: HashMap<Seq, RunId> = HashMap::new();
        for made in &story.calls {
            let scope = |seq: &Option<Seq>| {
                let found = seq.as_ref().and_then(|seq| scopes.get(seq));
                found.copied().unwrap_or(story.run.id)
            };
            let item = match (&made.call, &made.answer) {
                (Call::Task(call), Some(Answer::TaskRun { id })) => {
                    let of = scope(&call.scope);
                    let needs = call.needs().collect();
                    self.task(made, of, tasks.get(id).copied(), *id, needs)
                }
                (Call::RunDeployment(request), answer) => {
                    let of = scope(&request.scope);
                    self.child(made, of, answer.as_ref(), &relatives, &histories)
                }
                (Call::WatchRun { run }, _) => {
                    let relative = relatives.get(run).copied();
                    let name = relative.map_or_else(|| run.to_string(), child_name);
                    let mut item = self.plain(made, RowKind::Child, story.run.id, name);
                    item.link = Some(Link::FlowRun(*run));
                    item
                }
                (
                    Call::Subflow {
                        flow,
                        scope: within,
                        ..
                    },
                    Some(Answer::Run { run }),
                ) => {
                    let of = scope(within);
                    scopes.insert(made.seq, run.id);
                    let relative = relatives.get(&run.id).copied();
                    let mut item = self.plain(made, RowKind::Subflow, of, flow.to_string());
                    item.alike = Some(flow.to_string());
                    item.opens = Some(run.id);
                    item.follow(relative, None, self.to);
                    item.link = Some(Link::FlowRun(run.id));
                    item
                }
                (call, _) if is_wait(call) => {
                    let within = match &made.call {
                        Call::Input { scope, .. } | Call::TakeSlots { scope, .. } => *scope,
                        _ => None,
                    };
                    self.wait(made, scope(&within))
                }
                _ => continue,
            };
            self.items.push(item);
        }
    }

    /// What is known of an attempt that was followed by another.
    fn add_past(&mut self) {
        let story = self.story;
        let within = |at: Timestamp| self.from <= at && at < self.to;
        let histories: HashMap<RunId, &Vec<_>> = story
            .histories
            .iter()
            .map(|(run, lines)| (*run, lines))
            .collect();
        let mut items = Vec::new();
        for run in story.task_runs.iter().filter(|run| within(run.called())) {
            let made = made(run.seq, run.called(), run.ended());
            items.push(self.task(&made, run.flow_run, Some(run), run.id, Vec::new()));
        }
        for relative in story.relatives.iter().filter(|run| within(run.created)) {
            let of = relative.parent.unwrap_or(story.run.id);
            let made = made(Seq(0), relative.created, relative.ended);
            let is_subflow = relative.within.is_some();
            let (kind, name) = if is_subflow {
                (RowKind::Subflow, relative.flow.to_string())
            } else {
                (RowKind::Child, child_name(relative))
            };
            let mut item = self.plain(&made, kind, of, name.clone());
            item.alike = Some(name);
            item.opens = is_subflow.then_some(relative.id);
            let lines = histories.get(&relative.id).copied();
            item.follow(Some(relative), lines.map(Vec::as_slice), self.to);
            items.push(item);
        }
        let waits = story.calls.iter().filter(|made| is_wait(&made.call));
        items.extend(waits.map(|made| self.wait(made, story.run.id)));
        items.sort_by_key(|item| (item.from, item.key));
        // Their positions are not known of all of them.
        for (item, key) in items.iter_mut().zip(1..) {
            item.key = key;
        }
        self.items.append(&mut items);
    }

    fn plain(&self, made: &CallMade, kind: RowKind, scope: RunId, name: String) -> Item {
        let to = made.settled;
        let refused = matches!(made.answer, Some(Answer::Refused { .. }));
        let mut item = Item {
            key: made.seq.0,
            kind,
            scope: Some(scope),
            opens: None,
            name,
            alike: None,
            link: None,
            state: match (to, refused) {
                (_, true) => StateType::Failed,
                (Some(_), _) => StateType::Completed,
                (None, _) => StateType::Waiting,
            },
            from: made.at,
            to,
            lane: Lane::default(),
            needs: Vec::new(),
            is_kept: to.is_some_and(|to| to < made.at),
        };
        if let Some(Answer::Refused { failure }) = &made.answer {
            item.to = Some(made.at);
            let why = Why::Message(failure.message.clone());
            item.lane.end(SegmentKind::Failed, made.at, Some(why));
        } else if item.is_kept {
            item.to = Some(made.at);
            let kind = MarkKind::Kept;
            item.lane.marks.push(Mark { at: made.at, kind });
        }
        item
    }

    fn task(
        &self,
        made: &CallMade,
        scope: RunId,
        run: Option<&TaskRun>,
        id: TaskRunId,
        needs: Vec<Seq>,
    ) -> Item {
        let name = match (run, &made.call) {
            (Some(run), _) => run.name.clone(),
            (None, Call::Task(call)) => call.task.to_string(),
            (None, _) => id.to_string(),
        };
        let mut item = self.plain(made, RowKind::Task, scope, name);
        item.link = Some(Link::TaskRun(id));
        item.needs = needs;
        let Some(run) = run else {
            // Nothing but the call is known of it.
            let end = item.to.unwrap_or(self.to);
            if !item.is_kept {
                item.lane.add(SegmentKind::Running, item.from, end, None);
            }
            return item;
        };
        item.alike = Some(run.task.to_string());
        item.state = run.state().kind;
        if item.is_kept {
            return item;
        }
        item.to = run.ended();
        item.lane = lines::of_task(run, &self.lost, self.to);
        item
    }

    fn child(
        &self,
        made: &CallMade,
        scope: RunId,
        answer: Option<&Answer>,
        relatives: &HashMap<RunId, &Relative>,
        histories: &HashMap<RunId, &Vec<model::HistoryLine>>,
    ) -> Item {
        let Call::RunDeployment(request) = &made.call else {
            unreachable!("only such calls start children");
        };
        let mut item = self.plain(made, RowKind::Child, scope, request.deployment.clone());
        item.alike = Some(request.deployment.clone());
        if let Some(Answer::Run { run }) = answer {
            item.link = Some(Link::FlowRun(run.id));
            let lines = histories.get(&run.id).copied();
            let relative = relatives.get(&run.id).copied();
            item.follow(relative, lines.map(Vec::as_slice), self.to);
        }
        item
    }

    /// A timer, an input, or slots of a limit.
    fn wait(&self, made: &CallMade, scope: RunId) -> Item {
        let (seq, until) = match made.answer {
            Some(Answer::Input { until, .. }) => (made.seq, until),
            _ => (made.seq, None),
        };
        let (kind, awaited) = match &made.call {
            Call::Input { key, .. } => {
                let key = key.clone();
                (RowKind::Input, Awaited::Input { seq, key })
            }
            Call::TakeSlots { limit, .. } => {
                let limit = limit.clone();
                (RowKind::Limit, Awaited::Slots { seq, limit })
            }
            Call::Timer { duration_ms } => {
                let duration_ms = *duration_ms;
                (RowKind::Timer, Awaited::Timer { seq, duration_ms })
            }
            _ => unreachable!("only these are waits"),
        };
        let mut item = self.plain(made, kind, scope, awaited.to_string());
        item.alike = (kind == RowKind::Timer).then(|| kind.as_str().to_owned());
        if item.is_kept || item.state == StateType::Failed {
            return item;
        }
        let end = made.settled.unwrap_or(self.to);
        let waits = Waits {
            first: vec![awaited],
            count: 1,
            any: false,
        };
        let why = Some(Why::Waits(waits));
        item.lane.add(SegmentKind::Waiting, made.at, end, why);
        if until.is_some() && until == made.settled {
            item.state = StateType::Failed;
            let why = Why::Message("nobody gave it in time".to_owned());
            item.lane.end(SegmentKind::Failed, end, Some(why));
        }
        item
    }
}

impl Item {
    /// The segments of a run that was started, if they are not those of an earlier attempt.
    fn follow(
        &mut self,
        relative: Option<&Relative>,
        lines: Option<&[model::HistoryLine]>,
        until: Timestamp,
    ) {
        let Some(run) = relative else {
            return;
        };
        self.link = Some(Link::FlowRun(run.id));
        self.state = run.state.kind;
        if self.is_kept {
            return;
        }
        self.to = run.ended;
        let until = run.ended.unwrap_or(until);
        if let Some(lines) = lines.filter(|lines| !lines.is_empty()) {
            self.lane = lines::of_run(lines, until.max(run.state.at));
            return;
        }
        let started = run.started.unwrap_or(until).max(run.created);
        let message = || run.state.message.clone().map(Why::Message);
        self.lane
            .add(SegmentKind::Scheduled, run.created, started, None);
        if run.started.is_some() {
            self.lane.add(SegmentKind::Running, started, until, None);
        }
        if run.ended.is_some() {
            let kind = SegmentKind::ended(run.state.kind);
            self.lane.end(kind, until, message());
        }
    }
}

fn is_wait(call: &Call) -> bool {
    matches!(
        call,
        Call::Timer { .. } | Call::Input { .. } | Call::TakeSlots { .. }
    )
}

fn child_name(run: &Relative) -> String {
    match &run.deployment {
        Some(deployment) => deployment.to_string(),
        None => run.flow.to_string(),
    }
}

fn made(seq: Seq, at: Timestamp, settled: Option<Timestamp>) -> CallMade {
    CallMade {
        seq,
        at,
        settled,
        call: Call::WaitAny,
        answer: None,
    }
}
