//! Deployments.

use super::columns::AsJson;
use super::sql::{Conn, Row, params};
use super::{components, permits, pools, queues};
use crate::error::Pg;
use crate::tx::Tx;
use model::{Deployment, DeploymentName, Edited, FlowName, Limit, LimitName, Timestamp};
use store::{Deployed, Missing, StoreError};

macro_rules! select_deployment {
    ($rest:literal) => {
        concat!(
            "SELECT flow, name, component, pool, parameters, tags, grants, description, \
             created, updated, work_queue, priority, concurrency, limits \
             FROM deployments ",
            $rest
        )
    };
}
pub(crate) async fn deploy(tx: &Tx, deployments: &[Deployment]) -> Pg<Vec<Deployed>> {
    for deployment in deployments {
        pools::stays(tx, &deployment.pool).await?;
        if let Some(queue) = &deployment.work_queue {
            queues::stays(tx, &deployment.pool, queue).await?;
        }
        if !components::exists(tx, deployment.component).await? {
            let missing = Missing::Component(deployment.component);
            return Err(StoreError::NotFound(missing).into());
        }
    }
    let mut deployed = Vec::with_capacity(deployments.len());
    for one in deployments {
        deployed.push(deploy_one(tx, one).await?);
    }
    Ok(deployed)
}

async fn deploy_one(tx: &Tx, new: &Deployment) -> Pg<Deployed> {
    let old = tx
        .first(
            select_deployment!("WHERE flow = $1 AND name = $2 FOR UPDATE"),
            params![new.name.flow, new.name.name],
            deployment,
        )
        .await?;
    let (deployed, created) = match old {
        None => (Deployed::Created, new.created),
        Some(old) if is_same(&old, new) => return Ok(Deployed::Unchanged),
        Some(old) => (Deployed::Updated, old.created),
    };
    tx.run(
        "INSERT INTO deployments (flow, name, component, pool, parameters, tags, grants,
             description, created, updated, work_queue, priority,
             concurrency, limits)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (flow, name) DO UPDATE SET component = excluded.component,
             pool = excluded.pool, parameters = excluded.parameters, tags = excluded.tags,
             grants = excluded.grants, description = excluded.description,
             created = excluded.created, updated = excluded.updated,
             work_queue = excluded.work_queue, priority = excluded.priority,
             concurrency = excluded.concurrency, limits = excluded.limits",
        params![
            new.name.flow,
            new.name.name,
            new.component,
            new.pool,
            new.parameters,
            AsJson(&new.tags),
            AsJson(&new.grants),
            new.description,
            created,
            new.updated,
            new.work_queue,
            new.priority,
            new.concurrency.as_ref().map(AsJson),
            (!new.limits.is_empty()).then_some(AsJson(&new.limits))
        ],
    );
    let limit = LimitName::of_deployment(&new.name);
    match &new.concurrency {
        Some(own) => {
            let limit = Limit {
                name: limit,
                slots: own.slots,
                per: None,
                created,
            };
            permits::put(tx, &limit, new.updated).await?;
        }
        None => drop(permits::remove(tx, &limit, new.updated).await?),
    }
    let what = match deployed {
        Deployed::Created => Edited::Created,
        _ => Edited::Changed,
    };
    tx.change(|changes| changes.deployment(&new.name, what));
    Ok(deployed)
}

/// Apart from when.
fn is_same(old: &Deployment, new: &Deployment) -> bool {
    *old == Deployment {
        created: old.created,
        updated: old.updated,
        ..new.clone()
    }
}

pub(crate) async fn get(conn: &impl Conn, name: &DeploymentName) -> Pg<Option<Deployment>> {
    conn.first(
        select_deployment!("WHERE flow = $1 AND name = $2"),
        params![name.flow, name.name],
        deployment,
    )
    .await
}

pub(crate) async fn list(conn: &impl Conn, flow: Option<&FlowName>) -> Pg<Vec<Deployment>> {
    conn.all(
        select_deployment!("WHERE $1::text IS NULL OR flow = $1 ORDER BY flow, name"),
        params![flow],
        deployment,
    )
    .await
}

pub(crate) async fn delete(tx: &Tx, name: &DeploymentName, now: Timestamp) -> Pg<bool> {
    let deleted = tx
        .any(
            "DELETE FROM deployments WHERE flow = $1 AND name = $2 RETURNING 1",
            params![name.flow, name.name],
        )
        .await?;
    if deleted {
        tx.run(
            "DELETE FROM schedules WHERE flow = $1 AND deployment = $2",
            params![name.flow, name.name],
        );
        permits::remove(tx, &LimitName::of_deployment(name), now).await?;
        tx.change(|changes| changes.deployment(name, Edited::Deleted));
    }
    Ok(deleted)
}

fn deployment(row: &Row) -> Pg<Deployment> {
    Ok(Deployment {
        name: DeploymentName {
            flow: row.get(0)?,
            name: row.get(1)?,
        },
        component: row.get(2)?,
        pool: row.get(3)?,
        parameters: row.get(4)?,
        tags: row.get::<AsJson<_>>(5)?.0,
        grants: row.get::<AsJson<_>>(6)?.0,
        description: row.get(7)?,
        created: row.get(8)?,
        updated: row.get(9)?,
        work_queue: row.get(10)?,
        priority: row.get(11)?,
        concurrency: row.get::<Option<AsJson<_>>>(12)?.map(|it| it.0),
        limits: row
            .get::<Option<AsJson<Vec<_>>>>(13)?
            .map_or_else(Vec::new, |limits| limits.0),
    })
}
