//! Deployments.

use rusqlite::Connection;

use super::columns::AsJson;
use super::sql::{Row, Sql, params};
use super::writer::Tx;
use super::{components, permits, pools, queues};
use model::{Deployment, DeploymentName, Edited, FlowName, Limit, LimitName, Timestamp};
use store::{Deployed, Missing, StoreError, StoreResult};

pub(super) fn deploy(tx: &Tx<'_>, deployments: &[Deployment]) -> StoreResult<Vec<Deployed>> {
    for deployment in deployments {
        pools::need(tx, &deployment.pool)?;
        if let Some(queue) = &deployment.work_queue {
            queues::need(tx, &deployment.pool, queue)?;
        }
        if !components::exists(tx, deployment.component)? {
            return Err(StoreError::NotFound(Missing::Component(
                deployment.component,
            )));
        }
    }
    deployments.iter().map(|one| deploy_one(tx, one)).collect()
}

fn deploy_one(tx: &Tx<'_>, new: &Deployment) -> StoreResult<Deployed> {
    let (deployed, created) = match get(tx, &new.name)? {
        None => (Deployed::Created, new.created),
        Some(old) if is_same(&old, new) => return Ok(Deployed::Unchanged),
        Some(old) => (Deployed::Updated, old.created),
    };
    tx.run(
        "INSERT OR REPLACE INTO deployments (flow, name, component, pool, parameters, tags,
             grants, description, created, updated, work_queue, priority,
             concurrency, limits)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
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
    )?;
    let limit = LimitName::of_deployment(&new.name);
    match &new.concurrency {
        Some(own) => permits::put(
            tx,
            &Limit {
                name: limit,
                slots: own.slots,
                per: None,
                created,
            },
            new.updated,
        )?,
        None => drop(permits::remove(tx, &limit, new.updated)?),
    }
    let what = match deployed {
        Deployed::Created => Edited::Created,
        _ => Edited::Changed,
    };
    tx.changes().deployment(&new.name, what);
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

pub(super) fn get(conn: &Connection, name: &DeploymentName) -> StoreResult<Option<Deployment>> {
    conn.first(
        select_deployment!("WHERE flow = ?1 AND name = ?2"),
        params![name.flow, name.name],
        deployment,
    )
}

pub(super) fn list(conn: &Connection, flow: Option<&FlowName>) -> StoreResult<Vec<Deployment>> {
    match flow {
        Some(flow) => conn.all(
            select_deployment!("WHERE flow = ?1 ORDER BY name"),
            [flow],
            deployment,
        ),
        None => conn.all(select_deployment!("ORDER BY flow, name"), [], deployment),
    }
}

pub(super) fn delete(tx: &Tx<'_>, name: &DeploymentName, now: Timestamp) -> StoreResult<bool> {
    let deleted = tx.run(
        "DELETE FROM deployments WHERE flow = ?1 AND name = ?2",
        params![name.flow, name.name],
    )?;
    if deleted > 0 {
        tx.run(
            "DELETE FROM schedules WHERE flow = ?1 AND deployment = ?2",
            params![name.flow, name.name],
        )?;
        permits::remove(tx, &LimitName::of_deployment(name), now)?;
        tx.changes().deployment(name, Edited::Deleted);
    }
    Ok(deleted > 0)
}

fn deployment(row: &Row<'_>) -> rusqlite::Result<Deployment> {
    Ok(Deployment {
        name: DeploymentName {
            flow: row.get(0)?,
            name: row.get(1)?,
        },
        component: row.get(2)?,
        pool: row.get(3)?,
        parameters: row.get(4)?,
        tags: row.get::<_, AsJson<_>>(5)?.0,
        grants: row.get::<_, AsJson<_>>(6)?.0,
        description: row.get(7)?,
        created: row.get(8)?,
        updated: row.get(9)?,
        work_queue: row.get(10)?,
        priority: row.get(11)?,
        concurrency: row.get::<_, Option<AsJson<_>>>(12)?.map(|it| it.0),
        limits: row
            .get::<_, Option<AsJson<Vec<_>>>>(13)?
            .map_or_else(Vec::new, |limits| limits.0),
    })
}
