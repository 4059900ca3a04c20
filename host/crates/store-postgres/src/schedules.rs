//! Schedules, and the verbs about them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use model::{
    DeploymentName, Edited, FlowName, LastSlot, Schedule, ScheduleId, ScheduleOrigin, ScheduleRule,
    Timestamp, WorkerId,
};
use store::{
    DueSchedule, Missing, ScheduleChange, ScheduleStep, Schedules, StoreError, StoreResult,
};

use super::columns::{AsJson, List};
use super::sql::{Conn, Row, params};
use super::verbs::write;
use super::{PostgresStore, life};
use crate::error::Pg;
use crate::tx::Tx;

/// The turn to make runs of schedules.
const DUTY: &str = "schedules";

macro_rules! select_schedule {
    ($rest:literal) => {
        select_schedule!("", $rest)
    };
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT id, flow, deployment, name, rule, paused, origin, created, updated, next_slot, \
             last_slot, last_run, held",
            $more,
            " FROM schedules s ",
            $rest
        )
    };
}

#[async_trait]
impl Schedules for PostgresStore {
    async fn schedules(&self, of: Option<&DeploymentName>) -> StoreResult<Vec<Schedule>> {
        let (flow, name) = (of.map(|of| of.flow.clone()), of.map(|of| of.name.clone()));
        self.read(async move |conn| {
            conn.all(
                select_schedule!(
                    "WHERE $1::text IS NULL OR flow = $1 AND deployment = $2
                     ORDER BY flow, deployment, name"
                ),
                params![flow, name],
                schedule,
            )
            .await
        })
        .await
    }

    async fn schedule(&self, id: ScheduleId) -> StoreResult<Option<Schedule>> {
        self.read(async move |conn| {
            let select = select_schedule!("WHERE id = $1");
            conn.first(select, params![id], schedule).await
        })
        .await
    }

    async fn add_schedule(&self, schedule: Schedule) -> StoreResult<()> {
        write!(self, |tx, schedule| add(&tx, &schedule).await).await
    }

    async fn change_schedule(
        &self,
        id: ScheduleId,
        change: ScheduleChange,
        now: Timestamp,
    ) -> StoreResult<Schedule> {
        write!(self, |tx, change| edit(&tx, id, &change, now).await).await
    }

    async fn delete_schedule(&self, id: ScheduleId) -> StoreResult<()> {
        write!(self, |tx| {
            let schedule = need_locked(&tx, id).await?;
            tx.run("DELETE FROM schedules WHERE id = $1", params![id]);
            tx.change(|changes| changes.deployment(&schedule.deployment, Edited::Changed));
            Ok(())
        })
        .await
    }

    async fn due_schedules(&self, now: Timestamp, count: u32) -> StoreResult<Vec<DueSchedule>> {
        self.read(async move |conn| {
            let mut due = conn
                .all(
                    select_schedule!(
                        ", EXISTS (SELECT 1 FROM flow_runs r WHERE r.id = s.last_run AND r.ended IS NULL)",
                        "WHERE next_slot IS NOT NULL AND NOT paused AND NOT held AND next_slot <= $1
                         ORDER BY next_slot LIMIT $2"
                    ),
                    params![now, count],
                    due_schedule,
                )
                .await?;
            let released = conn
                .all(
                    select_schedule!(
                        ", false",
                        "WHERE held AND NOT paused AND NOT EXISTS (
                             SELECT 1 FROM flow_runs r WHERE r.id = s.last_run AND r.ended IS NULL)
                         LIMIT $1"
                    ),
                    params![count],
                    due_schedule,
                )
                .await?;
            due.extend(released);
            Ok(due)
        })
        .await
    }

    async fn move_schedule(&self, step: ScheduleStep) -> StoreResult<bool> {
        write!(self, |tx, step| go_on(&tx, &step).await).await
    }

    async fn next_slot(&self) -> StoreResult<Option<Timestamp>> {
        self.read(async move |conn| {
            conn.first(
                "SELECT next_slot FROM schedules
                 WHERE next_slot IS NOT NULL AND NOT paused AND NOT held
                 ORDER BY next_slot LIMIT 1",
                params![],
                |row| row.get(0),
            )
            .await
        })
        .await
    }

    async fn next_slots(
        &self,
        deployments: &[DeploymentName],
    ) -> StoreResult<HashMap<DeploymentName, Timestamp>> {
        let deployments = deployments.to_vec();
        self.read(async move |conn| {
            let flows: Vec<FlowName> = deployments.iter().map(|it| it.flow.clone()).collect();
            let names: Vec<String> = deployments.iter().map(|it| it.name.to_string()).collect();
            let next = conn.all(
                "SELECT d.at, min(s.next_slot)
                 FROM unnest($1::text[], $2::text[]) WITH ORDINALITY d(flow, deployment, at)
                 JOIN schedules s USING (flow, deployment)
                 WHERE NOT s.paused AND s.next_slot IS NOT NULL GROUP BY d.at",
                params![List(&flows), List(&names)],
                |row| Ok((row.get(0)?, row.get(1)?)),
            );
            let next: Vec<(u64, Timestamp)> = next.await?;
            let named = next.into_iter().filter_map(|(at, slot)| {
                let deployment = deployments.get(usize::try_from(at).ok()?.checked_sub(1)?)?;
                Some((deployment.clone(), slot))
            });
            Ok(named.collect())
        })
        .await
    }

    async fn take_turn(
        &self,
        holder: WorkerId,
        now: Timestamp,
        span: Duration,
    ) -> StoreResult<bool> {
        let until = now.after(span);
        // Asked without a lock first: a turn of another costs no write.
        let other = self.read(async move |conn| {
            let select = "SELECT 1 FROM turns
                WHERE duty = $1 AND holder <> $2 AND until > $3 AND until <= $4";
            conn.any(select, params![DUTY, holder, now, until]).await
        });
        if other.await? {
            return Ok(false);
        }
        write!(self, |tx| tx
            .any(
                "INSERT INTO turns AS t (duty, holder, until) VALUES ($1, $2, $4)
                 ON CONFLICT (duty) DO UPDATE SET holder = excluded.holder, until = excluded.until
                 WHERE t.holder = $2 OR t.until <= $3 OR t.until > $4
                 RETURNING 1",
                params![DUTY, holder, now, until],
            )
            .await)
        .await
    }

    async fn end_turn(&self, holder: WorkerId) -> StoreResult<()> {
        let has_it = self.read(async move |conn| {
            let select = "SELECT 1 FROM turns WHERE duty = $1 AND holder = $2";
            conn.any(select, params![DUTY, holder]).await
        });
        if !has_it.await? {
            return Ok(());
        }
        write!(self, |tx| {
            tx.run(
                "DELETE FROM turns WHERE duty = $1 AND holder = $2",
                params![DUTY, holder],
            );
            Ok(())
        })
        .await
    }
}

async fn add(tx: &Tx, new: &Schedule) -> Pg<()> {
    let of = &new.deployment;
    let there = "SELECT 1 FROM deployments WHERE flow = $1 AND name = $2";
    if !tx.any(there, params![of.flow, of.name]).await? {
        return Err(StoreError::NotFound(Missing::Deployment(of.clone())).into());
    }
    let (slot, run) = (
        new.last.map(|last| last.slot),
        new.last.map(|last| last.run),
    );
    let added = tx
        .any(
            "INSERT INTO schedules (id, flow, deployment, name, rule, paused, origin, created,
                 updated, next_slot, last_slot, last_run, held)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
             ON CONFLICT (flow, deployment, name) DO NOTHING RETURNING 1",
            params![
                new.id,
                of.flow,
                of.name,
                new.name,
                AsJson(&new.rule),
                new.is_paused,
                new.origin.as_str(),
                new.created,
                new.updated,
                new.next,
                slot,
                run,
                new.is_held
            ],
        )
        .await?;
    if !added {
        return Err(StoreError::ScheduleExists {
            deployment: of.clone(),
            name: new.name.clone(),
        }
        .into());
    }
    tx.change(|changes| changes.deployment(of, Edited::Changed));
    Ok(())
}

async fn edit(tx: &Tx, id: ScheduleId, change: &ScheduleChange, now: Timestamp) -> Pg<Schedule> {
    let before = need_locked(tx, id).await?;
    let changed = change.clone().of(before, now);
    tx.run(
        "UPDATE schedules SET rule = $2, paused = $3, updated = $4, next_slot = $5, held = $6
         WHERE id = $1",
        params![
            id,
            AsJson(&changed.rule),
            changed.is_paused,
            changed.updated,
            changed.next,
            changed.is_held
        ],
    );
    tx.change(|changes| changes.deployment(&changed.deployment, Edited::Changed));
    Ok(changed)
}

async fn go_on(tx: &Tx, step: &ScheduleStep) -> Pg<bool> {
    let found = locked(tx, step.id).await?;
    let Some(held) = found.filter(|it| (it.next, it.updated) == step.seen && !it.is_paused) else {
        return Ok(false);
    };
    if !step.runs.is_empty() {
        life::create(tx, &step.runs).await?;
    }
    let last = step.last.or(held.last);
    tx.run(
        "UPDATE schedules SET next_slot = $2, last_slot = $3, last_run = $4, held = $5
         WHERE id = $1",
        params![
            step.id,
            step.next,
            last.map(|last| last.slot),
            last.map(|last| last.run),
            step.is_held
        ],
    );
    Ok(true)
}

async fn locked(tx: &Tx, id: ScheduleId) -> Pg<Option<Schedule>> {
    let select = select_schedule!("WHERE id = $1 FOR UPDATE");
    tx.first(select, params![id], schedule).await
}

async fn need_locked(tx: &Tx, id: ScheduleId) -> Pg<Schedule> {
    let found = locked(tx, id).await?;
    found.ok_or_else(|| StoreError::NotFound(Missing::Schedule(id)).into())
}

fn schedule(row: &Row) -> Pg<Schedule> {
    let last = match (row.get(10)?, row.get(11)?) {
        (Some(slot), Some(run)) => Some(LastSlot { slot, run }),
        _ => None,
    };
    Ok(Schedule {
        id: row.get(0)?,
        deployment: DeploymentName {
            flow: row.get(1)?,
            name: row.get(2)?,
        },
        name: row.get(3)?,
        rule: row.get::<AsJson<ScheduleRule>>(4)?.0,
        is_paused: row.get(5)?,
        // A later version may know more.
        origin: ScheduleOrigin::of(&row.get::<String>(6)?).unwrap_or_default(),
        created: row.get(7)?,
        updated: row.get(8)?,
        next: row.get(9)?,
        last,
        is_held: row.get(12)?,
    })
}

fn due_schedule(row: &Row) -> Pg<DueSchedule> {
    Ok(DueSchedule {
        schedule: schedule(row)?,
        is_last_live: row.get(13)?,
    })
}
