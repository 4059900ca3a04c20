//! What a run went through: the lines of its history, and the attempts that they tell of.
//!
//! ```text
//! line    state      attempt  says besides
//! 1       Scheduled  0
//! 2       Pending    1        the worker that claimed it
//! 3       Running    1
//! 4       Waiting    1        what it waits for
//! 5       Resuming   1        the worker that claimed it again
//! 6       Running    1
//! 7       AwaitingRetry 1     the cause: the attempt failed
//! 8       Pending    2        the worker
//! ```
//!
//! A line says only what the lines before it do not: the worker of a run is that of its last
//! line that names one.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Failure, LimitName, RunId, RunName, Seq, State, StateName, StateType, Timestamp, WorkerId,
};

/// A line of a flow run's history: a state that it entered, and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryLine {
    pub state: State,
    /// The attempt that the line belongs to; 0 before the first.
    pub attempt: u32,
    /// The worker that took the run with this line, or that lost it.
    pub worker: Option<PastWorker>,
    /// Why the attempt did not succeed that ends with this line.
    pub cause: Option<Failure>,
    /// What the run waits for.
    pub waits: Option<Waits>,
}

impl HistoryLine {
    /// A line that says nothing besides its state.
    pub fn new(state: State, attempt: u32) -> Self {
        Self {
            state,
            attempt,
            worker: None,
            cause: None,
            waits: None,
        }
    }
}

/// A worker, which may be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastWorker {
    pub id: WorkerId,
    /// None where only its id was kept.
    pub name: Option<String>,
}

impl fmt::Display for PastWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.pad(name),
            None => write!(f, "{}", self.id),
        }
    }
}

/// How many of the calls that a run waits for are named.
pub const AWAITED_MAX: usize = 5;

/// What a flow run waits for without its slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// The first of them, at most [`AWAITED_MAX`]; inputs before the others.
    pub first: Vec<Awaited>,
    /// How many there are.
    pub count: u64,
    /// Whether the first to settle is enough.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub any: bool,
}

impl Waits {
    /// The state of waiting so: `Suspended`, if a person is to give any of them.
    pub fn state(&self, at: Timestamp) -> State {
        let name = match self.first.first() {
            Some(Awaited::Input { .. }) => StateName::SUSPENDED,
            _ => StateName::WAITING,
        };
        State::new(StateType::Waiting, name, at).because(format!("waits for {self}"))
    }
}

/// A call that has not settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Awaited {
    Timer {
        seq: Seq,
        duration_ms: u64,
    },
    Task {
        seq: Seq,
        /// Of the task run.
        name: String,
    },
    /// A flow run that it started or watches.
    Run {
        seq: Seq,
        id: RunId,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        name: Option<RunName>,
    },
    Input {
        seq: Seq,
        key: String,
    },
    /// Slots of a limit.
    Slots {
        seq: Seq,
        limit: LimitName,
    },
}

impl Awaited {
    pub fn seq(&self) -> Seq {
        match self {
            Self::Timer { seq, .. }
            | Self::Task { seq, .. }
            | Self::Run { seq, .. }
            | Self::Input { seq, .. }
            | Self::Slots { seq, .. } => *seq,
        }
    }

    /// What people call such calls.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Timer { .. } => "timer",
            Self::Task { .. } => "task",
            Self::Run { .. } => "flow run",
            Self::Input { .. } => "input",
            Self::Slots { .. } => "limit",
        }
    }

    fn fmt_name(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timer { duration_ms, .. } => {
                let duration = Duration::from_millis(*duration_ms);
                write!(f, "of {}", crate::in_units(duration))
            }
            Self::Task { name, .. } => write!(f, "`{name}`"),
            Self::Run {
                name: Some(name), ..
            } => write!(f, "`{name}`"),
            Self::Run { id, .. } => write!(f, "{id}"),
            Self::Input { key, .. } => write!(f, "`{key}`"),
            Self::Slots { limit, .. } => write!(f, "`{limit}`"),
        }
    }
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind())?;
        self.fmt_name(f)
    }
}

impl fmt::Display for Waits {
    /// `timer of 2h`, or `any of flow run `a`, `b` and 7 more`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.any && self.count > 1 {
            f.write_str("any of ")?;
        }
        for (at, awaited) in self.first.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            let is_timer = matches!(awaited, Awaited::Timer { .. });
            if at > 0 && !is_timer && self.first[at - 1].kind() == awaited.kind() {
                awaited.fmt_name(f)?;
            } else {
                write!(f, "{awaited}")?;
            }
        }
        match self.count.saturating_sub(self.first.len() as u64) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// One try of a flow run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// When the run was created, the attempt before failed, or a person tried it again.
    pub since: Timestamp,
    /// When it was executed for the first time.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The last worker that executed it.
    pub worker: Option<PastWorker>,
    /// Where it is, or how it ended. An attempt that was followed by another has failed.
    pub state: State,
    pub cause: Option<Failure>,
}

/// Numbers the attempts of lines that earlier versions wrote, which did not say them.
pub fn number_attempts(history: &mut [HistoryLine]) {
    let mut attempt = 0;
    let mut is_over = false;
    for line in history {
        let is_claimed = matches!(line.state.kind, StateType::Pending | StateType::Running);
        let begins = attempt == 0 && is_claimed;
        attempt = match line.attempt {
            0 => attempt + u32::from(begins || is_over),
            said => said,
        };
        line.attempt = attempt;
        is_over = line.ends_attempt();
    }
}

/// The attempts of a flow run, from its history, oldest first. A run that was never claimed
/// is in its first one.
pub fn attempts(history: &[HistoryLine]) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = Vec::new();
    for line in history {
        let number = line.attempt.max(1);
        let last = attempts.last();
        if last.is_none_or(|last| last.number < number) {
            // It waits for its time from the failure of the one before on.
            let failed = last.filter(|last| last.state.name == StateName::AWAITING_RETRY);
            attempts.push(Attempt {
                number,
                since: failed.map_or(line.state.at, |failed| failed.state.at),
                started: None,
                ended: None,
                worker: None,
                state: line.state.clone(),
                cause: None,
            });
        }
        let attempt = attempts.last_mut().expect("one was just added");
        attempt.add(line);
    }
    attempts
}

/// How long a run has been paused since its attempt began at `since`.
pub fn paused(history: &[HistoryLine], since: Timestamp) -> Duration {
    let pairs = history
        .windows(2)
        .map(|pair| (&pair[0].state, &pair[1].state));
    let pauses = pairs.filter(|(state, _)| state.kind == StateType::Paused);
    pauses
        .map(|(state, next)| next.at.since(state.at.max(since)))
        .sum()
}

impl Attempt {
    fn add(&mut self, line: &HistoryLine) {
        let state = &line.state;
        if state.kind == StateType::Running && self.started.is_none() {
            self.started = Some(state.at);
        }
        if line.worker.is_some() {
            self.worker.clone_from(&line.worker);
        }
        self.state = state.clone();
        self.cause.clone_from(&line.cause);
        self.ended = line.ends_attempt().then_some(state.at);
    }
}

impl HistoryLine {
    /// Whether nothing of the attempt comes after this.
    pub fn ends_attempt(&self) -> bool {
        self.state.kind.is_terminal() || self.state.name == StateName::AWAITING_RETRY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FailureKind;

    fn waits(first: Vec<Awaited>, count: u64, any: bool) -> String {
        Waits { first, count, any }.to_string()
    }

    #[test]
    fn a_wait_is_told_in_a_few_words() {
        let timer = || Awaited::Timer {
            seq: Seq(1),
            duration_ms: 7_200_000,
        };
        let task = |name: &str| Awaited::Task {
            seq: Seq(2),
            name: name.to_owned(),
        };
        let run = || Awaited::Run {
            seq: Seq(3),
            id: RunId::generate(),
            name: "silver-otter".parse().ok(),
        };
        let input = |key: &str| Awaited::Input {
            seq: Seq(4),
            key: key.to_owned(),
        };
        assert_eq!(waits(vec![timer()], 1, true), "timer of 2h");
        assert_eq!(waits(vec![run()], 1, false), "flow run `silver-otter`");
        assert_eq!(
            waits(vec![input("a"), input("b")], 2, false),
            "input `a`, `b`"
        );
        assert_eq!(
            waits(vec![input("a"), task("load-1"), task("load-2")], 9, true),
            "any of input `a`, task `load-1`, `load-2` and 6 more"
        );
        assert_eq!(
            waits(vec![timer(), timer()], 2, true),
            "any of timer of 2h, timer of 2h"
        );
    }

    #[test]
    fn a_wait_reads_back_from_its_text() {
        let waits = Waits {
            first: vec![
                Awaited::Run {
                    seq: Seq(3),
                    id: RunId::generate(),
                    name: None,
                },
                Awaited::Timer {
                    seq: Seq(4),
                    duration_ms: 5,
                },
            ],
            count: 2,
            any: true,
        };
        let text = serde_json::to_string(&waits).unwrap();
        assert_eq!(serde_json::from_str::<Waits>(&text).unwrap(), waits);
    }

    /// `AwaitingRetry 1`: a state and its attempt; every line a second after the one before.
    fn history(lines: &str) -> Vec<HistoryLine> {
        let line = |(second, line): (usize, &str)| {
            let (name, attempt) = line.trim().split_once(' ').unwrap();
            let at = Timestamp(second as i64);
            let failure = Failure::new(FailureKind::Error, "no route");
            let state = match name {
                "Scheduled" => State::scheduled(at),
                "Pending" => State::pending(at),
                "Running" => State::running(1, at),
                "AwaitingRetry" => State::awaiting_retry(at),
                "Paused" => State::new(StateType::Paused, StateName::PAUSED, at),
                "Failed" => State::ended(&Err(failure.clone()), at),
                _ => panic!("what is `{name}`?"),
            };
            let attempt = attempt.parse().unwrap();
            let mut line = HistoryLine::new(state, attempt);
            line.cause = line.ends_attempt().then_some(failure);
            line.worker = (name == "Pending").then(|| PastWorker {
                id: WorkerId::generate(),
                name: Some(format!("w{attempt}")),
            });
            line
        };
        lines.split(',').enumerate().map(line).collect()
    }

    #[track_caller]
    fn check_attempts(lines: &str, expect: &str) {
        let shown = attempts(&history(lines)).into_iter().map(|it| {
            let started = it.started.map_or("-".to_owned(), |at| at.0.to_string());
            let ended = it.ended.map_or("-".to_owned(), |at| at.0.to_string());
            let worker = it.worker.map_or("-".to_owned(), |it| it.to_string());
            let cause = it.cause.map_or("-".to_owned(), |it| it.to_string());
            let (number, since) = (it.number, it.since.0);
            format!("{number}: {since} {started} {ended} {worker} {cause}")
        });
        assert_eq!(shown.collect::<Vec<_>>().join(" | "), expect, "{lines}");
    }

    #[test]
    fn lines_of_earlier_versions_are_given_their_attempts() {
        #[track_caller]
        fn check(lines: &str) {
            let expect = history(lines);
            let mut earlier = expect.clone();
            number_attempts(&mut earlier);
            assert_eq!(earlier, expect, "what says its attempts stays");
            for line in &mut earlier {
                line.attempt = 0;
            }
            number_attempts(&mut earlier);
            assert_eq!(earlier, expect, "{lines}");
        }
        check("Scheduled 0");
        check("Scheduled 0, Pending 1, Running 1, Pending 1, Running 1, Failed 1");
        check("Scheduled 0, Pending 1, Running 1, AwaitingRetry 1, Pending 2, Running 2");
        check("Scheduled 0, Pending 1, Running 1, Failed 1, Scheduled 2, Pending 2, Failed 2");
        check("Running 1, Failed 1");
        check("Scheduled 0, Paused 0, Scheduled 0, Pending 1, Failed 1");

        // It went on under this version.
        let mut lines = history("Scheduled 0, Pending 0, AwaitingRetry 0, Pending 2, Failed 2");
        number_attempts(&mut lines);
        let attempts: Vec<u32> = lines.iter().map(|line| line.attempt).collect();
        assert_eq!(attempts, [0, 1, 1, 2, 2]);
    }

    #[test]
    fn only_pauses_of_this_attempt_count() {
        #[track_caller]
        fn check(lines: &str, since: i64, expect: u64) {
            let paused = paused(&history(lines), Timestamp(since));
            assert_eq!(paused, Duration::from_micros(expect), "{lines}");
        }
        check("Scheduled 0, Pending 1, Running 1, Pending 1", 2, 0);
        check(
            "Scheduled 0, Paused 0, Scheduled 0, Pending 1, Running 1",
            4,
            0,
        );
        check(
            "Running 1, Paused 1, Scheduled 1, Running 1, Paused 1, Scheduled 1, Pending 1",
            0,
            2,
        );
        check(
            "Running 1, Paused 1, Scheduled 1, AwaitingRetry 1, Running 2, Paused 2, Scheduled 2",
            4,
            1,
        );
        // It is paused now.
        check("Running 1, Paused 1", 0, 0);
    }

    #[test]
    fn attempts_are_told_apart_by_the_lines() {
        check_attempts("Scheduled 0", "1: 0 - - - -");
        check_attempts(
            "Scheduled 0, Pending 1, Running 1, AwaitingRetry 1, Pending 2, Running 2",
            "1: 0 2 3 w1 no route | 2: 3 5 - w2 -",
        );
        // A person tries it again, much later.
        check_attempts(
            "Scheduled 0, Pending 1, Running 1, Failed 1, Scheduled 2",
            "1: 0 2 3 w1 no route | 2: 4 - - - -",
        );
    }
}
