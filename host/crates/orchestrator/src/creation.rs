//! How a run comes into being.

use std::collections::BTreeSet;
use std::time::Duration;

use model::{
    Deployment, Digest, FlowName, FlowRun, Grants, Ids, Json, LimitName, PoolName, Priority,
    QueueName, RunId, RunName, State, Taking, Timestamp,
};

/// What is wished of a new run.
#[derive(Clone, Debug)]
pub struct Start {
    pub id: RunId,
    pub name: RunName,
    /// An object by name, laid over the deployment's.
    pub parameters: Json,
    /// Besides the deployment's.
    pub tags: Vec<String>,
    pub scheduled: Timestamp,
    pub parent: Option<RunId>,
    /// None: that of the deployment.
    pub work_queue: Option<QueueName>,
    /// None: that of the deployment.
    pub priority: Option<Priority>,
}

impl Start {
    /// A run with these parameters, as soon as possible.
    pub fn now(ids: &mut impl Ids, parameters: Json, now: Timestamp) -> Self {
        Self {
            id: RunId::new(ids),
            name: ids.run_name(),
            parameters,
            tags: Vec::new(),
            scheduled: now,
            parent: None,
            work_queue: None,
            priority: None,
        }
    }
}

/// A run of a deployment, not checked against its schema.
pub fn new_run(deployment: &Deployment, start: Start, now: Timestamp) -> FlowRun {
    let mut tags = deployment.tags.clone();
    let more = start
        .tags
        .iter()
        .filter(|tag| !deployment.tags.contains(tag));
    tags.extend(more.cloned());
    let parameters = deployment.parameters.overlaid(&start.parameters);
    let (flow, pool) = (deployment.name.flow.clone(), deployment.pool.clone());
    let start = Start {
        work_queue: start.work_queue.or_else(|| deployment.work_queue.clone()),
        priority: start.priority.or(deployment.priority),
        ..start
    };
    FlowRun {
        deployment: Some(deployment.name.clone()),
        limits: takings(deployment, &parameters),
        grants: deployment.grants.clone(),
        parameters,
        tags,
        ..undeployed_run(deployment.component, flow, pool, start, now)
    }
}

/// What a run of a deployment takes of limits.
fn takings(deployment: &Deployment, parameters: &Json) -> Vec<Taking> {
    let own = deployment.concurrency.as_ref().map(|own| Taking {
        limit: LimitName::of_deployment(&deployment.name),
        line: line_of(&own.keys, parameters),
        slots: 1,
        collision: own.collision,
    });
    let named = one_slot_each(&deployment.limits);
    own.into_iter().chain(named).collect()
}

/// A slot of each of these limits.
pub fn one_slot_each(limits: &[LimitName]) -> Vec<Taking> {
    let limits = limits.iter();
    limits.map(|limit| Taking::some(limit.clone(), 1)).collect()
}

/// Longest line that is kept as it is, in bytes: it is in an index.
const LINE_MAX: usize = 200;

/// The values by which runs are counted apart. What is long is told apart by its digest.
fn line_of(keys: &[String], parameters: &Json) -> String {
    if keys.is_empty() {
        return String::new();
    }
    let members = parameters.members().unwrap_or_default();
    let values = keys.iter().map(|key| match members.get(key) {
        // However a value is written, it is the same one.
        Some(value) => format!("{key}={}", value.value()),
        None => format!("{key}=null"),
    });
    let line = values.collect::<Vec<_>>().join(",");
    if line.len() <= LINE_MAX {
        line
    } else {
        Digest::of(line.as_bytes()).to_string()
    }
}

/// A run of a flow of a component that is not deployed. It belongs to `pool`, so that
/// another worker can take it up should the one that it is reserved for be lost.
pub fn undeployed_run(
    component: Digest,
    flow: FlowName,
    pool: PoolName,
    start: Start,
    now: Timestamp,
) -> FlowRun {
    FlowRun {
        id: start.id,
        name: start.name,
        flow,
        deployment: None,
        component,
        pool: Some(pool),
        work_queue: start.work_queue.filter(|queue| !queue.is_default()),
        priority: start.priority.unwrap_or_default(),
        limits: Vec::new(),
        grants: Grants::default(),
        parameters: start.parameters,
        tags: start.tags,
        parent: start.parent,
        within: None,
        state: State::scheduled(now),
        attempt: 0,
        epoch: 0,
        created: now,
        scheduled: start.scheduled,
        started: None,
        earlier: Duration::ZERO,
        ended: None,
        outcome: None,
    }
}

/// A request that has the idempotency key of a run, and asks for something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its parameter `{parameter}` {was}, where {is} is asked for now")]
pub struct OtherRequest {
    /// The first one that differs.
    pub parameter: String,
    was: String,
    is: String,
}

/// Whether a request under the idempotency key of a run asks for what that run was started
/// with: each parameter has the same value, however it is written.
pub fn is_same_request(run: &Json, asked: &Json) -> Result<(), OtherRequest> {
    if run == asked {
        return Ok(());
    }
    let (run, asked) = (run.members(), asked.members());
    let (run, asked) = (run.unwrap_or_default(), asked.unwrap_or_default());
    let names: BTreeSet<&String> = run.keys().chain(asked.keys()).collect();
    let differs = |name: &String| match (run.get(name), asked.get(name)) {
        (Some(one), Some(other)) => !one.is_same_value(other),
        _ => true,
    };
    let Some(parameter) = names.into_iter().find(|name| differs(name)) else {
        return Ok(());
    };
    let was = match run.get(parameter) {
        Some(value) => format!("is `{}`", value.beginning()),
        None => "is not given".to_owned(),
    };
    let is = match asked.get(parameter) {
        Some(value) => format!("`{}`", value.beginning()),
        None => "none".to_owned(),
    };
    Err(OtherRequest {
        parameter: parameter.clone(),
        was,
        is,
    })
}

/// A subflow of `owner`, called by `parent` (the owner itself, or another subflow in it).
pub fn subflow_run(
    ids: &mut impl Ids,
    owner: &FlowRun,
    parent: RunId,
    flow: FlowName,
    parameters: Json,
    now: Timestamp,
) -> FlowRun {
    FlowRun {
        id: RunId::new(ids),
        name: ids.run_name(),
        flow,
        deployment: None,
        component: owner.component,
        pool: None,
        work_queue: None,
        priority: owner.priority,
        limits: Vec::new(),
        grants: owner.grants.clone(),
        parameters,
        tags: Vec::new(),
        parent: Some(parent),
        within: Some(owner.id),
        state: State::running(1, now),
        attempt: 1,
        epoch: 0,
        created: now,
        scheduled: now,
        started: Some(now),
        earlier: Duration::ZERO,
        ended: None,
        outcome: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(run: &str, asked: &str, expect: &str) {
        let same = is_same_request(&Json::trusted(run), &Json::trusted(asked));
        let found = same.map_or_else(|other| other.to_string(), |()| "the same".to_owned());
        assert_eq!(found, expect);
    }

    #[test]
    fn a_request_is_the_same_whatever_its_parameters_look_like() {
        check("{}", "{}", "the same");
        check(
            r#"{"a":{"x":1,"y":[2]},"b":3}"#,
            r#"{ "b":3,"a": {"y":[2],"x":1} }"#,
            "the same",
        );
        check(
            r#"{"n":1}"#,
            r#"{"n":2}"#,
            "its parameter `n` is `1`, where `2` is asked for now",
        );
        check(
            r#"{"n":1}"#,
            r#"{"m":1,"n":1}"#,
            "its parameter `m` is not given, where `1` is asked for now",
        );
        check(
            r#"{"n":1}"#,
            "{}",
            "its parameter `n` is `1`, where none is asked for now",
        );
    }
}
