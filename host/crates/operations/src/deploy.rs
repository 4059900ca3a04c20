//! Registering the flows of a component as deployments.

use std::collections::BTreeSet;

use model::{
    Component, Concurrency, Deployment, DeploymentName, FlowDescription, FlowName, Grants, Json,
    LimitName, NameError, PoolName, Priority, QueueName, Timestamp,
};
use orchestrator::{ParameterError, Parameters, nearest};
use serde_json::Value;
use store::{Catalog, Deployed, Store, StoreError};

use crate::grants;
use crate::resolve::{self, ResolveRefusal};
use crate::view::DeployedView;

/// What is wished of all deployments that are made together.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The part of the name after the slash; none: the default, from the flow's name.
    pub name: Option<String>,
    pub pool: PoolName,
    /// A queue of the pool.
    pub work_queue: Option<QueueName>,
    pub priority: Option<Priority>,
    pub concurrency: Option<Concurrency>,
    /// None: those that the flow declares.
    pub limits: Option<Vec<LimitName>>,
    pub tags: Vec<String>,
    pub grants: Grants,
    /// None: what the flow says of itself.
    pub description: Option<String>,
}

/// Why nothing was deployed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DeployRefusal {
    #[error(transparent)]
    Resolve(#[from] ResolveRefusal),
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("flow `{}`: {misfit}", .flow.name)]
    Defaults {
        flow: Box<FlowDescription>,
        misfit: ParameterError,
    },
    #[error("flow `{}` declares parameters that are no JSON Schema: {reason}", .flow.name)]
    Schema {
        flow: Box<FlowDescription>,
        reason: String,
    },
    #[error("with a concurrency of 0 nothing would ever start")]
    NoSlots,
    #[error("flow `{flow}` has no parameter `{key}` by which its runs could be counted apart")]
    ConcurrencyKey {
        flow: FlowName,
        key: String,
        nearest: Option<String>,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A deployment and what became of it.
#[derive(Clone, Debug)]
pub struct DeployedFlow {
    pub deployment: Deployment,
    pub outcome: Deployed,
    /// What is not as it was, by the names of its fields.
    pub changed: Vec<&'static str>,
    /// What is granted now and was not before, with `+`, and the reverse, with `-`.
    pub changed_grants: Vec<String>,
}

impl DeployedFlow {
    /// Its schedules are not what they were.
    pub fn has_other_schedules(&mut self) {
        if self.outcome == Deployed::Unchanged {
            self.outcome = Deployed::Updated;
        }
        if self.outcome == Deployed::Updated {
            self.changed.push("schedules");
        }
    }

    pub fn outcome_name(&self) -> &'static str {
        match self.outcome {
            Deployed::Created => "created",
            Deployed::Updated => "updated",
            Deployed::Unchanged => "unchanged",
        }
    }
}

impl From<DeployedFlow> for DeployedView {
    fn from(deployed: DeployedFlow) -> Self {
        Self {
            outcome: deployed.outcome_name().into(),
            changed: deployed.changed.into_iter().map(Into::into).collect(),
            changed_grants: deployed.changed_grants,
            deployment: deployed.deployment.into(),
        }
    }
}

/// The flows of these names in a component; all of them if none is named.
pub fn flows<'c>(
    component: &'c Component,
    names: &[String],
) -> Result<Vec<&'c FlowDescription>, ResolveRefusal> {
    flows_among(&component.manifest.flows, names)
}

/// The same, by the flows of a component.
pub fn flows_among<'c>(
    flows: &'c [FlowDescription],
    names: &[String],
) -> Result<Vec<&'c FlowDescription>, ResolveRefusal> {
    if names.is_empty() {
        return Ok(flows.iter().collect());
    }
    let wanted = names.iter().map(|name| resolve::flow_among(flows, name));
    wanted.collect()
}

/// Deploys flows of a component, each with its default parameters: all or none. What became
/// of each, in order. The same wish twice changes nothing.
pub async fn deploy(
    store: &dyn Store,
    component: Component,
    bytes: Vec<u8>,
    flows: &[(FlowDescription, Json)],
    wish: &Wish,
) -> Result<Vec<DeployedFlow>, DeployRefusal> {
    let deployments = wished(store, &component, flows, wish)?;
    let before = earlier(store, &deployments).await?;
    store.put_component(component, bytes).await?;
    apply(store, deployments, before).await
}

/// The same of a component that is stored already.
pub async fn deploy_stored(
    store: &dyn Store,
    component: &Component,
    flows: &[(FlowDescription, Json)],
    wish: &Wish,
) -> Result<Vec<DeployedFlow>, DeployRefusal> {
    let deployments = wished(store, component, flows, wish)?;
    let before = earlier(store, &deployments).await?;
    apply(store, deployments, before).await
}

/// The deployments that this would make.
pub fn wished(
    store: &dyn Store,
    component: &Component,
    flows: &[(FlowDescription, Json)],
    wish: &Wish,
) -> Result<Vec<Deployment>, DeployRefusal> {
    let now = store.clock().now();
    let made = flows
        .iter()
        .map(|(flow, defaults)| deployment(wish, component, flow, defaults, now));
    made.collect()
}

async fn apply(
    store: &dyn Store,
    deployments: Vec<Deployment>,
    before: Vec<Option<Deployment>>,
) -> Result<Vec<DeployedFlow>, DeployRefusal> {
    let outcomes = store.deploy(deployments.clone()).await?;
    let deployed = deployments.into_iter().zip(before).zip(outcomes);
    let deployed = deployed.map(|((wished, before), outcome)| {
        let before = before.as_ref();
        DeployedFlow {
            changed_grants: before.map_or(Vec::new(), |before| {
                grants::difference(&before.grants, &wished.grants)
            }),
            changed: before.map_or(Vec::new(), |before| changed(before, &wished)),
            deployment: stored(wished, before, outcome),
            outcome,
        }
    });
    Ok(deployed.collect())
}

/// A deployment with the times that are stored of it.
fn stored(wished: Deployment, before: Option<&Deployment>, outcome: Deployed) -> Deployment {
    match (before, outcome) {
        (Some(before), Deployed::Unchanged) => before.clone(),
        (Some(before), Deployed::Updated) => Deployment {
            created: before.created,
            ..wished
        },
        _ => wished,
    }
}

async fn earlier(
    store: &dyn Catalog,
    deployments: &[Deployment],
) -> Result<Vec<Option<Deployment>>, StoreError> {
    let mut earlier = Vec::new();
    for deployment in deployments {
        earlier.push(store.deployment(&deployment.name).await?);
    }
    Ok(earlier)
}

fn deployment(
    wish: &Wish,
    component: &Component,
    flow: &FlowDescription,
    defaults: &Json,
    now: Timestamp,
) -> Result<Deployment, DeployRefusal> {
    let name = match &wish.name {
        Some(name) => DeploymentName::new(flow.name.clone(), name)?,
        None => DeploymentName::default_for(&flow.name),
    };
    check_defaults(flow, defaults)?;
    if let Some(concurrency) = &wish.concurrency {
        check_concurrency(flow, concurrency)?;
    }
    let description = wish.description.clone();
    Ok(Deployment {
        name,
        component: component.digest,
        pool: wish.pool.clone(),
        work_queue: wish.work_queue.clone().filter(|it| !it.is_default()),
        priority: wish.priority,
        concurrency: wish.concurrency.clone(),
        limits: without_twins(wish.limits.as_ref().unwrap_or(&flow.options.limits)),
        parameters: defaults.clone(),
        tags: without_twins(&wish.tags),
        grants: wish.grants.clone(),
        description: description.or_else(|| flow.description.clone()),
        created: now,
        updated: now,
    })
}

/// Runs are counted apart by parameters that the flow has.
fn check_concurrency(
    flow: &FlowDescription,
    concurrency: &Concurrency,
) -> Result<(), DeployRefusal> {
    if concurrency.slots == 0 {
        return Err(DeployRefusal::NoSlots);
    }
    let schema = flow.schema.parameters.value();
    let properties = schema.get("properties").and_then(Value::as_object);
    let known = || properties.into_iter().flat_map(|it| it.keys().cloned());
    for key in &concurrency.keys {
        if !known().any(|it| it == *key) {
            return Err(DeployRefusal::ConcurrencyKey {
                flow: flow.name.clone(),
                key: key.clone(),
                nearest: nearest(key, known()),
            });
        }
    }
    Ok(())
}

/// Default parameters have the right names and types, and need not be complete.
fn check_defaults(flow: &FlowDescription, defaults: &Json) -> Result<(), DeployRefusal> {
    let mut schema = flow.schema.parameters.value();
    if let Value::Object(schema) = &mut schema {
        schema.remove("required");
    }
    let flow = || Box::new(flow.clone());
    let checker = Parameters::new(&Json::of(&schema)).map_err(|reason| DeployRefusal::Schema {
        flow: flow(),
        reason,
    })?;
    checker
        .check(defaults)
        .map_err(|misfit| DeployRefusal::Defaults {
            flow: flow(),
            misfit,
        })
}

/// Each entry once, where it stands first.
fn without_twins<T: Clone + Ord>(list: &[T]) -> Vec<T> {
    let mut seen = BTreeSet::new();
    let mut list = list.to_vec();
    list.retain(|entry| seen.insert(entry.clone()));
    list
}

/// What differs, by the names of the fields.
fn changed(before: &Deployment, after: &Deployment) -> Vec<&'static str> {
    [
        ("component", before.component != after.component),
        ("pool", before.pool != after.pool),
        ("queue", before.work_queue != after.work_queue),
        ("priority", before.priority != after.priority),
        ("concurrency", before.concurrency != after.concurrency),
        ("limits", before.limits != after.limits),
        ("parameters", before.parameters != after.parameters),
        ("tags", before.tags != after.tags),
        ("grants", before.grants != after.grants),
        ("description", before.description != after.description),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{AT, deployment as stored, flow, later};
    use model::{Digest, Manifest, Schema};

    fn wish() -> Wish {
        Wish {
            name: None,
            pool: PoolName::default_pool(),
            work_queue: None,
            priority: None,
            concurrency: None,
            limits: None,
            tags: vec!["b".to_owned(), "a".to_owned(), "b".to_owned()],
            grants: Grants::default(),
            description: None,
        }
    }

    fn component() -> Component {
        let mut flow = flow();
        flow.schema = Schema {
            parameters: Json::trusted(
                r#"{"type": "object", "additionalProperties": false, "required": ["n"],
                    "properties": {"n": {"type": "integer"}}}"#,
            ),
            result: Json::trusted("true"),
        };
        Component {
            digest: Digest([1; 32]),
            manifest: Manifest {
                flows: vec![flow],
                tasks: Vec::new(),
            },
            size: 1,
            created: AT,
        }
    }

    #[track_caller]
    fn made(wish: &Wish, defaults: &str) -> Result<Deployment, DeployRefusal> {
        let component = component();
        let flow = &component.manifest.flows[0];
        deployment(wish, &component, flow, &Json::trusted(defaults), AT)
    }

    #[test]
    fn what_is_not_said_comes_from_the_flow() {
        let made = made(&wish(), "{}").unwrap();
        assert_eq!(made.name.to_string(), "etl/etl-deployment");
        assert_eq!(made.description.as_deref(), Some("Extracts and loads"));
        assert_eq!(made.tags, ["b", "a"]);
    }

    #[test]
    fn defaults_need_not_be_complete_but_have_to_fit() {
        assert!(made(&wish(), r#"{"n": 1}"#).is_ok());
        let refused = |defaults| made(&wish(), defaults).unwrap_err().to_string();
        assert_eq!(
            refused(r#"{"n": "x"}"#),
            "flow `etl`: parameter `n` is `\"x\"`: expected an integer"
        );
        assert_eq!(
            refused(r#"{"m": 1}"#),
            "flow `etl`: unknown parameter `m`: did you mean `n`?"
        );
    }

    #[test]
    fn an_unknown_flow_has_a_nearest_name() {
        let component = component();
        let refusal = flows(&component, &["etk".to_owned()]).unwrap_err();
        let ResolveRefusal::NoFlow { nearest, .. } = refusal else {
            panic!("{refusal}");
        };
        assert_eq!(nearest, "etl".parse().ok());
    }

    #[test]
    fn what_changed_is_named() {
        let before = stored();
        let mut after = before.clone();
        after.updated = later(99);
        assert_eq!(changed(&before, &after), [""; 0]);
        after.pool = "other".parse().unwrap();
        after.tags.clear();
        assert_eq!(changed(&before, &after), ["pool", "tags"]);
    }
}
