//! Components and deployments, from the store.

use async_trait::async_trait;
use model::{
    Component, Deployment, Digest, FlowDescription, Grants, Json, PoolName, QueueName, ScheduleName,
};

use super::cursor::{Order, part};
use super::local::{LocalClient, Undescribed};
use super::page::Page;
use super::requests::{
    ComponentQuery, CreateSchedule, DeployRequest, DeploymentQuery, EditDeployment, GrantsRequest,
};
use super::{Answered, CatalogClient};
use crate::deploy::{self, DeployRefusal, Wish};
use crate::grants::granted;
use crate::problem::{Problem, ProblemKind};
use crate::view::{
    ComponentView, DeployedView, DeploymentDetailsView, DeploymentView, LatestEndView, views,
};
use crate::{inspect, manifest, resolve, schedules};

/// Latest ends that are told of one deployment.
const LATEST_MAX: u32 = 100;

#[async_trait]
impl CatalogClient for LocalClient {
    async fn list_components(&self, query: ComponentQuery) -> Answered<Page<ComponentView>> {
        let components = self.store.components().await?;
        part(&query, "", components, Order::Down, |component| {
            format!("{:020}-{}", component.created.0, component.digest)
        })
    }

    async fn inspect_component(&self, digest: &str) -> Answered<ComponentView> {
        Ok(resolve::component(&*self.store, digest).await?.into())
    }

    async fn upload_component(&self, bytes: Vec<u8>) -> Answered<(ComponentView, bool)> {
        let described = self.describe.describe(&bytes).await;
        let manifest =
            described.map_err(|Undescribed { reason, hint }| unusable(&reason, &hint))?;
        manifest::check(&manifest)
            .map_err(|refusal| unusable(&refusal.to_string(), refusal.hint()))?;
        let component = Component {
            digest: Digest::of(&bytes),
            manifest,
            size: bytes.len() as u64,
            created: self.store.clock().now(),
        };
        let is_new = self.store.put_component(component.clone(), bytes).await?;
        let kept = self.store.component(component.digest).await?;
        Ok((kept.unwrap_or(component).into(), is_new))
    }

    async fn list_deployments(&self, query: DeploymentQuery) -> Answered<Page<DeploymentView>> {
        let latest = latest(&query)?;
        let deployments = self.store.deployments(query.flow.as_ref()).await?;
        // In the order of flow and name, which a slash would not keep.
        let key = |it: &Deployment| format!("{}\u{1}{}", it.name.flow, it.name.name);
        let mut page: Page<DeploymentView> = part(&query, "", deployments, Order::Up, key)?;
        let names: Vec<_> = page.items.iter().map(|it| it.name.clone()).collect();
        let next = self.store.next_slots(&names).await?;
        for deployment in &mut page.items {
            deployment.next_slot = next.get(&deployment.name).copied();
        }
        if let Some(count) = latest {
            let ends = self.store.latest_ends(&names, count).await?;
            for (deployment, ends) in page.items.iter_mut().zip(ends.of) {
                deployment.latest = Some(ends.into_iter().map(LatestEndView::from).collect());
            }
        }
        Ok(page)
    }

    async fn inspect_deployment(&self, name: &str) -> Answered<DeploymentDetailsView> {
        Ok(inspect::deployment(&*self.store, name).await?.into())
    }

    async fn deploy(&self, request: DeployRequest) -> Answered<Vec<DeployedView>> {
        let component = resolve::component(&*self.store, &request.component).await?;
        self.need_pool(&request.pool, request.work_queue.as_ref())
            .await?;
        let defaults = tidied(&request.parameters)?;
        let of_flow = &request.flow_parameters;
        let mut flows = Vec::new();
        for flow in deploy::flows(&component, &request.flows)? {
            let own = match of_flow.get(flow.name.as_str()) {
                Some(own) => tidied(own)?,
                None => defaults.clone(),
            };
            flows.push((flow.clone(), own));
        }
        let is_deployed = |name: &str| flows.iter().any(|(flow, _)| flow.name.as_str() == name);
        if let Some(name) = of_flow.keys().find(|name| !is_deployed(name)) {
            return Err(not_deployed(name));
        }
        let wish = Wish {
            name: request.name,
            pool: request.pool,
            work_queue: request.work_queue,
            priority: request.priority,
            concurrency: request.concurrency.map(Into::into),
            limits: request.limits,
            tags: request.tags,
            grants: grants(&request.grants)?,
            description: request.description,
        };
        let mut schedules = Vec::new();
        for (flow, _) in &flows {
            let of_flow = match &request.schedules {
                Some(schedules) => schedules.clone(),
                None => declared(flow),
            };
            schedules.push(self.schedules_wished(of_flow)?);
        }
        let wished = deploy::wished(&*self.store, &component, &flows, &wish)?;
        for (deployment, schedules) in wished.iter().zip(&schedules) {
            for schedule in schedules {
                let checked = schedules::check(&*self.store, deployment, &schedule.rule).await;
                checked.map_err(|refusal| Problem::from(&refusal))?;
            }
        }
        let mut deployed = deploy::deploy_stored(&*self.store, &component, &flows, &wish).await?;
        for (one, schedules) in deployed.iter_mut().zip(&schedules) {
            let replaced = schedules::replace(&*self.store, &one.deployment, schedules).await;
            if replaced.map_err(|refusal| Problem::from(&refusal))? {
                one.has_other_schedules();
            }
        }
        Ok(views(deployed))
    }

    async fn edit_deployment(&self, name: &str, edit: EditDeployment) -> Answered<DeployedView> {
        let deployment = resolve::deployment(&*self.store, name).await?;
        let component = self.inspect_stored(deployment.component).await?;
        let pool = edit.pool.unwrap_or_else(|| deployment.pool.clone());
        let work_queue = edit.work_queue.or_else(|| deployment.work_queue.clone());
        self.need_pool(&pool, work_queue.as_ref()).await?;
        let defaults = match edit.parameters {
            Some(parameters) => tidied(&parameters)?,
            None => deployment.parameters.clone(),
        };
        let flow = resolve::flow(&component, deployment.name.flow.as_str())?;
        let wish = Wish {
            name: Some(deployment.name.name.to_string()),
            pool,
            work_queue,
            priority: edit.priority.or(deployment.priority),
            concurrency: match edit.concurrency {
                Some(concurrency) => Some(concurrency.into()),
                None => deployment.concurrency.clone(),
            },
            limits: Some(edit.limits.unwrap_or_else(|| deployment.limits.clone())),
            tags: edit.tags.unwrap_or_else(|| deployment.tags.clone()),
            grants: match edit.grants {
                Some(wished) => grants(&wished)?,
                None => deployment.grants.clone(),
            },
            description: edit.description.or(deployment.description),
        };
        let flows = [(flow.clone(), defaults)];
        let deployed = deploy::deploy_stored(&*self.store, &component, &flows, &wish).await?;
        let mut views: Vec<DeployedView> = views(deployed);
        views
            .pop()
            .ok_or_else(|| Problem::internal("nothing was deployed"))
    }

    async fn delete_deployment(&self, name: &str) -> Answered<()> {
        let deployment = resolve::deployment(&*self.store, name).await?;
        self.store.delete_deployment(&deployment.name).await?;
        Ok(())
    }
}

/// The schedules that the author of a flow has declared, with the names that `deploy` gives.
fn declared(flow: &FlowDescription) -> Vec<CreateSchedule> {
    let each = flow.options.schedules.iter().cloned().enumerate();
    each.map(|(at, schedule)| CreateSchedule {
        name: Some(ScheduleName::nth(at)),
        cron: schedule.cron,
        interval_ms: schedule.interval_ms,
        rrule: schedule.rrule,
        timezone: schedule.timezone,
        ..CreateSchedule::default()
    })
    .collect()
}

impl LocalClient {
    /// Errs if there is no such pool, or if it has no such queue.
    async fn need_pool(&self, pool: &PoolName, queue: Option<&QueueName>) -> Answered<()> {
        match queue {
            Some(queue) => resolve::queue(&*self.store, pool, queue).await.map(drop)?,
            None => resolve::pool(&*self.store, pool).await.map(drop)?,
        }
        Ok(())
    }

    async fn inspect_stored(&self, digest: Digest) -> Answered<Component> {
        let component = self.store.component(digest).await?;
        component
            .ok_or_else(|| Problem::internal(format!("component {digest} is not in the database")))
    }
}

impl EditDeployment {
    /// Whether it makes sense, whatever deployment it is for.
    ///
    /// # Errors
    ///
    /// A concurrency of nothing, or a grant that is none.
    pub fn check(&self) -> Answered<()> {
        if self.concurrency.as_ref().is_some_and(|it| it.slots == 0) {
            return Err(Problem::from(&DeployRefusal::NoSlots));
        }
        self.grants.as_ref().map(grants).transpose()?;
        Ok(())
    }
}

/// How many of the latest ends of each deployment are asked for, if any are.
fn latest(query: &DeploymentQuery) -> Answered<Option<u32>> {
    match query.latest {
        None | Some(0) => Ok(None),
        Some(count @ 1..=LATEST_MAX) => Ok(Some(count)),
        Some(count) => {
            let detail = format!("`latest` is {count}: it must be from 0 to {LATEST_MAX}");
            let hint = "`/v1/flow-runs` lists all runs of a deployment";
            Err(Problem::new(ProblemKind::InvalidQuery, detail).hint(hint))
        }
    }
}

fn unusable(reason: &str, hint: &str) -> Problem {
    let detail = format!("the component cannot be used: {reason}");
    Problem::new(ProblemKind::InvalidComponent, detail).hint(hint)
}

fn not_deployed(flow: &str) -> Problem {
    let detail = format!("`flow_parameters` has the flow `{flow}`, which is not deployed");
    Problem::new(ProblemKind::InvalidParameters, detail.clone())
        .at("/flow_parameters", detail)
        .hint("leave it out, or name it among `flows`")
}

/// Parameters as the store keeps them.
pub(super) fn tidied(parameters: &Json) -> Answered<Json> {
    Json::tidy(parameters.as_str()).map_err(|err| {
        let detail = format!("`parameters` is {err}");
        Problem::new(ProblemKind::InvalidParameters, detail.clone()).at("/parameters", detail)
    })
}

fn grants(request: &GrantsRequest) -> Answered<Grants> {
    granted(request).map_err(|refusal| {
        let detail = refusal.to_string();
        Problem::new(ProblemKind::InvalidName, detail.clone())
            .hint(format!("write {}", refusal.forms))
            .at(refusal.pointer, detail)
    })
}
