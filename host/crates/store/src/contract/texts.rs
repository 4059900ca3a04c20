//! Large JSON texts stand apart from the rows of runs, and nobody notices.

use super::cast::*;
use crate::texts::{IN_ROW_MAX, TextsApart};
use crate::{PageRequest, Recorded, RunFilter, Settled, Store, SubflowChange};
use model::{Answer, Argument, Call, Entry, HoldsJson, Json, Lease, RunId, Seq, Settlement, State};
use orchestrator::Kept;

/// A text of about 200 KB, each `n` its own.
fn large(n: u64) -> Json {
    let items: Vec<String> = (0..20_000).map(|item| format!("{}", item * n)).collect();
    let json = json(&format!("[{}]", items.join(", ")));
    assert!(json.as_str().len() > IN_ROW_MAX);
    json
}

/// What looks like a text that stands apart.
fn lookalike() -> Json {
    json(&format!(r#"{{"$text":"{}"}}"#, "0".repeat(64)))
}

/// A call of a task with this argument.
fn task_with(seq: u64, argument: &Json) -> Entry {
    let mut entry = task(seq);
    if let Call::Task(call) = &mut entry.call {
        call.arguments = vec![("rows".to_owned(), Argument::Value(argument.clone()))];
    }
    entry
}

fn done(seq: u64, result: &Json) -> Settled {
    Settled {
        settlement: Settlement::Task(Ok(result.clone())),
        ..settled(seq, 2)
    }
}

async fn apart<S: Store>(cast: &Cast<S>) -> TextsApart {
    cast.store.texts_apart().await.unwrap()
}

/// The run that was created last, which w1 is running.
async fn begin<S: Store>(cast: &Cast<S>) -> Lease {
    let lease = cast.claim_only(0).await.lease;
    cast.go_on(lease, |p| p.states.push(State::running(1, at(1))))
        .await;
    lease
}

/// A run that was given a value, passed it to a task that returned it, and returns it.
async fn passes_on<S: Store>(cast: &Cast<S>, value: &Json) -> RunId {
    let mut new = new_run("etl");
    new.run.parameters = value.clone();
    cast.create(new).await;
    let claimed = cast.claim_only(0).await;
    assert_eq!(claimed.run.parameters, *value);
    let lease = claimed.lease;
    cast.go_on(lease, |progress| {
        progress.states.push(State::running(1, at(1)));
        progress.entries.push(task_with(1, value));
    })
    .await;
    cast.go_on(lease, |progress| progress.settled.push(done(1, value)))
        .await;
    cast.end(lease, Ok(value.clone()), 3).await;
    lease.run
}

pub async fn large_values_come_back_as_they_were<S: Store>(cast: Cast<S>) {
    let value = large(1);
    let id = passes_on(&cast, &value).await;
    let run = cast.run(id).await;
    assert_eq!(run.parameters, value);
    assert_eq!(run.outcome, Some(Ok(value.clone())));
    let journal = cast.store.journal(id).await.unwrap();
    assert_eq!(journal[0].call, task_with(1, &value).call);
    let settlement = Settlement::Task(Ok(value.clone()));
    assert_eq!(journal[0].settled, Some((at(2), settlement)));
    let part = cast.store.journal_part(id, None, 9).await;
    assert_eq!(part, Ok(journal));
    let told = cast.store.settled(id, &[Seq(1)]).await.unwrap();
    assert_eq!(told, [done(1, &value)]);

    let (filter, newest) = (RunFilter::default(), PageRequest::newest(9));
    let listed = cast.store.flow_runs(&filter, &newest).await.unwrap();
    assert_eq!(listed.items[0].outcome, run.outcome);
    assert_eq!(listed.items[0].parameters, value);
    let found = cast.store.flow_runs_by_id(&[id]).await.unwrap();
    assert_eq!(found[0].parameters, value);
    // Who shows what a run did gets none of it.
    for call in cast.store.calls(id, 1).await.unwrap() {
        call.each_json(&mut |json| assert!(json.as_str().len() < 100));
    }
}

pub async fn a_value_in_the_form_of_a_reference_comes_back_as_it_was<S: Store>(cast: Cast<S>) {
    let value = lookalike();
    let id = passes_on(&cast, &value).await;
    let run = cast.run(id).await;
    assert_eq!(
        (run.parameters, run.outcome),
        (value.clone(), Some(Ok(value.clone())))
    );
    let journal = cast.store.journal(id).await.unwrap();
    assert_eq!(journal[0].call, task_with(1, &value).call);
    assert_eq!(apart(&cast).await.count, 1);
}

pub async fn equal_values_stand_apart_once<S: Store>(cast: Cast<S>) {
    assert_eq!(apart(&cast).await, TextsApart::default());
    passes_on(&cast, &large(1)).await;
    let one = apart(&cast).await;
    assert_eq!(one.count, 1);
    let bytes = large(1).as_str().len() as u64;
    assert!((1..bytes).contains(&one.bytes), "{one:?}");
    passes_on(&cast, &large(1)).await;
    assert_eq!(apart(&cast).await, one);
    passes_on(&cast, &large(2)).await;
    assert_eq!(apart(&cast).await.count, 2);
    // What is not large stands in its rows.
    passes_on(&cast, &json("[1]")).await;
    assert_eq!(apart(&cast).await.count, 2);
}

pub async fn several_large_values_of_a_record_come_back<S: Store>(cast: Cast<S>) {
    cast.create(new_run("etl")).await;
    let lease = begin(&cast).await;
    let values: Vec<Json> = (1..=5).map(large).collect();
    cast.go_on(lease, |progress| {
        progress.entries = (1..).zip(&values).map(|(n, it)| task_with(n, it)).collect();
        // The other way round, and some of them again.
        let results = (1..).zip(values.iter().rev());
        progress.settled = results.map(|(n, it)| done(n, it)).collect();
    })
    .await;
    let journal = cast.store.journal(lease.run).await.unwrap();
    for (n, (value, entry)) in values.iter().zip(&journal).enumerate() {
        assert_eq!(entry.call, task_with(1, value).call, "{n}");
        let result = values[4 - n].clone();
        assert_eq!(entry.settled, Some((at(2), Settlement::Task(Ok(result)))));
    }
    assert_eq!(apart(&cast).await.count, 5);
}

/// A record that is refused leaves nothing, and one beside it that is not does.
pub async fn what_is_refused_leaves_no_text<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let stale = Lease { epoch: 0, ..lease };
    let good = cast.go_on(lease, |p| p.entries.push(task_with(1, &large(1))));
    let bad = cast.try_record(stale, |p| p.entries.push(task_with(1, &large(2))));
    // It has noted its first entry when the second one is refused.
    let worse = cast.try_record(lease, |progress| {
        progress.entries = vec![task_with(2, &large(3)), task_with(9, &large(1))];
    });
    let ((), bad, worse) = futures::join!(good, bad, worse);
    assert!(bad.is_err() && worse.is_err());
    assert_eq!(apart(&cast).await.count, 1);
    let journal = cast.store.journal(lease.run).await.unwrap();
    assert_eq!(journal, [task_with(1, &large(1))]);
}

pub async fn a_text_goes_with_the_last_run_that_holds_it<S: Store>(cast: Cast<S>) {
    let value = large(1);
    let first = passes_on(&cast, &value).await;
    let second = passes_on(&cast, &value).await;
    let other = passes_on(&cast, &large(2)).await;
    assert_eq!(apart(&cast).await.count, 2);
    cast.store.delete_runs(&[first]).await.unwrap();
    assert_eq!(cast.run(second).await.parameters, value);
    assert_eq!(apart(&cast).await.count, 2);
    cast.store.delete_runs(&[second]).await.unwrap();
    assert_eq!(apart(&cast).await.count, 1);
    // It may come again.
    let third = passes_on(&cast, &value).await;
    assert_eq!(cast.run(third).await.outcome, Some(Ok(value)));
    cast.store.delete_runs(&[third, other]).await.unwrap();
    assert_eq!(apart(&cast).await, TextsApart::default());
}

pub async fn a_run_that_watches_holds_what_it_was_told<S: Store>(cast: Cast<S>) {
    let parent = cast.running("etl").await;
    let child = new_run("load");
    cast.go_on(parent, |progress| {
        progress.entries.push(start(1, &child.run));
        progress.children.push(child.clone());
    })
    .await;
    assert_eq!(cast.wait(parent, &[1], 1).await, Ok(Recorded::Done));
    let lease = begin(&cast).await;
    cast.end(lease, Ok(large(1)), 3).await;
    assert_eq!(apart(&cast).await.count, 1);

    cast.store.delete_runs(&[lease.run]).await.unwrap();
    let told = cast.store.settled(parent.run, &[Seq(1)]).await.unwrap();
    let Settlement::Run(run) = &told[0].settlement else {
        panic!("{told:?}");
    };
    assert_eq!(run.outcome, Some(Ok(large(1))));
    assert_eq!(cast.claim_only(4).await.run.id, parent.run);
}

pub async fn a_subflow_holds_its_own<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let mut inner = subflow(lease.run, "inner");
    inner.parameters = large(1);
    let id = inner.id;
    cast.go_on(lease, |progress| {
        progress.entries.push(begun(1, &inner));
        let begun = SubflowChange::Begin(Box::new(inner.clone()));
        progress.subflows.push(begun);
    })
    .await;
    let outcome = Ok(large(2));
    let end = Call::EndSubflow {
        subflow: Seq(1),
        outcome: outcome.clone(),
    };
    let mut ended = task(2);
    (ended.call, ended.answer) = (end, Answer::Accepted);
    cast.go_on(lease, |progress| {
        progress.entries.push(ended.clone());
        progress.subflows.push(SubflowChange::End {
            run: id,
            outcome: outcome.clone(),
            state: State::ended(&outcome, at(2)),
        });
    })
    .await;
    let run = cast.run(id).await;
    assert_eq!((run.parameters, run.outcome), (large(1), Some(outcome)));
    let journal = cast.store.journal(lease.run).await.unwrap();
    assert_eq!(journal[1].call, ended.call);
    cast.end(lease, failure(), 3).await;
    cast.store.delete_runs(&[lease.run]).await.unwrap();
    assert_eq!(apart(&cast).await.count, 0);
}

pub async fn a_new_attempt_inherits_large_values<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    cast.go_on(lease, |progress| {
        progress.entries = vec![task_with(1, &large(1)), task_with(2, &large(3))];
        progress.settled = vec![done(1, &large(2))];
    })
    .await;
    cast.end(lease, failure(), 4).await;
    cast.store.retry(lease.run, false, at(5)).await.unwrap();
    let kept = cast.store.kept(lease.run).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].call, task_with(1, &large(1)).call);
    let settlement = Settlement::Task(Ok(large(2)));
    assert_eq!(kept[0].settled, Some((at(2), settlement)));
    // The next attempt finds it by what the flow asks, as if the value had stood in its row.
    let taken = Kept::new(kept).take(Seq(1), &task_with(1, &large(1)).call);
    assert!(taken.is_some_and(|entry| entry.settled.is_some()));
}

pub async fn a_large_input_is_asked_for_and_given<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let schema = json(&format!(r#"{{"title":{}}}"#, large(1)));
    let mut asks = input(1, "rows", None);
    if let Answer::Input { schema: asked, .. } = &mut asks.answer {
        *asked = schema.clone();
    }
    cast.go_on(lease, |progress| progress.entries.push(asks))
        .await;
    assert_eq!(cast.wait(lease, &[1], 1).await, Ok(Recorded::Done));
    let awaited = cast.store.awaited_inputs(lease.run).await.unwrap();
    assert_eq!(awaited[0].schema, schema);
    let given = cast
        .store
        .give_input(lease.run, awaited[0].id, large(2), at(5));
    assert_eq!(given.await, Ok(()));
    let journal = cast.store.journal(lease.run).await.unwrap();
    let settlement = Settlement::Input(Ok(large(2)));
    assert_eq!(journal[0].settled, Some((at(5), settlement)));
    assert_eq!(apart(&cast).await.count, 2);
}
