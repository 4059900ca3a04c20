//! Flows and deployments by number, so that a run's row can say what it is counted under.
//!
//! A number is never given up, so the writer remembers those that it has seen. What a
//! transaction adds is remembered too, and forgotten if it is undone.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use rusqlite::Connection;

use super::sql::{Sql, params};
use model::{DeploymentName, FlowName, FlowRun};
use orchestrator::lifecycle::OriginKey;
use store::StoreResult;

/// More flows than that are not remembered.
const REMEMBERED_MAX: usize = 10_000;

/// The deployments of a flow, and its runs of none.
type OfFlow = Vec<(Option<DeploymentName>, OriginKey)>;

/// What the writer remembers.
#[derive(Default)]
pub(crate) struct Origins {
    known: RefCell<HashMap<FlowName, OfFlow>>,
    /// Whether the transaction has added any.
    has_added: Cell<bool>,
}

impl Origins {
    /// The number of the run's flow and deployment.
    pub(crate) fn of(&self, conn: &Connection, run: &FlowRun) -> StoreResult<OriginKey> {
        if let Some(known) = self.known(run) {
            return Ok(known);
        }
        let origin = match find(conn, run)? {
            Some(found) => found,
            None => self.add(conn, run)?,
        };
        self.remember(run, origin);
        Ok(origin)
    }

    /// The transaction is committed.
    pub(crate) fn committed(&self) {
        self.has_added.set(false);
    }

    /// What the transaction has added is undone.
    pub(crate) fn undone(&self) {
        if self.has_added.replace(false) {
            self.known.borrow_mut().clear();
        }
    }

    fn add(&self, conn: &Connection, run: &FlowRun) -> StoreResult<OriginKey> {
        conn.run(
            "INSERT INTO run_origins (flow, deployment) VALUES (?1, ?2)",
            params![run.flow, run.deployment],
        )?;
        self.has_added.set(true);
        Ok(OriginKey(conn.last_insert_rowid()))
    }

    fn known(&self, run: &FlowRun) -> Option<OriginKey> {
        let known = self.known.borrow();
        let mut of_flow = known.get(&run.flow)?.iter();
        let found = of_flow.find(|(deployment, _)| *deployment == run.deployment);
        found.map(|(_, origin)| *origin)
    }

    fn remember(&self, run: &FlowRun, origin: OriginKey) {
        let mut known = self.known.borrow_mut();
        if known.len() < REMEMBERED_MAX {
            let of_flow = known.entry(run.flow.clone()).or_default();
            of_flow.push((run.deployment.clone(), origin));
        }
    }
}

fn find(conn: &Connection, run: &FlowRun) -> StoreResult<Option<OriginKey>> {
    let deployment = run.deployment.as_ref();
    let deployment = deployment.map(DeploymentName::to_string);
    conn.first(
        "SELECT no FROM run_origins WHERE flow = ?1 AND coalesce(deployment, '') = ?2",
        params![run.flow, deployment.unwrap_or_default()],
        |row| row.get(0),
    )
}

/// Those of any of the flows and of any of the deployments; an empty list does not restrict.
pub(super) fn among(
    conn: &Connection,
    flows: &[FlowName],
    deployments: &[DeploymentName],
) -> StoreResult<Vec<OriginKey>> {
    let all: Vec<(OriginKey, FlowName, Option<DeploymentName>)> =
        conn.all("SELECT no, flow, deployment FROM run_origins", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let is_wanted = |flow: &FlowName, deployment: Option<&DeploymentName>| {
        (flows.is_empty() || flows.contains(flow))
            && (deployments.is_empty() || deployment.is_some_and(|it| deployments.contains(it)))
    };
    let wanted = all.into_iter();
    let wanted = wanted.filter(|(_, flow, deployment)| is_wanted(flow, deployment.as_ref()));
    Ok(wanted.map(|(origin, ..)| origin).collect())
}
