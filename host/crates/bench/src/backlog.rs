//! Whether a long line makes claims slower: the same claims in a pool with few runs that are due, and
//! in one with very many; and what it takes to find the next slot of many schedules.

use std::time::{Duration, Instant};

use model::{
    CatchUp, Ids as _, Json, Overlap, PoolName, Priority, QueueName, Schedule, ScheduleId,
    ScheduleName, ScheduleOrigin, ScheduleRule, Timetable, WorkQueue, WorkerId,
};
use operations::FreshIds;
use store::Claim;

use crate::bed::Bed;
use crate::figures::{Sample, Unit, percentile};

/// Due runs in the shorter line.
const FEW: usize = 1000;
/// Claims that are measured, of one run each.
const CLAIMS: usize = 300;
/// The priorities of the runs, by turns.
const PRIORITIES: [u8; 3] = [1, 50, 100];

/// A pool with a queue in which runs of several priorities are due.
struct Line {
    bed: Bed,
    pool: PoolName,
    worker: WorkerId,
    due: usize,
}

impl Line {
    async fn fill(bed: Bed, due: usize) -> anyhow::Result<Self> {
        let pool: PoolName = "backlog".parse()?;
        let worker = bed.staff(&pool, 1).await?;
        let queue = WorkQueue {
            pool: pool.clone(),
            name: queue()?,
            priority: Priority::FIRST,
            limit: None,
            paused: false,
            created: bed.now(),
        };
        bed.store.create_queue(queue).await?;
        let line = Self {
            bed,
            pool,
            worker,
            due,
        };
        line.add(due).await?;
        Ok(line)
    }

    async fn add(&self, count: usize) -> anyhow::Result<()> {
        let new = |at: usize| {
            let mut new = self.bed.new_run("empty", "{}")?;
            new.run.pool = Some(self.pool.clone());
            new.run.work_queue = Some(queue()?);
            new.run.priority = Priority::new(PRIORITIES[at % PRIORITIES.len()])?;
            Ok(new)
        };
        self.bed.create_many(count, new).await?;
        Ok(())
    }

    /// What a claim takes at p50, in microseconds. As many runs are due afterwards as before.
    async fn cost(&self) -> anyhow::Result<f64> {
        let mut took = Vec::with_capacity(CLAIMS);
        for _ in 0..CLAIMS {
            let claim = Claim {
                worker: self.worker,
                pool: Some(self.pool.clone()),
                queues: Vec::new(),
                count: 1,
                now: self.bed.now(),
            };
            let begin = Instant::now();
            let claimed = self.bed.store.claim(claim).await?;
            took.push(begin.elapsed());
            anyhow::ensure!(claimed.len() == 1, "no run could be claimed");
        }
        self.add(CLAIMS).await?;
        Ok(percentile(&took, 500).as_secs_f64() * 1e6)
    }
}

fn queue() -> anyhow::Result<QueueName> {
    Ok("urgent".parse()?)
}

pub struct Backlogs {
    few: Line,
    many: Line,
}

impl Backlogs {
    pub async fn fill(few: Bed, many: Bed, due: usize) -> anyhow::Result<Self> {
        Ok(Self {
            few: Line::fill(few, FEW).await?,
            many: Line::fill(many, due).await?,
        })
    }

    /// Measures both in turn.
    pub async fn measure(&self) -> anyhow::Result<Vec<Sample>> {
        let (few, many) = (self.few.cost().await?, self.many.cost().await?);
        let name = |line: &Line| format!("a claim, {} due", line.due);
        Ok(vec![
            Sample::new(name(&self.few), Unit::Microseconds, few),
            Sample::new(name(&self.many), Unit::Microseconds, many),
            Sample::new("ratio", Unit::Times, many / few),
        ])
    }

    pub async fn clear(self) -> anyhow::Result<()> {
        self.few.bed.clear().await?;
        self.many.bed.clear().await
    }
}

/// Schedules that are looked at in one read, as schedulers do.
const LOOKED_AT: u32 = 100;

/// What it takes to find the next slot of very many schedules, and those that are due.
pub async fn schedules(bed: Bed, count: usize) -> anyhow::Result<Vec<Sample>> {
    let now = bed.now();
    let deployments = bed.store.deployments(None).await?;
    let deployment = deployments.first();
    let deployment = deployment.ok_or_else(|| anyhow::anyhow!("nothing is deployed"))?;
    for at in 0..count {
        // All but a few are due some time tomorrow.
        let ahead = match at % 1000 {
            0 => Duration::ZERO,
            _ => Duration::from_secs(86_400) + Duration::from_millis(at as u64),
        };
        let schedule = Schedule {
            id: ScheduleId::new(&mut FreshIds),
            deployment: deployment.name.clone(),
            name: ScheduleName::trusted(format!("s{at}-{}", FreshIds.run_name())),
            next: Some(now.after(ahead)),
            rule: ScheduleRule {
                timetable: Timetable::Cron("0 9 * * *".to_owned()),
                timezone: "UTC".to_owned(),
                parameters: Json::empty_object(),
                start: None,
                end: None,
                catch_up: CatchUp::default(),
                overlap: Overlap::default(),
            },
            is_paused: false,
            origin: ScheduleOrigin::Added,
            created: now,
            updated: now,
            last: None,
            is_held: false,
        };
        bed.store.add_schedule(schedule).await?;
    }
    let (mut next, mut due) = (Vec::new(), Vec::new());
    for _ in 0..CLAIMS {
        let begin = Instant::now();
        let found = bed.store.next_slot().await?;
        next.push(begin.elapsed());
        anyhow::ensure!(found.is_some(), "there is no next slot");
        let begin = Instant::now();
        let found = bed.store.due_schedules(bed.now(), LOOKED_AT).await?;
        due.push(begin.elapsed());
        anyhow::ensure!(!found.is_empty(), "nothing is due");
    }
    bed.clear().await?;
    let us = |name: String, all: &[Duration]| {
        Sample::new(
            name,
            Unit::Microseconds,
            percentile(all, 500).as_secs_f64() * 1e6,
        )
    };
    Ok(vec![
        us(format!("the next slot of {count}"), &next),
        us(format!("those that are due of {count}"), &due),
    ])
}
