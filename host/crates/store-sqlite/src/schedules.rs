//! Schedules, and the verbs about them.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use model::{
    DeploymentName, Edited, LastSlot, Schedule, ScheduleId, ScheduleOrigin, ScheduleRule,
    Timestamp, WorkerId,
};
use rusqlite::Connection;
use store::{
    DueSchedule, Missing, ScheduleChange, ScheduleStep, Schedules, StoreError, StoreResult,
};

use super::columns::AsJson;
use super::sql::{Row, Sql, params};
use super::writer::Tx;
use super::{SqliteStore, life};

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
impl Schedules for SqliteStore {
    async fn schedules(&self, of: Option<&DeploymentName>) -> StoreResult<Vec<Schedule>> {
        let of = of.cloned();
        self.read_long(move |conn| match &of {
            Some(name) => conn.all(
                select_schedule!("WHERE flow = ?1 AND deployment = ?2 ORDER BY name"),
                params![name.flow, name.name],
                schedule,
            ),
            None => conn.all(
                select_schedule!("ORDER BY flow, deployment, name"),
                [],
                schedule,
            ),
        })
        .await
    }

    async fn schedule(&self, id: ScheduleId) -> StoreResult<Option<Schedule>> {
        self.readers.with(|conn| get(conn, id))
    }

    async fn add_schedule(&self, schedule: Schedule) -> StoreResult<()> {
        self.writer.write(move |tx| add(tx, &schedule)).await
    }

    async fn change_schedule(
        &self,
        id: ScheduleId,
        change: ScheduleChange,
        now: Timestamp,
    ) -> StoreResult<Schedule> {
        self.writer
            .write(move |tx| edit(tx, id, &change, now))
            .await
    }

    async fn delete_schedule(&self, id: ScheduleId) -> StoreResult<()> {
        self.writer
            .write(move |tx| {
                let schedule = need(tx, id)?;
                tx.run("DELETE FROM schedules WHERE id = ?1", [id])?;
                tx.changes()
                    .deployment(&schedule.deployment, Edited::Changed);
                Ok(())
            })
            .await
    }

    async fn due_schedules(&self, now: Timestamp, count: u32) -> StoreResult<Vec<DueSchedule>> {
        self.readers.with(|conn| {
            let mut due = conn.all(
                select_schedule!(
                    ", EXISTS (SELECT 1 FROM flow_runs r WHERE r.id = s.last_run AND r.ended IS NULL)",
                    "INDEXED BY schedules_due
                     WHERE next_slot IS NOT NULL AND NOT paused AND NOT held AND next_slot <= ?1
                     ORDER BY next_slot LIMIT ?2"
                ),
                params![now, count],
                due_schedule,
            )?;
            let released = conn.all(
                select_schedule!(
                    ", 0",
                    "INDEXED BY schedules_held WHERE held AND NOT paused AND NOT EXISTS (
                         SELECT 1 FROM flow_runs r WHERE r.id = s.last_run AND r.ended IS NULL)
                     LIMIT ?1"
                ),
                [count],
                due_schedule,
            )?;
            due.extend(released);
            Ok(due)
        })
    }

    async fn move_schedule(&self, step: ScheduleStep) -> StoreResult<bool> {
        self.writer.write(move |tx| go_on(tx, &step)).await
    }

    async fn next_slot(&self) -> StoreResult<Option<Timestamp>> {
        self.readers.with(|conn| {
            conn.first(
                "SELECT next_slot FROM schedules INDEXED BY schedules_due
                 WHERE next_slot IS NOT NULL AND NOT paused AND NOT held
                 ORDER BY next_slot LIMIT 1",
                [],
                |row| row.get(0),
            )
        })
    }

    async fn next_slots(
        &self,
        deployments: &[DeploymentName],
    ) -> StoreResult<HashMap<DeploymentName, Timestamp>> {
        let deployments = deployments.to_vec();
        self.read_long(move |conn| {
            let mut next = HashMap::new();
            for deployment in deployments {
                let slot: Option<Timestamp> = conn.need(
                    "SELECT min(next_slot) FROM schedules
                     WHERE flow = ?1 AND deployment = ?2 AND NOT paused",
                    params![deployment.flow, deployment.name],
                    |row| row.get(0),
                )?;
                if let Some(slot) = slot {
                    next.insert(deployment, slot);
                }
            }
            Ok(next)
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
        // Asked of a reader first: a turn of another costs no write.
        let other = self.readers.with(|conn| {
            conn.any(
                "SELECT 1 FROM turns
                 WHERE duty = ?1 AND holder <> ?2 AND until > ?3 AND until <= ?4",
                params![DUTY, holder, now, until],
            )
        })?;
        if other {
            return Ok(false);
        }
        self.writer
            .write(move |tx| {
                let taken = tx.run(
                    "INSERT INTO turns (duty, holder, until) VALUES (?1, ?2, ?4)
                     ON CONFLICT (duty) DO UPDATE SET holder = excluded.holder,
                         until = excluded.until
                     WHERE holder = ?2 OR until <= ?3 OR until > ?4",
                    params![DUTY, holder, now, until],
                )?;
                Ok(taken > 0)
            })
            .await
    }

    async fn end_turn(&self, holder: WorkerId) -> StoreResult<()> {
        let has_it = self.readers.with(|conn| {
            let select = "SELECT 1 FROM turns WHERE duty = ?1 AND holder = ?2";
            conn.any(select, params![DUTY, holder])
        })?;
        if !has_it {
            return Ok(());
        }
        self.writer
            .write(move |tx| {
                tx.run(
                    "DELETE FROM turns WHERE duty = ?1 AND holder = ?2",
                    params![DUTY, holder],
                )?;
                Ok(())
            })
            .await
    }
}

fn add(tx: &Tx<'_>, new: &Schedule) -> StoreResult<()> {
    let of = &new.deployment;
    let there = "SELECT 1 FROM deployments WHERE flow = ?1 AND name = ?2";
    if !tx.any(there, params![of.flow, of.name])? {
        return Err(StoreError::NotFound(Missing::Deployment(of.clone())));
    }
    let same = "SELECT 1 FROM schedules WHERE flow = ?1 AND deployment = ?2 AND name = ?3";
    if tx.any(same, params![of.flow, of.name, new.name])? {
        return Err(StoreError::ScheduleExists {
            deployment: of.clone(),
            name: new.name.clone(),
        });
    }
    let (slot, run) = (
        new.last.map(|last| last.slot),
        new.last.map(|last| last.run),
    );
    tx.run(
        "INSERT INTO schedules (id, flow, deployment, name, rule, paused, origin, created, updated,
             next_slot, last_slot, last_run, held)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
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
    )?;
    tx.changes().deployment(of, Edited::Changed);
    Ok(())
}

fn edit(
    tx: &Tx<'_>,
    id: ScheduleId,
    change: &ScheduleChange,
    now: Timestamp,
) -> StoreResult<Schedule> {
    let before = need(tx, id)?;
    let changed = change.clone().of(before, now);
    tx.run(
        "UPDATE schedules SET rule = ?2, paused = ?3, updated = ?4, next_slot = ?5, held = ?6
         WHERE id = ?1",
        params![
            id,
            AsJson(&changed.rule),
            changed.is_paused,
            changed.updated,
            changed.next,
            changed.is_held
        ],
    )?;
    tx.changes()
        .deployment(&changed.deployment, Edited::Changed);
    Ok(changed)
}

fn go_on(tx: &Tx<'_>, step: &ScheduleStep) -> StoreResult<bool> {
    let found = get(tx, step.id)?;
    let Some(held) = found.filter(|it| (it.next, it.updated) == step.seen && !it.is_paused) else {
        return Ok(false);
    };
    if !step.runs.is_empty() {
        life::create(tx, &step.runs)?;
    }
    let last = step.last.or(held.last);
    tx.run(
        "UPDATE schedules SET next_slot = ?2, last_slot = ?3, last_run = ?4, held = ?5
         WHERE id = ?1",
        params![
            step.id,
            step.next,
            last.map(|last| last.slot),
            last.map(|last| last.run),
            step.is_held
        ],
    )?;
    Ok(true)
}

fn get(conn: &Connection, id: ScheduleId) -> StoreResult<Option<Schedule>> {
    conn.first(select_schedule!("WHERE id = ?1"), [id], schedule)
}

fn need(conn: &Connection, id: ScheduleId) -> StoreResult<Schedule> {
    get(conn, id)?.ok_or(StoreError::NotFound(Missing::Schedule(id)))
}

fn schedule(row: &Row<'_>) -> rusqlite::Result<Schedule> {
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
        rule: row.get::<_, AsJson<ScheduleRule>>(4)?.0,
        is_paused: row.get(5)?,
        // A later version may know more.
        origin: ScheduleOrigin::of(&row.get::<_, String>(6)?).unwrap_or_default(),
        created: row.get(7)?,
        updated: row.get(8)?,
        next: row.get(9)?,
        last,
        is_held: row.get(12)?,
    })
}

fn due_schedule(row: &Row<'_>) -> rusqlite::Result<DueSchedule> {
    Ok(DueSchedule {
        schedule: schedule(row)?,
        is_last_live: row.get(13)?,
    })
}
