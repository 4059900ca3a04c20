//! Limits across runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::View;
use model::{Collision, Concurrency, LimitName, RunId, RunName, Taker, TaskRunId, Timestamp};
use orchestrator::lifecycle::Standing;
use store::{LimitUse, Permit};

/// A limit and how it is used.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LimitView {
    pub name: LimitName,
    pub slots: u32,
    /// Of a rate limit: how long each slot stays taken. Null: until it is given back.
    pub per_ms: Option<u64>,
    pub created: Timestamp,
    /// Slots that are taken.
    pub taken: u64,
    /// Flow runs that wait for some.
    pub waiting: u64,
}

impl View for LimitView {}

impl LimitView {
    pub fn per(&self) -> Option<Duration> {
        self.per_ms.map(Duration::from_millis)
    }
}

impl From<LimitUse> for LimitView {
    fn from(limit: LimitUse) -> Self {
        Self {
            name: limit.limit.name,
            slots: limit.limit.slots,
            per_ms: limit
                .limit
                .per
                .map(|per| u64::try_from(per.as_millis()).unwrap_or(u64::MAX)),
            created: limit.limit.created,
            taken: limit.taken,
            waiting: limit.waiting,
        }
    }
}

/// A limit, and who has slots of it or waits for some.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LimitDetailsView {
    #[serde(flatten)]
    pub limit: LimitView,
    /// The first hundred: those that have slots in the order in which they got them, and then those
    /// that wait in the order of their places.
    pub permits: Vec<PermitView>,
}

impl View for LimitDetailsView {}

/// What of a flow run takes slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TakerView {
    /// The run itself, as long as it is under way.
    FlowRun,
    /// An attempt of a task.
    Task,
    /// Code of the flow, until it gives them back.
    Code,
}

impl TakerView {
    fn of(taker: Option<Taker>) -> Self {
        match taker {
            None => Self::FlowRun,
            Some(Taker::Task(_)) => Self::Task,
            Some(Taker::Code(_)) => Self::Code,
        }
    }
}

/// A task run and what it is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskRunNameView {
    pub id: TaskRunId,
    pub name: String,
}

/// A flow run that has slots of a limit, or waits for some.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PermitView {
    pub run: RunId,
    pub name: RunName,
    /// What of it takes them.
    pub taken_by: TakerView,
    /// The task run, if a task takes them.
    pub task_run: Option<TaskRunNameView>,
    pub slots: u32,
    pub asked: Timestamp,
    /// Null: it waits.
    pub granted: Option<Timestamp>,
}

impl View for PermitView {}

impl PermitView {
    /// What of its run takes the slots, in words: `task load-0`.
    pub fn taken_by(&self) -> String {
        match (self.taken_by, &self.task_run) {
            (TakerView::FlowRun, _) => "the run".to_owned(),
            (TakerView::Code, _) => "its code".to_owned(),
            (TakerView::Task, Some(task_run)) => format!("task {}", task_run.name),
            (TakerView::Task, None) => "a task".to_owned(),
        }
    }
}

impl From<Permit> for PermitView {
    fn from(permit: Permit) -> Self {
        Self {
            run: permit.run,
            name: permit.name,
            taken_by: TakerView::of(permit.taker),
            task_run: permit.task_run.map(|it| TaskRunNameView {
                id: it.id,
                name: it.name,
            }),
            slots: permit.slots,
            asked: permit.asked,
            granted: permit.granted,
        }
    }
}

/// A flow run that waits for slots that it never gets by itself: those who have them wait for it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeadlockedRunView {
    pub flow_run: RunId,
    pub name: RunName,
    /// Limits of which it has slots.
    pub has: Vec<LimitName>,
    /// Limits of which it waits for slots.
    pub waits_for: Vec<LimitName>,
    /// Flow runs that it waits for, of those that are stuck with it: at most 10.
    pub waits_for_runs: Vec<RunId>,
}

impl View for DeadlockedRunView {}

/// So many runs that wait for each other are put in words.
const SHOWN_MAX: usize = 5;

/// So many runs are told that one waits for.
const TOLD_MAX: usize = 10;

impl DeadlockedRunView {
    /// `stuck`: all that wait for ever.
    pub fn new(run: RunId, name: RunName, standing: &Standing, stuck: &[RunId]) -> Self {
        let limits = |is_granted: bool| {
            let claims = standing.claims.iter();
            let own = claims.filter(|it| it.run == run && it.is_granted == is_granted);
            // What is free again by itself holds nobody up.
            let own = own.filter(|it| !is_granted || standing.is_held(&it.limit));
            let mut limits: Vec<LimitName> = own.map(|it| it.limit.clone()).collect();
            limits.sort();
            limits.dedup();
            limits
        };
        let suspended = standing.suspended.iter().filter(|it| it.run == run);
        let targets = suspended
            .flat_map(|it| &it.calls)
            .filter_map(|it| it.target);
        let targets = targets
            .filter(|target| stuck.contains(target))
            .take(TOLD_MAX);
        Self {
            flow_run: run,
            name,
            has: limits(true),
            waits_for: limits(false),
            waits_for_runs: targets.collect(),
        }
    }

    /// The first of them in words.
    pub fn list_in_words(runs: &[Self]) -> String {
        let shown: Vec<String> = runs.iter().take(SHOWN_MAX).map(Self::in_words).collect();
        shown.join("; ")
    }

    /// `` `silver-otter` has `db` and waits for `api` ``
    pub fn in_words(&self) -> String {
        let named = |limits: &[LimitName]| {
            let quoted = limits.iter().map(|it| format!("`{it}`"));
            quoted.collect::<Vec<_>>().join(", ")
        };
        let mut words = format!("`{}`", self.name);
        let has = !self.has.is_empty();
        if has {
            words += &format!(" has {}", named(&self.has));
        }
        let and = if has { " and" } else { "" };
        match (self.waits_for.as_slice(), self.waits_for_runs.as_slice()) {
            ([], runs) => {
                let runs: Vec<String> = runs.iter().map(ToString::to_string).collect();
                words += &format!("{and} waits for flow run {}", runs.join(", "));
            }
            (limits, _) => words += &format!("{and} waits for {}", named(limits)),
        }
        words
    }
}

/// How many runs of a deployment may be under way at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"slots": 1, "collision": "enqueue", "keys": ["customer"]}))]
pub struct ConcurrencyView {
    #[schema(minimum = 1)]
    pub slots: u32,
    #[serde(default)]
    pub collision: Collision,
    /// The parameters by whose values runs are counted apart from each other. Left out: all runs
    /// together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

impl View for ConcurrencyView {}

impl From<Concurrency> for ConcurrencyView {
    fn from(concurrency: Concurrency) -> Self {
        let Concurrency {
            slots,
            collision,
            keys,
        } = concurrency;
        Self {
            slots,
            collision,
            keys,
        }
    }
}

impl From<ConcurrencyView> for Concurrency {
    fn from(view: ConcurrencyView) -> Self {
        let ConcurrencyView {
            slots,
            collision,
            keys,
        } = view;
        Self {
            slots,
            collision,
            keys,
        }
    }
}

impl ConcurrencyView {
    /// `2 at once for each customer, others are cancelled`
    pub fn in_words(&self) -> String {
        let each = if self.keys.is_empty() {
            String::new()
        } else {
            format!(" for each {}", self.keys.join(" and "))
        };
        let others = match self.collision {
            Collision::Enqueue => "others wait",
            Collision::CancelNew => "others are cancelled",
            Collision::CancelOld => "a new one cancels the earliest",
        };
        format!("{} at once{each}, {others}", self.slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{AT, shown};
    use model::Limit;
    use model::Seq;
    use store::TaskRunName;

    #[test]
    fn the_shape_of_a_limit() {
        let limit = LimitUse {
            limit: Limit {
                name: "api".parse().unwrap(),
                slots: 5,
                per: Some(Duration::from_secs(60)),
                created: AT,
            },
            taken: 5,
            waiting: 2,
        };
        let permit = Permit {
            run: RunId(uuid::Uuid::nil()),
            name: "silver-otter".parse().unwrap(),
            taker: Some(Taker::Task(Seq(7))),
            task_run: Some(TaskRunName {
                id: TaskRunId(uuid::Uuid::nil()),
                name: "load-0".to_owned(),
            }),
            line: String::new(),
            slots: 1,
            asked: AT,
            granted: None,
        };
        let details = LimitDetailsView {
            limit: limit.into(),
            permits: vec![permit.into()],
        };
        insta::assert_snapshot!(shown(&details), @r#"
        {
          "name": "api",
          "slots": 5,
          "per_ms": 60000,
          "created": "2023-11-14T22:13:20.123456Z",
          "taken": 5,
          "waiting": 2,
          "permits": [
            {
              "run": "00000000-0000-0000-0000-000000000000",
              "name": "silver-otter",
              "taken_by": "task",
              "task_run": {
                "id": "00000000-0000-0000-0000-000000000000",
                "name": "load-0"
              },
              "slots": 1,
              "asked": "2023-11-14T22:13:20.123456Z",
              "granted": null
            }
          ]
        }
        "#);
    }

    #[test]
    fn a_concurrency_in_words() {
        let mut view = ConcurrencyView {
            slots: 1,
            collision: Collision::Enqueue,
            keys: vec!["customer".to_owned()],
        };
        assert_eq!(view.in_words(), "1 at once for each customer, others wait");
        view.keys.clear();
        view.collision = Collision::CancelOld;
        assert_eq!(view.in_words(), "1 at once, a new one cancels the earliest");
    }
}
