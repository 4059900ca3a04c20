//! Components and what they declare.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{View, views};
use model::{
    CacheBy, CacheOptions, Component, DeclaredSchedule, Digest, FlowDescription, FlowName,
    FlowOptions, Json, LimitName, Manifest, RetryPolicy, Schema, TaskDescription, TaskName,
    TaskOptions, Timestamp,
};

/// A component, without its bytes.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ComponentView {
    pub digest: Digest,
    pub manifest: ManifestView,
    /// Of the `.wasm`, in bytes.
    pub size: u64,
    pub created: Timestamp,
}

impl View for ComponentView {}

impl From<Component> for ComponentView {
    fn from(component: Component) -> Self {
        Self {
            digest: component.digest,
            manifest: component.manifest.into(),
            size: component.size,
            created: component.created,
        }
    }
}

/// The flows and tasks of a component.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ManifestView {
    pub flows: Vec<FlowView>,
    pub tasks: Vec<TaskView>,
}

impl From<Manifest> for ManifestView {
    fn from(manifest: Manifest) -> Self {
        Self {
            flows: views(manifest.flows),
            tasks: views(manifest.tasks),
        }
    }
}

/// JSON Schemas (2020-12) of what goes in and what comes out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SchemaView {
    /// Of the object of parameters by name.
    pub parameters: Json,
    pub result: Json,
}

impl From<Schema> for SchemaView {
    fn from(schema: Schema) -> Self {
        Self {
            parameters: schema.parameters,
            result: schema.result,
        }
    }
}

impl From<SchemaView> for Schema {
    fn from(schema: SchemaView) -> Self {
        Self {
            parameters: schema.parameters,
            result: schema.result,
        }
    }
}

/// A flow, as its component declares it. What its author does not say is left out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FlowView {
    pub name: FlowName,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    pub schema: SchemaView,
    pub options: FlowOptionsView,
}

impl View for FlowView {}

impl From<FlowDescription> for FlowView {
    fn from(flow: FlowDescription) -> Self {
        Self {
            name: flow.name,
            description: flow.description,
            version: flow.version,
            schema: flow.schema.into(),
            options: flow.options.into(),
        }
    }
}

/// What the component declared.
impl From<FlowView> for FlowDescription {
    fn from(flow: FlowView) -> Self {
        Self {
            name: flow.name,
            description: flow.description,
            version: flow.version,
            schema: flow.schema.into(),
            options: FlowOptions {
                retry: RetryPolicy {
                    retries: flow.options.retry.retries,
                    delays_ms: flow.options.retry.delays_ms,
                    jitter: flow.options.retry.jitter,
                },
                timeout_ms: flow.options.timeout_ms,
                limits: flow.options.limits,
                schedules: flow.options.schedules.into_iter().map(Into::into).collect(),
            },
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FlowOptionsView {
    pub retry: RetryView,
    /// How long one attempt may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The limits of which each run takes a slot, unless its deployment says otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitName>,
    /// What a deployment is scheduled by, unless it says otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedules: Vec<DeclaredScheduleView>,
}

/// A schedule, as the author of a flow declares it: one of cron, interval and rrule.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeclaredScheduleView {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rrule: Option<String>,
    /// Left out: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
}

impl From<DeclaredSchedule> for DeclaredScheduleView {
    fn from(schedule: DeclaredSchedule) -> Self {
        let DeclaredSchedule {
            cron,
            interval_ms,
            rrule,
            timezone,
        } = schedule;
        Self {
            cron,
            interval_ms,
            rrule,
            timezone,
        }
    }
}

impl From<DeclaredScheduleView> for DeclaredSchedule {
    fn from(view: DeclaredScheduleView) -> Self {
        let DeclaredScheduleView {
            cron,
            interval_ms,
            rrule,
            timezone,
        } = view;
        Self {
            cron,
            interval_ms,
            rrule,
            timezone,
        }
    }
}

impl From<FlowOptions> for FlowOptionsView {
    fn from(options: FlowOptions) -> Self {
        Self {
            retry: options.retry.into(),
            timeout_ms: options.timeout_ms,
            limits: options.limits,
            schedules: options.schedules.into_iter().map(Into::into).collect(),
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RetryView {
    /// Attempts beyond the first.
    pub retries: u32,
    /// The wait before each retry; the last one repeats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delays_ms: Vec<u64>,
    /// Each wait is made longer by up to this fraction of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,
}

impl From<RetryPolicy> for RetryView {
    fn from(retry: RetryPolicy) -> Self {
        Self {
            retries: retry.retries,
            delays_ms: retry.delays_ms,
            jitter: retry.jitter,
        }
    }
}

/// A task, as its component declares it. What its author does not say is left out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TaskView {
    pub name: TaskName,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    pub schema: SchemaView,
    pub options: TaskOptionsView,
}

impl View for TaskView {}

impl From<TaskDescription> for TaskView {
    fn from(task: TaskDescription) -> Self {
        Self {
            name: task.name,
            description: task.description,
            version: task.version,
            schema: task.schema.into(),
            options: task.options.into(),
        }
    }
}

/// How a task is run: what its author says, or what one call overrides.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TaskOptionsView {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retry_delays_ms: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_jitter: Option<f64>,
    /// How long one attempt may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_run_name: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The limits of which each attempt takes a slot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitName>,
    /// How its results are kept for other runs. Left out: they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheOptionsView>,
}

/// How the results of a task are kept for other runs.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CacheOptionsView {
    /// What calls have in common that have the same result.
    pub by: CacheByView,
    /// How long a result is used. Left out: until it is cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_ms: Option<u64>,
    /// Whether of several that find no result one computes it, and the others wait for that.
    pub lock: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CacheByView {
    /// Their arguments.
    Inputs,
    /// A key that the task's author makes of them.
    Key,
}

impl CacheOptionsView {
    /// `cached by its arguments for 1h, one at a time`
    pub fn in_words(&self) -> String {
        let by = match self.by {
            CacheByView::Inputs => "its arguments",
            CacheByView::Key => "a key",
        };
        let expiration = self.expiration_ms.map(Duration::from_millis);
        let lasts = expiration.map(|it| format!(" for {}", model::in_units(it)));
        let lock = if self.lock { ", one at a time" } else { "" };
        format!("cached by {by}{}{lock}", lasts.unwrap_or_default())
    }
}

impl From<CacheOptions> for CacheOptionsView {
    fn from(options: CacheOptions) -> Self {
        Self {
            by: match options.by {
                CacheBy::Inputs => CacheByView::Inputs,
                CacheBy::Task(_) => CacheByView::Key,
            },
            expiration_ms: options.expiration_ms,
            lock: options.lock,
        }
    }
}

impl From<TaskOptions> for TaskOptionsView {
    fn from(options: TaskOptions) -> Self {
        Self {
            retries: options.retries,
            retry_delays_ms: options.retry_delays_ms,
            retry_jitter: options.retry_jitter,
            timeout_ms: options.timeout_ms,
            task_run_name: options.task_run_name,
            tags: options.tags,
            limits: options.limits,
            cache: options.cache.map(|cache| (*cache).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{AT, flow, schema, shown, task_options};

    #[test]
    fn the_shape_of_a_component() {
        let task = |name: &str, options| TaskDescription {
            name: name.parse().unwrap(),
            description: Some("Loads it".to_owned()),
            version: Some("2".to_owned()),
            schema: schema(),
            options,
        };
        let mut plain = flow();
        plain.name = "plain".parse().unwrap();
        (plain.description, plain.version) = (None, None);
        plain.options = FlowOptions::default();
        let component = Component {
            digest: Digest([0xab; 32]),
            manifest: Manifest {
                flows: vec![flow(), plain],
                tasks: vec![
                    task("load", task_options()),
                    task("unload", TaskOptions::default()),
                ],
            },
            size: 70_000,
            created: AT,
        };
        insta::assert_snapshot!(shown(&ComponentView::from(component)), @r#"
        {
          "digest": "abababababababababababababababababababababababababababababababab",
          "manifest": {
            "flows": [
              {
                "name": "etl",
                "description": "Extracts and loads",
                "version": "1",
                "schema": {
                  "parameters": {"type":"object"},
                  "result": true
                },
                "options": {
                  "retry": {
                    "retries": 2,
                    "delays_ms": [
                      100,
                      200
                    ],
                    "jitter": 0.5
                  },
                  "timeout_ms": 60000
                }
              },
              {
                "name": "plain",
                "schema": {
                  "parameters": {"type":"object"},
                  "result": true
                },
                "options": {
                  "retry": {
                    "retries": 0
                  }
                }
              }
            ],
            "tasks": [
              {
                "name": "load",
                "description": "Loads it",
                "version": "2",
                "schema": {
                  "parameters": {"type":"object"},
                  "result": true
                },
                "options": {
                  "retries": 3,
                  "retry_delays_ms": [
                    10
                  ],
                  "retry_jitter": 0.25,
                  "timeout_ms": 1000,
                  "task_run_name": "load-{n}",
                  "tags": [
                    "t"
                  ]
                }
              },
              {
                "name": "unload",
                "description": "Loads it",
                "version": "2",
                "schema": {
                  "parameters": {"type":"object"},
                  "result": true
                },
                "options": {}
              }
            ]
          },
          "size": 70000,
          "created": "2023-11-14T22:13:20.123456Z"
        }
        "#);
    }
}
