//! The entries that `#[flow]` and `#[task]` register, and the manifest that is made of them.

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::{
    Result, bindings::guest, bindings::tasks::TaskOptions, parameter::Parameter, schema, support,
};

/// What flows and tasks have in common.
pub struct Signature {
    pub name: &'static str,
    pub description: Option<&'static str>,
    pub version: Option<&'static str>,
    pub parameters: &'static [Parameter],
    pub result: fn(&mut SchemaGenerator) -> Schema,
    /// JSON object of arguments in, JSON of the result out.
    pub run: fn(&str) -> Result<String>,
}

/// The options `retries`, `retry_delay`, `retry_jitter` and `timeout`.
pub struct Policy {
    pub retries: Option<u32>,
    pub retry_delays_ms: &'static [u64],
    pub retry_jitter: Option<f64>,
    pub timeout_ms: Option<u64>,
}

pub struct Flow {
    pub signature: Signature,
    pub policy: Policy,
    pub limits: &'static [&'static str],
    pub schedules: &'static [Schedule],
}

/// What `schedule(..)` says. One of the first three is there.
pub struct Schedule {
    pub cron: Option<&'static str>,
    pub interval_ms: Option<u64>,
    pub rrule: Option<&'static str>,
    pub timezone: Option<&'static str>,
}

pub struct Task {
    pub signature: Signature,
    pub policy: Policy,
    /// May name parameters in braces.
    pub task_run_name: Option<&'static str>,
    pub tags: &'static [&'static str],
    pub limits: &'static [&'static str],
    pub cache: Option<Cache>,
}

/// JSON object of arguments in, JSON of the key out.
pub type MakeKey = fn(&str) -> Result<String>;

/// The options `cache`, `cache_key`, `cache_expiration` and `cache_lock`.
pub struct Cache {
    /// None: the arguments are the key.
    pub key: Option<MakeKey>,
    pub expiration_ms: Option<u64>,
    pub lock: bool,
}

/// An entry as the macros register it.
pub struct Registered<T: 'static>(pub &'static T);

inventory::collect!(Registered<Flow>);
inventory::collect!(Registered<Task>);

fn flows() -> impl Iterator<Item = &'static Flow> {
    inventory::iter::<Registered<Flow>>().map(|entry| entry.0)
}

fn tasks() -> impl Iterator<Item = &'static Task> {
    inventory::iter::<Registered<Task>>().map(|entry| entry.0)
}

pub fn result_schema<T: support::Value>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

pub fn flow(name: &str) -> Option<&'static Flow> {
    flows().find(|flow| flow.signature.name == name)
}

pub fn task(name: &str) -> Option<&'static Task> {
    tasks().find(|task| task.signature.name == name)
}

/// The name by which a host asks for the cache key of arguments of a task.
fn key_name(task: &str) -> String {
    format!("{task}{KEY_OF}")
}

const KEY_OF: &str = ".cache-key";

/// What makes the cache keys that this name asks for.
pub fn cache_key(name: &str) -> Option<(&'static Task, MakeKey)> {
    let task = task(name.strip_suffix(KEY_OF)?)?;
    Some((task, task.cache.as_ref()?.key?))
}

#[cfg(not(target_arch = "wasm32"))]
pub fn flow_names() -> impl Iterator<Item = &'static str> {
    flows().map(|flow| flow.signature.name)
}

#[cfg(not(target_arch = "wasm32"))]
pub fn task_names() -> impl Iterator<Item = &'static str> {
    tasks().map(|task| task.signature.name)
}

/// Everything that was registered, by name. Two entries of one name are both kept: the host
/// refuses them.
pub fn manifest() -> guest::Manifest {
    guest::Manifest {
        flows: by_name(flows(), |flow| &flow.signature, Flow::describe),
        tasks: by_name(tasks(), |task| &task.signature, Task::describe),
    }
}

/// What the manifest has no place for, as `extras.describe-more` tells it.
pub fn extras() -> String {
    let mut of_flows = Map::new();
    for flow in flows() {
        if flow.limits.is_empty() && flow.schedules.is_empty() {
            continue;
        }
        let schedules = flow.schedules.iter().map(Schedule::describe);
        let more = json!({
            "limits": flow.limits,
            "schedules": schedules.collect::<Vec<_>>(),
        });
        of_flows.insert(flow.signature.name.into(), more);
    }
    let mut of_tasks = Map::new();
    for task in tasks() {
        if task.limits.is_empty() && task.cache.is_none() {
            continue;
        }
        let mut more = json!({ "limits": task.limits });
        if let Some(cache) = &task.cache {
            more["cache"] = cache.describe(task.signature.name);
        }
        of_tasks.insert(task.signature.name.into(), more);
    }
    json!({ "flows": of_flows, "tasks": of_tasks }).to_string()
}

/// Describes entries in the order of their names, because the linker's order may change.
/// Insertion sort is slow for thousands of entries, but its code is small in every guest.
fn by_name<T: 'static, D>(
    entries: impl Iterator<Item = &'static T>,
    signature: fn(&T) -> &Signature,
    describe: fn(&T) -> D,
) -> Vec<D> {
    let mut sorted: Vec<&T> = Vec::new();
    for entry in entries {
        let name = signature(entry).name;
        let at = sorted.partition_point(|other| signature(other).name <= name);
        sorted.insert(at, entry);
    }
    sorted.into_iter().map(describe).collect()
}

impl Signature {
    fn schema(&self) -> guest::ParameterSchema {
        guest::ParameterSchema {
            parameters: schema::of_parameters(self.parameters).to_string(),
            result: schema::of_result(self.result).to_string(),
        }
    }
}

impl Cache {
    fn describe(&self, task: &str) -> Value {
        let mut cache = json!({
            "by": match self.key {
                None => json!("inputs"),
                Some(_) => json!({ "task": key_name(task) }),
            },
            "lock": self.lock,
        });
        if let Some(expiration) = self.expiration_ms {
            cache["expiration_ms"] = expiration.into();
        }
        cache
    }
}

impl Schedule {
    fn describe(&self) -> Value {
        let mut schedule = Map::new();
        let texts = [
            ("cron", self.cron),
            ("rrule", self.rrule),
            ("timezone", self.timezone),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                schedule.insert(name.into(), text.into());
            }
        }
        if let Some(interval) = self.interval_ms {
            schedule.insert("interval_ms".into(), interval.into());
        }
        schedule.into()
    }
}

impl Flow {
    fn describe(&self) -> guest::FlowDescription {
        guest::FlowDescription {
            name: self.signature.name.into(),
            description: self.signature.description.map(Into::into),
            version: self.signature.version.map(Into::into),
            schema: self.signature.schema(),
            options: guest::FlowOptions {
                retries: self.policy.retries.unwrap_or(0),
                retry_delays: self.policy.retry_delays_ms.to_vec(),
                retry_jitter: self.policy.retry_jitter,
                timeout: self.policy.timeout_ms,
            },
        }
    }
}

impl Task {
    fn describe(&self) -> guest::TaskDescription {
        guest::TaskDescription {
            name: self.signature.name.into(),
            description: self.signature.description.map(Into::into),
            version: self.signature.version.map(Into::into),
            schema: self.signature.schema(),
            options: TaskOptions {
                retries: self.policy.retries,
                retry_delays: self.policy.retry_delays_ms.to_vec(),
                retry_jitter: self.policy.retry_jitter,
                timeout: self.policy.timeout_ms,
                task_run_name: self.task_run_name.map(Into::into),
                tags: self.tags.iter().map(|&tag| tag.into()).collect(),
            },
        }
    }
}
