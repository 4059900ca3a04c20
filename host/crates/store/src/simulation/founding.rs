//! What there is before anybody meddles where runs want the same: queues, limits, and deployments
//! that take them.
//!
//! Runs of one flow take other limits than runs of another, their code and tasks others again. So
//! nobody who has a slot waits for one that stands behind it in a line.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::catalog::{self, deployed, limit_of_code};
use super::clock::SimulatedClock;
use super::crowd::Crowd;
use super::rng::Rng;
use super::script::{BRIEF, COMPUTE, KEPT, Op, SCARCE, Scripts};
use super::watched::Watched;
use crate::Store;
use crate::contract::cast::{at, component};
use model::{
    CacheBy, CacheOptions, Collision, Concurrency, Limit, LimitName, Manifest, PoolName, Priority,
    QueueName, TaskName, TaskOptions, WorkQueue,
};
use orchestrator::flow::Known;

/// How a world with a crowd begins.
pub(super) struct Founded {
    pub crowd: Crowd,
    pub manifest: Manifest,
    pub deployments: Vec<Known>,
}

pub(super) async fn found<S: Store>(
    store: &S,
    rng: &mut Rng,
    pool: &PoolName,
    scripts: &Scripts,
    clock: Arc<SimulatedClock>,
) -> Founded {
    let queues = queues(rng, pool);
    for queue in &queues {
        if !queue.name.is_default() {
            store.create_queue(queue.clone()).await.unwrap();
        }
    }
    let mut manifest = manifest(rng);
    let count = scripts.0.len();
    let mut deployments: Vec<Known> = (0..count).map(|at| deployed(at, pool)).collect();
    let mut limits = Vec::new();
    for letter in ["a", "b", "c", "d"].into_iter().take(rng.below(5)) {
        let limit = any_made(rng, LimitName::trusted(format!("{pool}-{letter}")));
        store.create_limit(limit.clone()).await.unwrap();
        // A script, or the tasks of all.
        match deployments.get_mut(rng.below(count + 2)) {
            Some(known) => {
                let deployment = Arc::make_mut(&mut known.deployment);
                deployment.limits.push(limit.name.clone());
            }
            None => {
                let options = options_of(&mut manifest, SCARCE);
                options.limits.push(limit.name.clone());
                if rng.percent(30) {
                    let options = options_of(&mut manifest, KEPT);
                    options.limits.push(limit.name.clone());
                }
            }
        }
        limits.push(Watched::new(limit));
    }
    for name in taken_by_code(pool, scripts) {
        let limit = any_made(rng, name);
        let mut watched = Watched::new(limit.clone());
        if rng.percent(90) {
            store.create_limit(limit).await.unwrap();
        } else {
            watched.set(0, None);
        }
        limits.push(watched);
    }
    let mut own = HashMap::new();
    for known in &mut deployments {
        let deployment = Arc::make_mut(&mut known.deployment);
        deployment.name.name = pool.as_str().into();
        deployment.work_queue = any_queue(rng, &queues);
        deployment.priority = rng.percent(40).then(|| any_priority(rng));
        if rng.percent(35) {
            let concurrency = any_concurrency(rng);
            let limit = Limit {
                name: LimitName::of_deployment(&deployment.name),
                slots: concurrency.slots,
                per: None,
                created: at(0),
            };
            own.insert(limit.name.clone(), concurrency.clone());
            deployment.concurrency = Some(concurrency);
            limits.push(Watched::new(limit));
        }
    }
    let bytes = b"wasm".to_vec();
    store.put_component(component(&bytes), bytes).await.unwrap();
    let all = deployments.iter().map(|known| (*known.deployment).clone());
    store.deploy(all.collect()).await.unwrap();
    let takes = |known: &Known| {
        let deployment = &known.deployment;
        deployment.concurrency.is_some() || !deployment.limits.is_empty()
    };
    let mut crowd = Crowd::new(clock, queues, limits);
    crowd.holds_back = deployments.iter().any(takes);
    crowd.own = own;
    Founded {
        crowd,
        manifest,
        deployments,
    }
}

/// The tasks, of which some are cached.
fn manifest(rng: &mut Rng) -> Manifest {
    let mut manifest = catalog::manifest();
    options_of(&mut manifest, KEPT).cache = Some(Box::new(CacheOptions {
        by: CacheBy::Inputs,
        expiration_ms: None,
        lock: rng.percent(70),
    }));
    options_of(&mut manifest, BRIEF).cache = Some(Box::new(CacheOptions {
        by: CacheBy::Task(TaskName::trusted(COMPUTE)),
        expiration_ms: Some(rng.between(200, 6000)),
        lock: rng.percent(70),
    }));
    manifest
}

fn options_of<'m>(manifest: &'m mut Manifest, task: &str) -> &'m mut TaskOptions {
    let mut tasks = manifest.tasks.iter_mut();
    let found = tasks.find(|it| it.name.as_str() == task);
    &mut found.expect("it is there").options
}

/// The limits of which the code of scripts takes slots.
fn taken_by_code(pool: &PoolName, scripts: &Scripts) -> BTreeSet<LimitName> {
    let mut names = BTreeSet::new();
    for (at, script) in scripts.0.iter().enumerate() {
        let taken = script.ops.iter().filter_map(|op| match op {
            Op::Take(number, _) => Some(limit_of_code(pool, at, *number)),
            _ => None,
        });
        names.extend(taken);
    }
    names
}

fn any_made(rng: &mut Rng, name: LimitName) -> Limit {
    Limit {
        name,
        slots: rng.between(1, 3) as u32,
        per: rng
            .percent(35)
            .then(|| Duration::from_millis(rng.between(500, 6000))),
        created: at(0),
    }
}

fn queues(rng: &mut Rng, pool: &PoolName) -> Vec<WorkQueue> {
    let mut queues = vec![WorkQueue {
        name: QueueName::default_queue(),
        priority: Priority::default(),
        limit: None,
        paused: false,
        pool: pool.clone(),
        created: at(0),
    }];
    for name in ["q1", "q2", "q3"].into_iter().take(rng.below(4)) {
        queues.push(WorkQueue {
            pool: pool.clone(),
            name: QueueName::trusted(name),
            priority: any_priority(rng),
            limit: any_limit(rng),
            paused: rng.percent(20),
            created: at(0),
        });
    }
    queues
}

/// None: nothing is said of it.
pub(super) fn any_queue(rng: &mut Rng, queues: &[WorkQueue]) -> Option<QueueName> {
    let queue = &queues[rng.below(queues.len())];
    rng.percent(60).then(|| queue.name.clone())
}

pub(super) fn any_priority(rng: &mut Rng) -> Priority {
    Priority::new(rng.between(1, 4) as u8 * 20).expect("it is one")
}

pub(super) fn any_limit(rng: &mut Rng) -> Option<u32> {
    rng.percent(50).then(|| rng.between(0, 3) as u32)
}

fn any_concurrency(rng: &mut Rng) -> Concurrency {
    Concurrency {
        slots: rng.between(1, 2) as u32,
        collision: Collision::ALL[rng.below(3)],
        keys: if rng.percent(50) {
            vec!["customer".to_owned()]
        } else {
            Vec::new()
        },
    }
}
