//! What listings are restricted to.
//!
//! Several values of one field mean any of them; several fields mean all of them. An empty field
//! does not restrict the list.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use model::{
    DeploymentName, FlowName, LogLevel, PoolName, RunId, StateName, StateType, TaskName, TaskRunId,
    Timestamp,
};

use serde::{Deserialize, Serialize};

use crate::listing::{Cursor, Fingerprint, Prints};

/// A state that a filter lets through, by its type or by the name that people read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum StateFilter {
    Type(StateType),
    /// `Late` means what [`FlowRun::is_late`](model::FlowRun::is_late) says.
    Name(StateName),
}

impl StateFilter {
    /// The only type that such a state has. `None` for a name that this program does not give.
    pub fn kind(&self) -> Option<StateType> {
        match self {
            Self::Type(kind) => Some(*kind),
            Self::Name(name) => name.kind(),
        }
    }

    /// The words that people may use: all types, and those names that are not types' names, too.
    pub fn words() -> impl Iterator<Item = &'static str> {
        let names = StateName::KINDS
            .into_iter()
            .filter_map(|(name, _)| match name.0 {
                Cow::Borrowed(word) => Some(word),
                Cow::Owned(_) => None,
            });
        let types = StateType::ALL.map(StateType::as_str);
        let names = names.filter(|word| word.parse::<StateType>().is_err());
        types.into_iter().chain(names)
    }
}

impl From<StateType> for StateFilter {
    fn from(kind: StateType) -> Self {
        Self::Type(kind)
    }
}

impl fmt::Display for StateFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(kind) => kind.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl FromStr for StateFilter {
    type Err = String;
    /// In any case. Where a type and a name are alike, the type is meant: it has runs of all
    /// names.
    fn from_str(text: &str) -> Result<Self, String> {
        let name = || {
            let mut known = StateName::KINDS.into_iter().map(|(name, _)| name);
            known.find(|name| name.0.eq_ignore_ascii_case(text))
        };
        match text.parse() {
            Ok(kind) => Ok(Self::Type(kind)),
            Err(reason) => name().map(Self::Name).ok_or(reason),
        }
    }
}

impl From<StateFilter> for String {
    fn from(state: StateFilter) -> Self {
        state.to_string()
    }
}

impl TryFrom<String> for StateFilter {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Which flow runs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunFilter {
    pub states: Vec<StateFilter>,
    pub flows: Vec<FlowName>,
    pub deployments: Vec<DeploymentName>,
    pub pools: Vec<PoolName>,
    pub tags: Vec<String>,
    /// Only runs that this one started.
    pub parent: Option<RunId>,
    /// Only runs created then or later.
    pub since: Option<Timestamp>,
    /// Only runs created earlier.
    pub until: Option<Timestamp>,
    /// A part of the name, in any case, or the beginning of the id. A text of eight digits and
    /// more that begins the id of some run means that id alone.
    pub text: Option<String>,
}

impl RunFilter {
    pub fn fingerprint(&self) -> Fingerprint {
        Prints::of("flow runs")
            .field("state", &self.states)
            .field("flow", &self.flows)
            .field("deployment", &self.deployments)
            .field("pool", &self.pools)
            .field("tag", &self.tags)
            .field("parent", self.parent)
            .field("since", self.since.map(|at| at.0))
            .field("until", self.until.map(|at| at.0))
            .field("text", &self.text)
            .finish()
    }
}

/// Which task runs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskRunFilter {
    /// Only task runs that this run, or any subflow within it, has called.
    pub flow_run: Option<RunId>,
    pub states: Vec<StateFilter>,
    pub tasks: Vec<TaskName>,
    /// A part of the name, in any case, or the beginning of the id.
    pub text: Option<String>,
}

impl TaskRunFilter {
    pub fn fingerprint(&self) -> Fingerprint {
        Prints::of("task runs")
            .field("flow-run", self.flow_run)
            .field("state", &self.states)
            .field("task", &self.tasks)
            .field("text", &self.text)
            .finish()
    }
}

/// A line's place in the log. A later line of a run has a greater one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPlace(pub i64);

impl fmt::Display for LogPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl FromStr for LogPlace {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let place = i64::from_str_radix(text, 16).ok().filter(|at| *at >= 0);
        place
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a place in a log"))
    }
}

/// Which lines to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter {
    /// Lines of these runs, and of the subflows within them.
    pub runs: Vec<RunId>,
    /// Lines of this level and above.
    pub level_min: LogLevel,
    /// Only lines that these task runs wrote.
    pub task_runs: Vec<TaskRunId>,
    /// Only lines that task runs of these tasks wrote.
    pub tasks: Vec<TaskName>,
    /// Only lines of these targets, and of those below them: `etl` has `etl::load`.
    pub targets: Vec<String>,
    /// A part of the message, in any case.
    pub text: Option<String>,
}

impl LogFilter {
    /// Every line of the run and of the subflows within it.
    pub fn of(run: RunId) -> Self {
        Self {
            runs: vec![run],
            level_min: LogLevel::Trace,
            task_runs: Vec::new(),
            tasks: Vec::new(),
            targets: Vec::new(),
            text: None,
        }
    }

    pub fn fingerprint(&self) -> Fingerprint {
        Prints::of("logs")
            .field("run", &self.runs)
            .field("level", [self.level_min])
            .field("task-run", &self.task_runs)
            .field("task", &self.tasks)
            .field("target", &self.targets)
            .field("text", &self.text)
            .finish()
    }

    /// The place of a line in the list that this filter lets through, whether the line itself
    /// is in it or not.
    pub fn at(&self, place: LogPlace) -> Cursor {
        Cursor::new(self.fingerprint(), place.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_meant_by_its_type_or_by_its_name() {
        let named = |name: StateName| Ok(StateFilter::Name(name));
        assert_eq!("late".parse(), named(StateName::LATE));
        assert_eq!("TimedOut".parse(), named(StateName::TIMED_OUT));
        let running = StateFilter::Type(StateType::Running);
        assert_eq!("Running".parse(), Ok(running.clone()));
        assert_eq!(running.kind(), Some(StateType::Running));
        let retrying = StateFilter::Name(StateName::RETRYING);
        assert_eq!(retrying.kind(), Some(StateType::Running));
        let refused = "`done` is not a state".to_owned();
        assert_eq!("done".parse::<StateFilter>(), Err(refused));
    }

    #[test]
    fn every_word_is_understood_and_is_there_once() {
        let mut words = Vec::new();
        for word in StateFilter::words() {
            let meant: StateFilter = word.parse().unwrap();
            assert_eq!(meant.to_string(), word);
            assert!(meant.kind().is_some(), "{word}");
            words.push(word.to_owned());
        }
        let all = words.len();
        assert!(all > StateType::ALL.len());
        words
            .iter_mut()
            .for_each(|word| word.make_ascii_lowercase());
        words.sort();
        words.dedup();
        assert_eq!(words.len(), all);
    }

    #[test]
    fn every_field_of_a_filter_is_in_its_fingerprint() {
        let at = Some(Timestamp(1));
        let text = Some("a".to_owned());
        let parent = Some(RunId::generate());
        let all = RunFilter::default;
        let filters = [
            all(),
            RunFilter {
                states: vec![StateType::Failed.into()],
                ..all()
            },
            RunFilter {
                flows: vec!["a".parse().unwrap()],
                ..all()
            },
            RunFilter {
                deployments: vec!["a/a".parse().unwrap()],
                ..all()
            },
            RunFilter {
                pools: vec!["a".parse().unwrap()],
                ..all()
            },
            RunFilter {
                tags: vec!["a".to_owned()],
                ..all()
            },
            RunFilter { parent, ..all() },
            RunFilter { since: at, ..all() },
            RunFilter { until: at, ..all() },
            RunFilter { text, ..all() },
        ];
        let prints: Vec<_> = filters.iter().map(RunFilter::fingerprint).collect();
        for (n, print) in prints.iter().enumerate() {
            assert!(!prints[..n].contains(print), "{:?}", filters[n]);
        }
    }
}
