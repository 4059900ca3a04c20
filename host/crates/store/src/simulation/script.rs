//! Flows as data: what the simulated runs do, and what must come of it.

use std::sync::Arc;
use std::time::Duration;

use super::rng::Rng;
use model::{FlowName, RetryPolicy};

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
    /// Whether it is the task that takes slots of limits.
    pub is_scarce: bool,
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
    /// `scarce`: of a hundred tasks so many take slots of limits.
    pub fn generate(rng: &mut Rng, scarce: u64) -> Self {
        let depth = rng.between(2, 3) as usize;
        let script = |at| Arc::new(script(rng, at, scarce));
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

fn script(rng: &mut Rng, at: usize, scarce: u64) -> Script {
    let mut ops = Vec::new();
    let mut handles = 0;
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
                    Op::Task(doing(rng, scarce), needs)
                }
            });
            if matches!(ops.last(), Some(Op::Input(_))) && rng.percent(25) {
                ops.push(Op::Withdraw(handle));
            }
        }
        let spare = rng.percent(20).then_some(handles);
        if spare.is_some() {
            handles += 1;
            ops.push(Op::Spare(doing(rng, scarce)));
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
        let fresh: Vec<usize> = (begun..handles).collect();
        match rng.below(8) {
            // Waited for at the end, or never.
            0 => {}
            1 => ops.push(Op::Any(fresh)),
            2 | 3 => ops.push(Op::EachInTurn(fresh)),
            _ => ops.push(Op::All(fresh)),
        }
        ops.extend(late.map(Op::CancelTask));
        if within {
            ops.push(Op::End);
        }
    }
    // The value needs all of them.
    ops.push(Op::All((0..handles).collect()));
    Script {
        ops,
        retry,
        cleans_up: rng.percent(50),
    }
}

fn doing(rng: &mut Rng, scarce: u64) -> Doing {
    let rarely = |rng: &mut Rng, percent| {
        if rng.percent(percent) {
            rng.between(1, 2) as u32
        } else {
            0
        }
    };
    Doing {
        // Few, so that some calls are equal.
        n: rng.between(1, 4),
        fails: rarely(rng, 20),
        stumbles: rarely(rng, 30),
        delay: Duration::from_millis(rng.between(0, 4000)),
        is_scarce: scarce > 0 && rng.percent(scarce),
    }
}
