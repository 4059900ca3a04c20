//! How many statements and commits each verb takes.
//!
//! SQLite's trace hook counts what the writer's connection executes. Statements that only
//! bound a transaction (`BEGIN`, savepoints, pragmas) are left out; commits are counted apart.
//! Statements decide what a run costs besides its syncs, so their numbers are held here:
//! a change that raises one shows up as a failing line.

use std::cell::Cell;
use std::fmt::Write as _;

use rusqlite::trace::{TraceEvent, TraceEventCodes};

use super::super::SqliteStore;
use super::new_store;
use model::{
    AwaitedInput, Lease, PoolName, RunId, Seq, State, TaskName, TaskRun, TaskRunId, Timestamp,
    Waits, WorkerUsage,
};
use store::contract::cast::*;
use store::{Claim, NewRun, Next, Offer, Progress, Runs as _, SubflowChange, Workers as _};

#[derive(Clone, Copy, Default)]
struct Counts {
    statements: u32,
    commits: u32,
}

thread_local! {
    /// Of the writer's thread, where the hook is called.
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { statements: 0, commits: 0 }) };
}

fn count(event: TraceEvent<'_>) {
    let TraceEvent::Stmt(_, sql) = event else {
        return;
    };
    let mut counts = COUNTS.get();
    match sql.split_whitespace().next() {
        Some("COMMIT") => counts.commits += 1,
        Some("BEGIN" | "ROLLBACK" | "SAVEPOINT" | "RELEASE" | "PRAGMA") => {}
        _ => counts.statements += 1,
    }
    COUNTS.set(counts);
}

/// A table of what was counted, a line a verb.
struct Table {
    cast: Cast<SqliteStore>,
    text: String,
}

impl Table {
    async fn on(store: SqliteStore) -> Self {
        let hook = |tx: &super::writer::Tx<'_>| {
            tx.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(count));
            Ok(())
        };
        store.writer.write(hook).await.unwrap();
        Self {
            cast: Cast::on(store).await,
            text: String::new(),
        }
    }

    /// What was counted since the last call.
    async fn take(&self) -> Counts {
        let store = &self.cast.store;
        let taken = store.writer.write(|_| Ok(COUNTS.take())).await.unwrap();
        Counts {
            // That of the call before.
            commits: taken.commits.saturating_sub(1),
            ..taken
        }
    }

    async fn line<T>(&mut self, verb: &str, act: impl AsyncFnOnce(&Cast<SqliteStore>) -> T) -> T {
        self.take().await;
        let done = act(&self.cast).await;
        let Counts {
            statements,
            commits,
        } = self.take().await;
        writeln!(self.text, "{verb:<44} {statements:>3} {commits:>3}").unwrap();
        done
    }

    /// Two numbers of the same thing, once and several times, tell what one more costs.
    async fn one_more(&mut self, thing: &str, act: impl AsyncFn(&Cast<SqliteStore>, u32)) {
        let mut counted = Vec::new();
        for times in [1, 11] {
            self.take().await;
            act(&self.cast, times).await;
            counted.push(self.take().await.statements);
        }
        let more = (counted[1] - counted[0]) / 10;
        writeln!(self.text, "{thing:<44} {more:>3}").unwrap();
    }
}

fn claim_by(cast: &Cast<SqliteStore>, count: u32) -> Claim {
    Claim {
        worker: cast.w1,
        pool: Some(PoolName::default_pool()),
        queues: Vec::new(),
        count,
        now: at(1),
    }
}

fn task_run(run: RunId, seq: u64) -> TaskRun {
    TaskRun {
        id: TaskRunId::generate(),
        flow_run: run,
        journal: run,
        seq: Seq(seq),
        task: TaskName::new("extract").unwrap(),
        name: format!("extract-{seq}"),
        tags: Vec::new(),
        attempt: 1,
        retry_at: None,
        worker: None,
        history: vec![State::running(1, at(2)).into()],
    }
}

fn starts(progress: &mut Progress) {
    progress.states.push(State::running(1, at(1)));
}

fn ends(progress: &mut Progress) {
    let outcome = Ok(json("1"));
    progress.states.push(State::ended(&outcome, at(3)));
    progress.next = Next::End { outcome };
}

fn waits_for(count: u64) -> impl FnOnce(&mut Progress) {
    move |progress| {
        progress.states.push(State::waiting(at(2)));
        progress.next = Next::Wait {
            awaited: (1..=count).map(Seq).collect(),
            count: count as u32,
            until: None,
            waits: Waits::default(),
        };
    }
}

/// Calls a task, in the record that settles the one before.
fn steps(run: RunId, seq: u64) -> impl FnOnce(&mut Progress) {
    move |progress| {
        if let Some(before) = seq.checked_sub(1).filter(|before| *before > 0) {
            progress.settled.push(settled(before, 2));
            progress.task_runs.push(task_run(run, before));
        }
        progress.entries.push(task(seq));
        progress.task_runs.push(task_run(run, seq));
    }
}

fn start_children(parent: RunId, count: u64) -> impl FnOnce(&mut Progress) {
    move |progress| {
        for seq in 1..=count {
            let mut child = new_run("part");
            child.run.parent = Some(parent);
            progress.entries.push(start(seq, &child.run));
            progress.children.push(child);
        }
    }
}

async fn claimed(cast: &Cast<SqliteStore>) -> Lease {
    cast.create(new_run("etl")).await;
    cast.claim_only(0).await.lease
}

/// The run that asks, and what for.
async fn asking(cast: &Cast<SqliteStore>) -> (Lease, AwaitedInput) {
    let lease = cast.running("etl").await;
    cast.go_on(lease, |p| p.entries.push(input(1, "approval", None)))
        .await;
    cast.wait(lease, &[1], 1).await.unwrap();
    let mut inputs = cast.store.awaited_inputs(lease.run).await.unwrap();
    (lease, inputs.remove(0))
}

async fn empty_runs(cast: &Cast<SqliteStore>, count: u32) {
    let runs: Vec<NewRun> = (0..count).map(|_| new_run("etl")).collect();
    cast.store.create_runs(runs).await.unwrap();
    for claimed in cast.store.claim(claim_by(cast, count)).await.unwrap() {
        cast.go_on(claimed.lease, |progress| {
            starts(progress);
            ends(progress);
        })
        .await;
    }
}

#[tokio::test]
async fn no_verb_takes_more_statements_than_it_did() {
    let (store, _dir) = new_store().await;
    let mut table = Table::on(store).await;

    let lease = runs(&mut table).await;
    attempts(&mut table, lease).await;
    children(&mut table).await;
    control(&mut table).await;
    workers(&mut table).await;

    assert_eq!(table.text.trim_end(), EXPECTED.trim());
}

async fn runs(table: &mut Table) -> Lease {
    table
        .line("create", async |cast| cast.create(new_run("etl")).await)
        .await;
    let lease = table
        .line("claim", async |cast| cast.claim_only(0).await.lease)
        .await;
    let run = lease.run;
    table
        .line("record a start", async |cast| {
            cast.go_on(lease, starts).await;
        })
        .await;
    table
        .line("record a step", async |cast| {
            cast.go_on(lease, steps(run, 1)).await;
        })
        .await;
    table
        .line("record a settlement and a step", async |cast| {
            cast.go_on(lease, steps(run, 2)).await;
        })
        .await;
    table
        .line("record an end", async |cast| cast.go_on(lease, ends).await)
        .await;
    // It has looked in vain before anything is counted.
    let offer = std::sync::Arc::new(Offer::new(std::sync::Arc::new(SetClock::new(1))));
    let waiting = table.cast.store.claim_next(claim_by(&table.cast, 1), offer);
    table.take().await;
    table
        .line("create for a claim that waits", async |cast| {
            cast.create(new_run("etl")).await;
        })
        .await;
    let claimed_next = waiting.await.unwrap().remove(0).lease;
    table.cast.go_on(claimed_next, starts).await;
    table.cast.go_on(claimed_next, ends).await;
    table
        .line("an empty run", async |cast| empty_runs(cast, 1).await)
        .await;
    table
        .one_more("one more empty run", async |cast, times| {
            empty_runs(cast, times).await;
        })
        .await;
    table
        .line("a run of three tasks", async |cast| {
            let lease = claimed(cast).await;
            cast.go_on(lease, |progress| {
                starts(progress);
                steps(lease.run, 1)(progress);
            })
            .await;
            cast.go_on(lease, steps(lease.run, 2)).await;
            cast.go_on(lease, steps(lease.run, 3)).await;
            cast.go_on(lease, |progress| {
                progress.settled.push(settled(3, 2));
                progress.task_runs.push(task_run(lease.run, 3));
                ends(progress);
            })
            .await;
        })
        .await;
    table.cast.running("etl").await
}

async fn attempts(table: &mut Table, lease: Lease) {
    table.cast.go_on(lease, steps(lease.run, 1)).await;
    table
        .line("release to the next attempt", async |cast| {
            cast.go_on(lease, |progress| {
                progress.settled.push(settled(1, 2));
                progress.states.push(State::scheduled(at(2)));
                progress.next = Next::Release {
                    at: at(2),
                    failed: failure().err(),
                };
            })
            .await;
        })
        .await;
    let lease = table.cast.claim_only(2).await.lease;
    table.cast.go_on(lease, starts).await;
    table
        .line("release for another worker", async |cast| {
            cast.go_on(lease, |progress| {
                progress.states.push(State::scheduled(at(2)));
                progress.next = Next::Release {
                    at: at(2),
                    failed: None,
                };
            })
            .await;
        })
        .await;
    let lease = table.cast.claim_only(2).await.lease;
    table.cast.go_on(lease, starts).await;
    table
        .line("record a failure with an open task", async |cast| {
            cast.go_on(lease, |progress| {
                progress.entries.push(task(1));
                progress.task_runs.push(task_run(lease.run, 1));
                let outcome = failure();
                progress.states.push(State::ended(&outcome, at(3)));
                progress.next = Next::End { outcome };
            })
            .await;
        })
        .await;
    table
        .line("retry", async |cast| {
            cast.store.retry(lease.run, false, at(4)).await.unwrap();
        })
        .await;
    table.cast.store.cancel(lease.run, at(4)).await.unwrap();
}

async fn children(table: &mut Table) {
    let parent = table.cast.running("etl").await;
    table
        .line("start 10 children and wait", async |cast| {
            cast.go_on(parent, |progress| {
                start_children(parent.run, 10)(progress);
                waits_for(10)(progress);
            })
            .await;
        })
        .await;
    let mut children = table
        .line("claim 10 children", async |cast| cast.claim(10, 1).await)
        .await;
    let last = children.pop().unwrap();
    table
        .line("run 9 children to their end", async |cast| {
            for child in children {
                cast.go_on(child.lease, |progress| {
                    starts(progress);
                    ends(progress);
                })
                .await;
            }
        })
        .await;
    table
        .line("the last child settles and wakes", async |cast| {
            cast.go_on(last.lease, |progress| {
                starts(progress);
                ends(progress);
            })
            .await;
        })
        .await;
    let parent = table.cast.claim_only(3).await.lease;
    table.cast.go_on(parent, starts).await;
    table.cast.go_on(parent, ends).await;

    let lease = table.cast.running("etl").await;
    table
        .line("a subflow begins and ends", async |cast| {
            let part = subflow(lease.run, "part");
            let (id, outcome) = (part.id, Ok(json("1")));
            cast.go_on(lease, |progress| {
                progress.entries.push(begun(1, &part));
                let begin = SubflowChange::Begin(Box::new(part));
                progress.subflows.push(begin);
            })
            .await;
            cast.go_on(lease, |progress| {
                progress.subflows.push(SubflowChange::End {
                    run: id,
                    state: State::ended(&outcome, at(2)),
                    outcome,
                });
            })
            .await;
        })
        .await;
    table
        .line("a timer, a wait for it, and its time", async |cast| {
            cast.go_on(lease, |p| p.entries.push(timer(2, 5))).await;
            cast.wait(lease, &[2], 1).await.unwrap();
            assert_eq!(cast.store.settle_due(at(5), 9).await, Ok(1));
        })
        .await;
    let lease = table.cast.claim_only(5).await.lease;
    table.cast.go_on(lease, starts).await;
    table
        .line("wait for what is there", async |cast| {
            cast.wait(lease, &[2], 1).await.unwrap();
        })
        .await;
    table.cast.go_on(lease, ends).await;
}

async fn control(table: &mut Table) {
    let id = table.cast.create(new_run("etl")).await;
    table
        .line("cancel before it has begun", async |cast| {
            cast.store.cancel(id, at(2)).await.unwrap();
        })
        .await;
    let lease = table.cast.running("etl").await;
    table
        .line("cancel", async |cast| {
            cast.store.cancel(lease.run, at(2)).await.unwrap();
        })
        .await;
    table
        .line("record an end of a cancelled run", async |cast| {
            cast.go_on(lease, ends).await;
        })
        .await;
    let lease = table.cast.running("etl").await;
    table
        .line("pause", async |cast| {
            cast.store.pause(lease.run, at(2)).await.unwrap();
        })
        .await;
    table
        .line("record a step of a paused run", async |cast| {
            cast.try_record(lease, steps(lease.run, 1)).await.unwrap();
        })
        .await;
    table
        .line("resume", async |cast| {
            cast.store.resume(lease.run, at(2)).await.unwrap();
        })
        .await;
    table.cast.store.cancel(lease.run, at(2)).await.unwrap();
    let cleaned_up = table.cast.claim_only(2).await.lease;
    table.cast.go_on(cleaned_up, ends).await;
    let (asking, input) = asking(&table.cast).await;
    table
        .line("give_input", async |cast| {
            let value = json("true");
            let given = cast.store.give_input(asking.run, input.id, value, at(4));
            given.await.unwrap();
        })
        .await;
    let lease = table.cast.claim_only(4).await.lease;
    table.cast.go_on(lease, starts).await;
    table.cast.go_on(lease, ends).await;
}

async fn workers(table: &mut Table) {
    let worker = table
        .line("register", async |cast| cast.hire("w2", 3600).await)
        .await;
    table
        .line("renew", async |cast| {
            let usage = WorkerUsage::default();
            let renewed = cast.store.renew(worker, usage, at(1), at(3600));
            renewed.await.unwrap();
        })
        .await;
    table.cast.create(new_run("etl")).await;
    table.cast.try_claim(worker, 1, 1).await.unwrap();
    table
        .line("sign_off with a run", async |cast| {
            cast.store.sign_off(worker, at(2)).await.unwrap();
        })
        .await;
    let worker = table.cast.hire("w3", 3600).await;
    table.cast.try_claim(worker, 1, 2).await.unwrap();
    table
        .line("rescue a run", async |cast| {
            cast.store.rescue(&[worker], Timestamp(0)).await.unwrap();
        })
        .await;
}

/// Statements, commits. One statement of each commit adds the row of its events, and one of each
/// commit in which a run ends adds to the totals. The ends of these stories are long past, so
/// another one adds to the totals of all time: ends of today do not take it. The first end also
/// looks whether there are hours to be summed.
const EXPECTED: &str = "
create                                         7   1
claim                                          9   1
record a start                                 4   1
record a step                                  5   1
record a settlement and a step                 8   1
record an end                                 13   1
create for a claim that waits                 13   1
an empty run                                  24   3
one more empty run                            16
a run of three tasks                          48   6
release to the next attempt                   13   1
release for another worker                     4   1
record a failure with an open task            15   1
retry                                         13   1
start 10 children and wait                    78   1
claim 10 children                             36   1
run 9 children to their end                  126   9
the last child settles and wakes              14   1
a subflow begins and ends                     18   2
a timer, a wait for it, and its time          15   3
wait for what is there                         2   1
cancel before it has begun                    11   1
cancel                                         5   1
record an end of a cancelled run              11   1
pause                                          5   1
record a step of a paused run                  6   1
resume                                         5   1
give_input                                     8   1
register                                       4   1
renew                                          1   1
sign_off with a run                            5   1
rescue a run                                   6   1
";
