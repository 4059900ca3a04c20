//! A component's description of itself.

use serde::{Deserialize, Serialize};

use super::{CacheOptions, FlowName, Json, LimitName, RetryPolicy, TaskName};

/// The flows and tasks of a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub flows: Vec<FlowDescription>,
    pub tasks: Vec<TaskDescription>,
}

impl Manifest {
    pub fn flow(&self, name: &str) -> Option<&FlowDescription> {
        self.flows.iter().find(|flow| flow.name.as_str() == name)
    }

    pub fn task(&self, name: &str) -> Option<&TaskDescription> {
        self.tasks.iter().find(|task| task.name.as_str() == name)
    }
}

/// JSON Schemas (2020-12) of the parameters and of the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The schema of the object of parameters by name.
    pub parameters: Json,
    pub result: Json,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowDescription {
    pub name: FlowName,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    pub schema: Schema,
    pub options: FlowOptions,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FlowOptions {
    pub retry: RetryPolicy,
    /// How long one attempt may take.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timeout_ms: Option<u64>,
    /// The limits of which each run takes a slot, unless its deployment says otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub limits: Vec<LimitName>,
    /// What a deployment is scheduled by, unless it says otherwise.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub schedules: Vec<DeclaredSchedule>,
}

/// A schedule, as the author of a flow declares it: one of cron, interval and rrule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeclaredSchedule {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rrule: Option<String>,
    /// An IANA time zone. None: UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskDescription {
    pub name: TaskName,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    pub schema: Schema,
    pub options: TaskOptions,
}

/// How a task is run: what its author says, or what one call overrides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskOptions {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retries: Option<u32>,
    /// Empty: the author has not set any.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub retry_delays_ms: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_jitter: Option<f64>,
    /// How long one attempt may take.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub task_run_name: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tags: Vec<String>,
    /// The limits of which each attempt takes a slot. Only the author sets them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub limits: Vec<LimitName>,
    /// How results are cached, if they are. Only the author sets it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cache: Option<Box<CacheOptions>>,
}

impl TaskOptions {
    /// These options; an option that is absent is taken from `base`.
    pub fn over(&self, base: &Self) -> Self {
        fn list<T: Clone>(own: &[T], base: &[T]) -> Vec<T> {
            if own.is_empty() { base } else { own }.to_vec()
        }
        Self {
            retries: self.retries.or(base.retries),
            retry_delays_ms: list(&self.retry_delays_ms, &base.retry_delays_ms),
            retry_jitter: self.retry_jitter.or(base.retry_jitter),
            timeout_ms: self.timeout_ms.or(base.timeout_ms),
            task_run_name: self
                .task_run_name
                .clone()
                .or_else(|| base.task_run_name.clone()),
            tags: list(&self.tags, &base.tags),
            limits: list(&self.limits, &base.limits),
            cache: self.cache.clone().or_else(|| base.cache.clone()),
        }
    }

    pub fn retry(&self) -> RetryPolicy {
        RetryPolicy {
            retries: self.retries.unwrap_or(0),
            delays_ms: self.retry_delays_ms.clone(),
            jitter: self.retry_jitter,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_overrides_only_what_it_names() {
        let author = TaskOptions {
            retries: Some(3),
            retry_delays_ms: vec![2000],
            timeout_ms: Some(60_000),
            ..TaskOptions::default()
        };
        let call = TaskOptions {
            retries: Some(0),
            ..TaskOptions::default()
        };
        let both = call.over(&author);
        assert_eq!(both.retries, Some(0));
        assert_eq!(both.retry_delays_ms, [2000]);
        assert_eq!(both.timeout_ms, Some(60_000));
    }
}
