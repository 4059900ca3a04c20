//! Flows as data: what the simulated runs do, and what must come of it.

use std::sync::Arc;
use std::time::Duration;

use super::rng::Rng;
use super::taking::Taking;
use model::{FlowName, RetryPolicy};

pub(super) const COMPUTE: &str = "compute";
/// The task that takes slots, where there are limits.
pub(super) const SCARCE: &str = "scarce";
/// Tasks whose results are cached, where runs want the same: until they are cleared, and for a while.
pub(super) const KEPT: &str = "kept";
pub(super) const BRIEF: &str = "brief";

/// One call of a flow, or one wait. Calls that settle get the next handle, from 0.
#[derive(Clone, Debug)]
pub(super) enum Op {
    /// Starts once all of these have succeeded.
    Task(Doing, Vec<usize>),
    /// A task of which nothing is taken, whatever becomes of it.
    Spare(Doing),
    /// Cancels a task of which nothing is taken.
    CancelTask(usize),
    /// Runs another script as a child. With a key, all that have the same share one run.
    Child(usize, Option<u64>),
    Timer(u64),
    /// Asks for what a person gives, some time. It may be too late after a while.
    Input(Option<u64>),
    /// Takes a request for input back.
    Withdraw(usize),
    /// Watches the run that the parameters name, if they do.
    Watch,
    /// Reads the run that was started last, if there is one.
    Read,
    /// Makes an artifact, under a key of its own.
    Artifact,
    /// The code takes so many slots of a limit that runs of no other script take: by its number.
    Take(usize, u32),
    /// Gives back what was taken, or waits for it no longer.
    GiveBack(usize),
    /// From here on it is a subflow that calls.
    Begin,
    End,
    All(Vec<usize>),
    /// Waits for one of these and leaves the others.
    Any(Vec<usize>),
    /// Waits for any of these until all have been told.
    EachInTurn(Vec<usize>),
}

/// What a task does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doing {
    /// What it gives.
    pub n: u64,
    /// Until which attempt of its flow it fails for good.
    pub fails: u32,
    /// How many of its own attempts fail before that, and the delay after each.
    pub stumbles: u32,
    pub delay: Duration,
    pub task: &'static str,
}

#[derive(Debug)]
pub(super) struct Script {
    pub ops: Vec<Op>,
    pub retry: RetryPolicy,
    /// Whether it calls one more task when it is told to end.
    pub cleans_up: bool,
}

/// The flows of one simulation. Each starts only those before it, so it ends.
pub(super) struct Scripts(pub Vec<Arc<Script>>);

impl Scripts {
    /// `is_crowded`: whether there are limits, and results that are cached.
    pub fn generate(rng: &mut Rng, is_crowded: bool) -> Self {
        let depth = rng.between(2, 3) as usize;
        let script = |at| Arc::new(script(rng, at, is_crowded));
        Self((0..=depth).map(script).collect())
    }

    pub fn name(at: usize) -> FlowName {
        FlowName::trusted(["s0", "s1", "s2", "s3"][at])
    }

    pub fn at(name: &FlowName) -> usize {
        (0..4)
            .find(|at| Self::name(*at) == *name)
            .expect("only scripts are executed")
    }

    /// What a run of it gives if it gives anything.
    pub fn value(&self, at: usize) -> u64 {
        let value = |op: &Op| match op {
            Op::Task(doing, _) => doing.n,
            Op::Child(child, _) => self.value(*child),
            _ => 0,
        };
        self.0[at].ops.iter().map(value).sum()
    }

    /// How often it starts that child.
    pub fn starts(&self, at: usize, other: usize) -> usize {
        let ops = self.0[at].ops.iter();
        ops.filter(|op| matches!(op, Op::Child(child, _) if *child == other))
            .count()
    }

    /// Whether it succeeds within its own retries.
    pub fn succeeds(&self, at: usize) -> bool {
        let script = &self.0[at];
        script.ops.iter().all(|op| match op {
            Op::Task(doing, _) => doing.fails <= script.retry.retries,
            Op::Child(child, _) => self.succeeds(*child),
            _ => true,
        })
    }
}

fn script(rng: &mut Rng, at: usize, is_crowded: bool) -> Script {
    let mut ops = Vec::new();
    let mut handles = 0;
    let mut taking = Taking::default();
    let mut retry = RetryPolicy::default();
    if rng.percent(40) {
        retry.retries = rng.between(1, 2) as u32;
        retry.delays_ms = vec![rng.between(0, 2000)];
    }
    for _ in 0..rng.between(1, if at < 2 { 3 } else { 2 }) {
        let begun = handles;
        let within = rng.percent(20);
        if within {
            ops.push(Op::Begin);
        }
        if is_crowded && let Some(takes) = taking.take(rng, handles) {
            ops.push(Op::Take(takes.limit, takes.slots));
            if takes.waits {
                ops.push(Op::All(vec![handles]));
            }
            handles += 1;
        }
        // What succeeds or fails by itself: a watched run may do either.
        let mut needed = Vec::new();
        for _ in 0..rng.between(1, 3) {
            let handle = handles;
            handles += 1;
            ops.push(match rng.below(10) {
                0..=3 if at > 0 => {
                    needed.push(handle);
                    Op::Child(rng.below(at), rng.percent(15).then(|| rng.between(1, 2)))
                }
                4 => Op::Watch,
                5 => {
                    needed.push(handle);
                    Op::Timer(rng.between(0, 5000))
                }
                6 => Op::Input(rng.percent(40).then(|| rng.between(0, 4000))),
                _ => {
                    let needs = needed.iter().copied().filter(|_| rng.percent(25)).collect();
                    needed.push(handle);
                    Op::Task(doing(rng, is_crowded, &retry), needs)
                }
            });
            if matches!(ops.last(), Some(Op::Input(_))) && rng.percent(25) {
                ops.push(Op::Withdraw(handle));
            }
        }
        let spare = rng.percent(20).then_some(handles);
        if spare.is_some() {
            handles += 1;
            ops.push(Op::Spare(doing(rng, is_crowded, &retry)));
        }
        // Before or after it was waited for.
        let (mut early, mut late) = (spare, spare);
        if rng.percent(50) {
            early = None;
        } else {
            late = None;
        }
        ops.extend(early.map(Op::CancelTask));
        if rng.percent(15) {
            ops.push(Op::Read);
        }
        if rng.percent(15) {
            ops.push(Op::Artifact);
        }
        let fresh: Vec<usize> = (begun..handles).filter(|it| taking.settles(*it)).collect();
        match rng.below(8) {
            // Waited for at the end, or never.
            0 => {}
            1 => ops.push(Op::Any(fresh)),
            2 | 3 => ops.push(Op::EachInTurn(fresh)),
            _ => ops.push(Op::All(fresh)),
        }
        ops.extend(late.map(Op::CancelTask));
        if is_crowded {
            ops.extend(taking.give_back(rng).into_iter().map(Op::GiveBack));
        }
        if within {
            ops.push(Op::End);
        }
    }
    // The value needs all of them.
    let all = (0..handles).filter(|it| taking.settles(*it));
    ops.push(Op::All(all.collect()));
    Script {
        ops,
        retry,
        cleans_up: rng.percent(50),
    }
}

fn doing(rng: &mut Rng, is_crowded: bool, retry: &RetryPolicy) -> Doing {
    let rarely = |rng: &mut Rng, percent| {
        if rng.percent(percent) {
            rng.between(1, 2) as u32
        } else {
            0
        }
    };
    let mut doing = Doing {
        // Few, so that some calls are equal.
        n: rng.between(1, 4),
        fails: rarely(rng, 20),
        stumbles: rarely(rng, 30),
        delay: Duration::from_millis(rng.between(0, 4000)),
        task: COMPUTE,
    };
    if is_crowded {
        doing.task = [SCARCE, SCARCE, SCARCE, KEPT, KEPT, BRIEF, BRIEF, COMPUTE][rng.below(8)];
        if matches!(doing.task, KEPT | BRIEF) {
            // It succeeds in the end, whoever else computes the same.
            doing.fails = doing.fails.min(retry.retries);
            doing.n = doing.n.min(2);
        }
    }
    doing
}
