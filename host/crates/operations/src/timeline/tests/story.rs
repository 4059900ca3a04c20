//! Stories in a few lines, and drawings of what became of them.
//!
//! ```text
//! now 40                                  the current time, in microseconds
//! run 0 running, 40 completed             the run's history
//! 1 task load 0 2-8 fail, 10-20 ok <- 3   called at 0; its attempts; what it needs
//! 2 child etl/nightly 0 4-20 ok in 1      in the subflow of call 1
//! 3 subflow check 0-20 ok
//! 4 timer 10-30                           `4 timer 10-`: it goes on
//! 5 input approval 10-30
//! kept 6 load 20 1                        call 6, at 20, is answered by what call 1 did
//! past 2 timer 4-12                       what is remembered of an attempt that is over
//! ```

use super::super::*;
use model::testing::SomeIds;
use model::{
    Answer, Call, CallMade, Digest, FlowName, FlowRun, Grants, HistoryLine, Ids as _, InputId,
    Json, PoolName, Relative, RunName, RunRequest, Seq, State, StateType, TaskCall, TaskLine,
    TaskName, TaskOptions, TaskRun, TaskRunId, WorkerId,
};
use model::{Awaited, Failure, FailureKind, PastWorker, RunSnapshot, StateName, Waits};

fn failure() -> Failure {
    Failure::new(FailureKind::Error, "it broke")
}

pub fn story(text: &str) -> Story {
    story_of(text, None)
}

/// As it is read for this attempt, or for the last.
pub fn story_of(text: &str, attempt: Option<u32>) -> Story {
    let mut maker = Maker::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        maker.line(line);
    }
    let Maker {
        mut story, past, ..
    } = maker;
    let all = model::attempts(&story.history);
    let last = all.last().expect("an attempt");
    story.has_journal = attempt.is_none_or(|it| it == last.number);
    if story.has_journal {
        story.calls.retain(|made| made.at >= last.since);
    } else {
        story.calls = past;
    }
    story
}

fn time(text: &str) -> Timestamp {
    let number = text.parse();
    Timestamp(number.unwrap_or_else(|_| panic!("`{text}` is no time")))
}

/// `4-12` or `4-`.
fn span(text: &str) -> (Timestamp, Option<Timestamp>) {
    let (from, to) = text.split_once('-').expect("a span");
    (time(from), (!to.is_empty()).then(|| time(to)))
}

struct Maker {
    story: Story,
    /// The runs of the subflows, by their calls.
    subflows: Vec<(u64, RunId)>,
    tasks: Vec<(u64, TaskRunId)>,
    past: Vec<CallMade>,
}

impl Maker {
    fn new() -> Self {
        let run = FlowRun {
            id: RunId::generate(),
            name: RunName::trusted("run"),
            flow: FlowName::trusted("etl"),
            deployment: None,
            component: Digest([0; 32]),
            pool: Some(PoolName::default_pool()),
            work_queue: None,
            priority: model::Priority::default(),
            limits: Vec::new(),
            grants: Grants::default(),
            parameters: Json::null(),
            tags: Vec::new(),
            parent: None,
            within: None,
            state: State::scheduled(Timestamp(0)),
            attempt: 1,
            epoch: 0,
            created: Timestamp(0),
            scheduled: Timestamp(0),
            started: None,
            earlier: std::time::Duration::ZERO,
            ended: None,
            outcome: None,
        };
        let story = Story {
            run,
            history: Vec::new(),
            calls: Vec::new(),
            has_journal: true,
            task_runs: Vec::new(),
            relatives: Vec::new(),
            histories: Vec::new(),
            now: Timestamp(0),
        };
        Self {
            story,
            subflows: Vec::new(),
            tasks: Vec::new(),
            past: Vec::new(),
        }
    }

    fn line(&mut self, line: &str) {
        let (first, rest) = line.split_once(' ').expect("two words");
        match first {
            "now" => self.story.now = time(rest),
            "run" => {
                self.story.history = history(rest);
                let last = self.story.history.last().expect("a line");
                self.story.run.attempt = last.attempt;
                self.story.now = self.story.now.max(last.state.at);
            }
            "kept" => self.kept(rest),
            "past" => {
                self.call(rest);
                let mut made = self.story.calls.pop().expect("a call");
                made.answer = None;
                self.past.push(made);
            }
            _ => self.call(line),
        }
    }

    /// `6 load 20 1`
    fn kept(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let [seq, task, at, by] = words[..] else {
            panic!("what is kept by `{line}`?");
        };
        let by: u64 = by.parse().unwrap();
        let id = self.tasks.iter().find(|(seq, _)| *seq == by).unwrap().1;
        let call = Call::Task(task_call(task, Vec::new(), None));
        self.made(
            seq.parse().unwrap(),
            time(at),
            Some(Timestamp(1)),
            call,
            Answer::TaskRun { id },
        );
    }

    fn made(
        &mut self,
        seq: u64,
        at: Timestamp,
        settled: Option<Timestamp>,
        call: Call,
        answer: Answer,
    ) {
        self.story.calls.push(CallMade {
            seq: Seq(seq),
            at,
            settled,
            call,
            answer: Some(answer),
        });
    }

    fn call(&mut self, line: &str) {
        let (line, needs) = match line.split_once(" <- ") {
            Some((line, needs)) => (line, needs),
            None => (line, ""),
        };
        let needs = needs.split_whitespace();
        let needs: Vec<Seq> = needs.map(|seq| Seq(seq.parse().unwrap())).collect();
        let (line, scope) = match line.split_once(" in ") {
            Some((line, scope)) => (line, Some(Seq(scope.parse().unwrap()))),
            None => (line, None),
        };
        let mut words = line.splitn(3, ' ');
        let seq: u64 = words.next().unwrap().parse().unwrap();
        let kind = words.next().unwrap();
        let rest = words.next().unwrap();
        match kind {
            "task" => self.task(seq, rest, needs, scope),
            "child" => self.child(seq, rest, scope),
            "subflow" => self.subflow(seq, rest, scope),
            "timer" => {
                let (at, settled) = span(rest);
                let due = settled.unwrap_or(Timestamp(at.0 + 1000));
                let duration_ms = u64::try_from((due.0 - at.0) / 1000).unwrap();
                let call = Call::Timer { duration_ms };
                self.made(seq, at, settled, call, Answer::Due { at: due });
            }
            "input" => {
                let (key, times) = rest.split_once(' ').unwrap();
                let (at, settled) = span(times);
                let call = Call::Input {
                    key: key.to_owned(),
                    timeout_ms: None,
                    scope,
                };
                let answer = Answer::Input {
                    id: InputId::generate(),
                    description: None,
                    schema: Json::null(),
                    until: None,
                };
                self.made(seq, at, settled, call, answer);
            }
            other => panic!("what is a {other}?"),
        }
    }

    fn scope_run(&self, scope: Option<Seq>) -> RunId {
        let found = scope.and_then(|scope| self.subflows.iter().find(|(seq, _)| *seq == scope.0));
        found.map_or(self.story.run.id, |(_, run)| *run)
    }

    /// `load 0 2-8 fail, 10-20 ok`
    fn task(&mut self, seq: u64, text: &str, needs: Vec<Seq>, scope: Option<Seq>) {
        let mut words = text.splitn(3, ' ');
        let name = words.next().unwrap();
        let called = time(words.next().unwrap());
        let worker = WorkerId::generate();
        let mut run = TaskRun {
            id: TaskRunId::generate(),
            flow_run: self.scope_run(scope),
            journal: self.story.run.id,
            seq: Seq(seq),
            task: TaskName::trusted(name),
            name: format!("{name}-{seq}"),
            tags: Vec::new(),
            attempt: 0,
            retry_at: None,
            worker: None,
            history: vec![State::pending(called).into()],
        };
        let tries: Vec<&str> = words.next().unwrap_or_default().split(", ").collect();
        for (n, attempt) in tries.iter().enumerate().filter(|(_, it)| !it.is_empty()) {
            let (times, how) = attempt.split_once(' ').unwrap_or((attempt, ""));
            if times == "retry" {
                run.retry_at = Some(time(how));
                continue;
            }
            let (from, to) = span(times);
            let number =
                run.attempt.max(1) + u32::from(run.state().name == StateName::AWAITING_RETRY);
            run.begin_attempt(number, worker, from);
            let Some(to) = to else {
                continue;
            };
            let is_last = n + 1 == tries.len();
            match how {
                "ok" => run.history.push(TaskLine::ended(&Ok(Json::null()), to)),
                "fail" if is_last => run.history.push(TaskLine::ended(&Err(failure()), to)),
                "fail" => run.history.push(TaskLine {
                    cause: Some(failure()),
                    ..State::awaiting_retry(to).into()
                }),
                "lost" => {}
                other => panic!("an attempt does not end `{other}`"),
            }
        }
        self.tasks.push((seq, run.id));
        let call = Call::Task(task_call(name, needs, scope));
        let answer = Answer::TaskRun { id: run.id };
        self.made(seq, called, run.ended(), call, answer);
        self.story.task_runs.push(run);
    }

    /// `etl/nightly 10 20-30 fail`
    fn child(&mut self, seq: u64, text: &str, scope: Option<Seq>) {
        let words: Vec<&str> = text.split(' ').collect();
        let [name, created, times, how] = words[..] else {
            panic!("what is child `{text}`?");
        };
        let (started, ended) = span(times);
        let parent = self.scope_run(scope);
        let mut run = self.relative(name.split('/').next().unwrap(), time(created), parent);
        run.deployment = name.parse().ok();
        run.started = Some(started);
        run.ended = ended;
        run.state = state_of(how, ended, started);
        let request = RunRequest {
            deployment: name.to_owned(),
            parameters: Json::null(),
            flow_run_name: None,
            tags: Vec::new(),
            scheduled: None,
            idempotency_key: None,
            work_queue: None,
            as_subflow: true,
            scope,
        };
        let answer = Answer::Run {
            run: snapshot(&run),
        };
        self.made(
            seq,
            run.created,
            ended,
            Call::RunDeployment(request),
            answer,
        );
        self.story.relatives.push(run);
    }

    /// `check 0-20 ok`
    fn subflow(&mut self, seq: u64, text: &str, scope: Option<Seq>) {
        let words: Vec<&str> = text.split(' ').collect();
        let [name, times, how] = words[..] else {
            panic!("what is subflow `{text}`?");
        };
        let (started, ended) = span(times);
        let parent = self.scope_run(scope);
        let mut run = self.relative(name, started, parent);
        run.within = Some(self.story.run.id);
        run.started = Some(started);
        run.ended = ended;
        run.state = state_of(how, ended, started);
        self.subflows.push((seq, run.id));
        let call = Call::Subflow {
            flow: run.flow.clone(),
            parameters: Json::null(),
            scope,
        };
        let answer = Answer::Run {
            run: snapshot(&run),
        };
        self.made(seq, started, None, call, answer);
        self.story.relatives.push(run);
    }

    fn relative(&self, flow: &str, created: Timestamp, parent: RunId) -> Relative {
        Relative {
            id: RunId::generate(),
            name: SomeIds.run_name(),
            flow: FlowName::trusted(flow),
            deployment: None,
            parent: Some(parent),
            within: None,
            state: State::scheduled(created),
            created,
            started: None,
            ended: None,
        }
    }
}

fn state_of(how: &str, ended: Option<Timestamp>, started: Timestamp) -> State {
    match (how, ended) {
        ("ok", Some(at)) => State::ended(&Ok(Json::null()), at),
        ("fail", Some(at)) => State::ended(&Err(failure()), at),
        _ => State::running(1, started),
    }
}

fn snapshot(run: &Relative) -> RunSnapshot {
    RunSnapshot {
        id: run.id,
        name: run.name.clone(),
        flow: run.flow.clone(),
        deployment: run.deployment.clone(),
        state: run.state.kind,
        state_name: run.state.name.clone(),
        outcome: None,
    }
}

fn task_call(task: &str, wait_for: Vec<Seq>, scope: Option<Seq>) -> TaskCall {
    TaskCall {
        task: TaskName::trusted(task),
        arguments: Vec::new(),
        wait_for,
        options: TaskOptions::default(),
        scope,
    }
}

/// `0 scheduled, 10 pending, 20 waiting timer 2`. `again`: the attempt failed.
fn history(text: &str) -> Vec<HistoryLine> {
    let mut attempt = 0;
    let mut failed = false;
    let worker = PastWorker {
        id: WorkerId::generate(),
        name: Some("w1".to_owned()),
    };
    let mut lines = Vec::new();
    for line in text.split(", ") {
        let words: Vec<&str> = line.split(' ').collect();
        let at = time(words[0]);
        if words[1] != "scheduled" {
            attempt = attempt.max(1);
        }
        if std::mem::take(&mut failed) {
            attempt += 1;
        }
        let state = match words[1] {
            "scheduled" => State::scheduled(at),
            "pending" => State::pending(at),
            "running" => State::running(attempt, at),
            "waiting" => State::waiting(at),
            "paused" => State::new(StateType::Paused, StateName::PAUSED, at),
            "cancelling" => State::new(StateType::Cancelling, StateName::CANCELLING, at),
            "rescued" => State::new(StateType::Scheduled, StateName::RESCUED, at),
            "again" => State::awaiting_retry(at),
            "completed" => State::ended(&Ok(Json::null()), at),
            "failed" => State::ended(&Err(failure()), at),
            "crashed" => State::ended(&Err(Failure::new(FailureKind::Crashed, "it crashed")), at),
            "cancelled" => State::ended(&Err(Failure::cancelled()), at),
            other => panic!("what is `{other}`?"),
        };
        failed = words[1] == "again";
        let mut line = HistoryLine::new(state, attempt);
        line.cause = (line.ends_attempt() && words[1] != "completed").then(failure);
        line.worker = (words[1] == "pending").then(|| worker.clone());
        line.waits = (words[1] == "waiting").then(|| Waits {
            first: vec![Awaited::Task {
                seq: Seq(1),
                name: words[2..].join("-"),
            }],
            count: 1,
            any: false,
        });
        lines.push(line);
    }
    lines
}

/// A line a row, indented by scope, and the critical path.
pub fn draw(timeline: &Timeline) -> String {
    let mut lines: Vec<(String, String)> = Vec::new();
    for row in &timeline.rows {
        let indent = "  ".repeat(row.depth.saturating_sub(1));
        let name = match (&row.group, row.kind) {
            (Some(group), _) if group.failed > 0 => {
                format!("{} x{} !{}", row.name, group.count, group.failed)
            }
            (Some(group), _) => format!("{} x{}", row.name, group.count),
            (None, RowKind::More { left }) => format!("{left} more"),
            _ => row.name.clone(),
        };
        lines.push((format!("{indent}{name}"), bars(row, timeline)));
    }
    let widest = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut drawn = String::new();
    for (name, bars) in lines {
        let line = format!("{name:widest$} {bars}");
        drawn += line.trim_end();
        drawn.push('\n');
    }
    let shares = timeline.shares.iter();
    let shares: Vec<String> = shares.map(|it| format!("{} {}", it.name, it.us)).collect();
    drawn += &format!("critical: {}", shares.join(", "));
    drawn
}

fn bars(row: &Row, timeline: &Timeline) -> String {
    let axis = &timeline.axis;
    let width = axis.width as usize;
    let mut columns = vec![' '; width];
    let column = |at| (axis.place(at).round() as usize).min(width);
    if let Some(group) = &row.group {
        for (n, column) in columns.iter_mut().enumerate() {
            let bins =
                &group.bins[n * BINS / width..((n + 1) * BINS / width).max(n * BINS / width + 1)];
            let active = bins.iter().map(|bin| bin.active).max().unwrap_or(0);
            let failed = bins.iter().any(|bin| bin.failed > 0);
            *column = match (failed, active) {
                (true, _) => 'x',
                (false, 0) => ' ',
                (false, active) => char::from_digit(active.min(9), 10).unwrap(),
            };
        }
    }
    for segment in &row.segments {
        let (from, to) = (column(segment.from), column(segment.to));
        let sign = match segment.kind {
            SegmentKind::Scheduled => '.',
            SegmentKind::Pending => ':',
            SegmentKind::Waiting => '-',
            SegmentKind::Paused => '=',
            SegmentKind::Running => '#',
            SegmentKind::Cancelled => 'c',
            SegmentKind::Crashed => 'z',
            SegmentKind::Failed => 'x',
        };
        // As on a screen, nothing is too short to be seen.
        let from = from.min(width - 1);
        columns[from..to.max(from + 1)].fill(sign);
        if segment.open {
            columns[to - 1] = '>';
        }
    }
    for mark in &row.marks {
        columns[column(mark.at).min(width - 1)] = match mark.kind {
            MarkKind::Lost { .. } => '|',
            MarkKind::Kept => 'k',
        };
    }
    columns.into_iter().collect()
}
