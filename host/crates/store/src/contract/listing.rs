//! Lists of flow runs: filters, pages, counts.

use super::cast::*;
use crate::simulation::rng::Rng;
use crate::{Count, Cursor, Order, PageRequest, RunFilter, StateFilter, Store, StoreError, Values};
use model::{FlowRun, Lease, RunId, RunName, State, StateName, StateType, Timestamp};

/// All of a list, page by page.
async fn pages<S: Store>(store: &S, filter: &RunFilter, mut request: PageRequest) -> Vec<RunId> {
    let mut found = Vec::new();
    loop {
        let page = store.flow_runs(filter, &request).await.unwrap();
        assert!(page.items.len() <= request.limit as usize, "{filter:?}");
        assert_eq!(page.searched_to.is_some(), page.next.is_some());
        found.extend(page.items.iter().map(|run| run.id));
        match page.next {
            Some(next) => {
                assert_ne!(request.from, Some(next), "it goes on");
                request.from = Some(next);
            }
            None => return found,
        }
    }
}

async fn list<S: Store>(store: &S, filter: RunFilter) -> Vec<RunId> {
    pages(store, &filter, PageRequest::newest(100)).await
}

async fn is_counted<S: Store>(store: &S, filter: &RunFilter, max: u64, expect: Count) {
    let counted = store.count_flow_runs(filter, max).await.unwrap();
    // An engine may give up, but then it says so.
    let gave_up = counted.more && counted.count <= expect.count;
    assert!(counted == expect || gave_up, "{counted:?}, not {expect:?}");
}

pub async fn runs_are_listed_newest_first<S: Store>(cast: Cast<S>) {
    let done = cast.running("load").await;
    cast.end(done, Ok(json("1")), 2).await;
    let done = done.run;
    cast.create_pool("gpu").await;
    let mut two = new_run("etl");
    two.run.tags = vec!["red".to_owned(), "blue".to_owned()];
    two.run.pool = Some(pool("gpu"));
    let two = cast.create(two).await;
    let mut three = new_run("etl");
    three.run.parent = Some(done);
    three.run.tags = vec!["red".to_owned()];
    let three = cast.create(three).await;

    let check = |filter: RunFilter, expect: Vec<RunId>| {
        let store = &cast.store;
        async move {
            assert_eq!(list(store, filter.clone()).await, expect, "{filter:?}");
            let count = Count::exactly(expect.len() as u64);
            is_counted(store, &filter, 10, count).await;
            let newest = store.newest_flow_runs(&filter, 1).await.unwrap();
            let newest: Vec<_> = newest.iter().map(|run| run.id).collect();
            assert_eq!(newest, expect[..expect.len().min(1)]);
        }
    };
    let all = RunFilter::default;
    check(all(), vec![three, two, done]).await;
    let states = |kinds: &[StateType]| RunFilter {
        states: kinds.iter().map(|kind| (*kind).into()).collect(),
        ..all()
    };
    use StateType::{Completed, Failed, Running, Scheduled};
    check(states(&[Scheduled, Running]), vec![three, two]).await;
    check(states(&[Scheduled, Completed]), vec![three, two, done]).await;
    check(states(&[Completed]), vec![done]).await;
    check(states(&[Failed]), vec![]).await;
    let flows = |names: &[&str]| RunFilter {
        flows: names.iter().map(|name| flow(name)).collect(),
        ..all()
    };
    check(flows(&["etl"]), vec![three, two]).await;
    check(flows(&["etl", "load", "none"]), vec![three, two, done]).await;
    check(flows(&["none"]), vec![]).await;
    let deployments = vec!["load/load-deployment".parse().unwrap()];
    let of_load = RunFilter {
        deployments,
        ..all()
    };
    check(of_load, vec![done]).await;
    let gpu = || vec![pool("gpu")];
    let in_gpu = || RunFilter {
        pools: gpu(),
        ..all()
    };
    check(in_gpu(), vec![two]).await;
    let parent = Some(done);
    check(RunFilter { parent, ..all() }, vec![three]).await;
    let tags = |tags: &[&str]| RunFilter {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..all()
    };
    check(tags(&["red"]), vec![three, two]).await;
    check(tags(&["blue", "green"]), vec![two]).await;
    // Several fields restrict together.
    let both = RunFilter {
        pools: gpu(),
        states: states(&[Scheduled]).states,
        ..tags(&["red"])
    };
    check(both, vec![two]).await;
}

pub async fn runs_are_listed_by_the_names_of_their_states<S: Store>(cast: Cast<S>) {
    let suspended = cast.running("asks").await;
    cast.go_on(suspended, |progress| {
        progress.entries.push(input(1, "approval", None));
    })
    .await;
    cast.try_record(suspended, |progress| {
        let waits = waits_for_input(1, "approval");
        progress.states.push(waits.state(at(2)));
        progress.next = crate::Next::Wait {
            awaited: vec![model::Seq(1)],
            count: 1,
            until: None,
            waits,
        };
    })
    .await
    .unwrap();
    let waiting = cast.running("waits").await;
    cast.go_on(waiting, |progress| progress.entries.push(task(1)))
        .await;
    cast.wait(waiting, &[1], 1).await.unwrap();
    let retrying = cast.running("retries").await;
    cast.go_on(retrying, |progress| {
        progress.states.push(State::awaiting_retry(at(3)));
        progress.next = crate::Next::Release {
            at: at(3),
            failed: failure().err(),
        };
    })
    .await;
    let again = cast.claim_only(4).await.lease;
    cast.go_on(again, |progress| {
        progress.states.push(State::running(2, at(4)))
    })
    .await;
    // By the clock of the store, this one could have begun long ago, and that one cannot yet.
    let late = cast.create(new_run("late")).await;
    let mut later = new_run("later");
    later.run.scheduled = cast
        .store
        .clock()
        .now()
        .after(std::time::Duration::from_secs(3600));
    let later = cast.create(later).await;

    let named = |name: StateName| {
        let filter = RunFilter {
            states: vec![StateFilter::Name(name)],
            ..RunFilter::default()
        };
        list(&cast.store, filter)
    };
    assert_eq!(named(StateName::SUSPENDED).await, [suspended.run]);
    assert_eq!(named(StateName::WAITING).await, [waiting.run]);
    assert_eq!(named(StateName::RETRYING).await, [again.run]);
    assert_eq!(named(StateName::RUNNING).await, []);
    assert_eq!(named(StateName::LATE).await, [late]);
    assert_eq!(named(StateName::SCHEDULED).await, [later]);
    let now = cast.store.clock().now();
    let shown = cast.run(late).await.shown_state(now);
    assert_eq!(shown.name, StateName::LATE);
    assert_eq!(cast.run(later).await.shown_state(now).name.0, "Scheduled");
    let either = RunFilter {
        states: vec![
            StateFilter::Name(StateName::LATE),
            StateType::Waiting.into(),
        ],
        ..RunFilter::default()
    };
    let expect = [late, waiting.run, suspended.run];
    assert_eq!(list(&cast.store, either).await, expect);
}

pub async fn runs_are_listed_by_when_they_were_created<S: Store>(cast: Cast<S>) {
    let mut runs = Vec::new();
    // A clock may go back.
    for second in [10, 20, 15, 30] {
        let mut new = new_run("etl");
        new.run.created = at(second);
        runs.push(cast.create(new).await);
    }
    let [ten, twenty, fifteen, thirty] = runs[..] else {
        unreachable!()
    };
    let check = |since: Option<i64>, until: Option<i64>, expect: Vec<RunId>| {
        let filter = RunFilter {
            since: since.map(at),
            until: until.map(at),
            ..RunFilter::default()
        };
        let store = &cast.store;
        async move { assert_eq!(list(store, filter).await, expect) }
    };
    check(Some(15), None, vec![thirty, fifteen, twenty]).await;
    check(Some(16), None, vec![thirty, twenty]).await;
    check(None, Some(20), vec![fifteen, ten]).await;
    check(Some(11), Some(20), vec![fifteen]).await;
    check(Some(20), Some(20), vec![]).await;
    check(Some(31), None, vec![]).await;
}

pub async fn runs_are_listed_by_a_text<S: Store>(cast: Cast<S>) {
    let mut runs = Vec::new();
    for name in ["silver-otter", "golden-otter", "pure_100", "Silverado"] {
        let mut new = new_run("etl");
        new.run.name = RunName::new(name).unwrap();
        runs.push(cast.create(new).await);
    }
    let [silver, golden, pure, silverado] = runs[..] else {
        unreachable!()
    };
    let check = |text: &str, expect: Vec<RunId>| {
        let filter = RunFilter {
            text: Some(text.to_owned()),
            ..RunFilter::default()
        };
        let (store, text) = (&cast.store, text.to_owned());
        async move { assert_eq!(list(store, filter).await, expect, "{text}") }
    };
    check("otter", vec![golden, silver]).await;
    check("SILVER", vec![silverado, silver]).await;
    check("e_1", vec![pure]).await;
    check("_", vec![pure]).await;
    check("gold%otter", vec![]).await;
    check("", vec![silverado, pure, golden, silver]).await;
    check(&golden.to_string(), vec![golden]).await;
    check(&golden.0.simple().to_string(), vec![golden]).await;
    // Shorter than what could not be a part of a name: all begin with the time.
    let begin = golden.to_string()[..6].to_owned();
    check(&begin, vec![silverado, pure, golden, silver]).await;
    check(&RunId::generate().to_string().replace('0', "f"), vec![]).await;
}

pub async fn what_is_newer_than_a_place_is_listed<S: Store>(cast: Cast<S>) {
    let filter = RunFilter::default();
    let nine = PageRequest::newest(9);
    let newest = || cast.store.flow_runs(&filter, &nine);
    let empty = newest().await.unwrap();
    assert!(empty.items.is_empty());
    let one = cast.create(new_run("etl")).await;
    let two = cast.create(new_run("etl")).await;
    let newer = |than: Cursor| pages(&cast.store, &filter, PageRequest::newer(than, 9));
    assert_eq!(newer(empty.newest).await, [one, two]);
    let page = newest().await.unwrap();
    assert_eq!(newer(page.newest).await, []);
    let three = cast.create(new_run("etl")).await;
    let four = cast.create(new_run("etl")).await;
    assert_eq!(newer(page.newest).await, [three, four]);
    // A page of one goes on where it ended, in both directions.
    let third = PageRequest::newer(page.newest, 1);
    let third = cast.store.flow_runs(&filter, &third).await.unwrap();
    assert_eq!(third.items[0].id, three);
    let next = third.next.expect("there is a fourth");
    assert_eq!(newer(next).await, [four]);
    let older = PageRequest::older(next, 9);
    assert_eq!(pages(&cast.store, &filter, older).await, [two, one]);
    let from_the_start = PageRequest::oldest(2);
    assert_eq!(
        pages(&cast.store, &filter, from_the_start).await,
        [one, two, three, four]
    );
}

pub async fn a_place_of_another_filter_is_refused<S: Store>(cast: Cast<S>) {
    for _ in 0..3 {
        cast.create(new_run("etl")).await;
    }
    let etl = RunFilter {
        flows: vec![flow("etl")],
        ..RunFilter::default()
    };
    let request = PageRequest::newest(1);
    let page = cast.store.flow_runs(&etl, &request).await.unwrap();
    let next = page.next.expect("there are three");
    let text = next.to_string();
    let request = PageRequest::older(text.parse().unwrap(), 1);
    assert!(cast.store.flow_runs(&etl, &request).await.is_ok());
    let all = RunFilter::default();
    let refused = cast.store.flow_runs(&all, &request).await;
    assert_eq!(refused.unwrap_err(), StoreError::StrangeCursor);
    let tasks = crate::TaskRunFilter::default();
    let refused = cast.store.task_runs(&tasks, &request).await;
    assert_eq!(refused.unwrap_err(), StoreError::StrangeCursor);
}

pub async fn a_list_may_leave_out_large_values<S: Store>(cast: Cast<S>) {
    let mut new = new_run("etl");
    new.run.parameters = json(r#"{"n":1}"#);
    let id = cast.create(new).await;
    let lease = cast.claim_only(1).await.lease;
    cast.go_on(lease, |p| p.states.push(State::running(1, at(1))))
        .await;
    cast.end(lease, Ok(json("7")), 2).await;
    let filter = RunFilter::default();
    let whole = PageRequest::newest(1);
    assert_eq!(whole.values, Values::Whole);
    let page = cast.store.flow_runs(&filter, &whole).await.unwrap();
    assert_eq!(page.items[0].parameters, json(r#"{"n":1}"#));
    assert_eq!(page.items[0].outcome, Some(Ok(json("7"))));
    let page = cast.store.flow_runs(&filter, &whole.without_values()).await;
    let run = page.unwrap().items.remove(0);
    assert_eq!((run.id, run.state.kind), (id, StateType::Completed));
    assert_eq!((run.parameters, run.outcome), (json("{}"), None));
}

pub async fn runs_are_read_by_their_ids<S: Store>(cast: Cast<S>) {
    let one = cast.create(new_run("etl")).await;
    let two = cast.create(new_run("etl")).await;
    let ids = [two, RunId::generate(), one, two];
    let found = cast.store.flow_runs_by_id(&ids).await.unwrap();
    let found: Vec<_> = found.iter().map(|run| run.id).collect();
    assert_eq!(found, [two, one, two]);
    assert!(cast.store.flow_runs_by_id(&[]).await.unwrap().is_empty());
}

pub async fn counts_stop_at_their_limit<S: Store>(cast: Cast<S>) {
    for _ in 0..5 {
        cast.create(new_run("etl")).await;
    }
    let lease = cast.claim(1, 1).await[0].lease;
    let all = RunFilter::default();
    is_counted(&cast.store, &all, 5, Count::exactly(5)).await;
    is_counted(&cast.store, &all, 4, Count::up_to(4, 5)).await;
    let scheduled = RunFilter {
        states: vec![StateType::Scheduled.into()],
        ..all
    };
    is_counted(&cast.store, &scheduled, 10, Count::exactly(4)).await;
    is_counted(&cast.store, &scheduled, 3, Count::up_to(3, 4)).await;
    cast.go_on(lease, |p| p.states.push(State::running(1, at(1))))
        .await;
    cast.end(lease, failure(), 2).await;
    let failed = RunFilter {
        states: vec![StateType::Failed.into()],
        ..RunFilter::default()
    };
    is_counted(&cast.store, &failed, 10, Count::exactly(1)).await;
}

pub async fn what_failed_lately_is_listed_by_its_end<S: Store>(cast: Cast<S>) {
    let end = |lease: Lease, second: i64, outcome: model::Outcome| {
        let cast = &cast;
        async move {
            cast.end(lease, outcome, second).await;
            lease.run
        }
    };
    let (one, two) = (cast.running("etl").await, cast.running("etl").await);
    let (three, four) = (cast.running("etl").await, cast.running("etl").await);
    // A subflow shares the failure of its run, which is told of once.
    let inner = subflow(four.run, "inner");
    cast.go_on(four, |progress| {
        let begun = crate::SubflowChange::Begin(Box::new(inner));
        progress.subflows.push(begun);
    })
    .await;
    let four = end(four, 10, failure()).await;
    let two = end(two, 20, failure()).await;
    end(three, 25, Ok(json("1"))).await;
    let crashed = model::Failure::new(model::FailureKind::Crashed, "lost");
    let one = end(one, 30, Err(crashed)).await;
    let check = |since: i64, count: u32, expect: Vec<RunId>, all: u64| {
        let store = &cast.store;
        async move {
            let found = store.failed_since(at(since), count).await.unwrap();
            let found: Vec<_> = found.iter().map(|run| run.id).collect();
            assert_eq!(found, expect);
            let counted = store.count_failed_since(at(since), 2).await;
            assert_eq!(counted, Ok(Count::up_to(2, all)));
        }
    };
    check(0, 9, vec![one, two, four], 3).await;
    check(0, 2, vec![one, two], 3).await;
    check(11, 9, vec![one, two], 2).await;
    check(31, 9, vec![], 0).await;
    // A new attempt takes it off the list.
    cast.store.retry(one, false, at(40)).await.unwrap();
    check(0, 9, vec![two, four], 2).await;
}

pub async fn the_latest_ends_of_deployments_are_told<S: Store>(cast: Cast<S>) {
    let mut etl = Vec::new();
    for n in 0..4 {
        let lease = cast.running("etl").await;
        let outcome = if n == 2 { failure() } else { Ok(json("1")) };
        cast.end(lease, outcome, 10 + n).await;
        etl.push(lease.run);
    }
    let load = cast.running("load").await;
    cast.end(load, Ok(json("1")), 20).await;
    cast.running("etl").await;
    let names = ["none/at-all", "etl/etl-deployment", "load/load-deployment"];
    let names: Vec<_> = names.iter().map(|name| name.parse().unwrap()).collect();
    let latest = cast.store.latest_ends(&names, 3).await.unwrap();
    let runs = |ends: &[crate::LatestEnd]| ends.iter().map(|it| it.run).collect::<Vec<_>>();
    assert_eq!(latest.of.len(), 3);
    // An engine may give up, but then it says so, and what it tells are the latest.
    for (ends, expect) in
        latest
            .of
            .iter()
            .zip([&[] as &[RunId], &[etl[3], etl[2], etl[1]], &[load.run]])
    {
        let told = runs(ends);
        assert!(expect.starts_with(&told), "{told:?}");
        assert!(latest.may_have_more || told == expect, "{told:?}");
    }
    if let [_, failed, _] = &latest.of[1][..] {
        assert_eq!(failed.state.kind, StateType::Failed);
        assert_eq!((failed.state.at, failed.started), (at(12), Some(at(1))));
    }
    let none = cast.store.latest_ends(&[], 3).await.unwrap();
    assert!(none.of.is_empty() && !none.may_have_more);
}

pub async fn inputs_of_any_run_are_listed<S: Store>(cast: Cast<S>) {
    let ask = |flow_name: &'static str, keys: &'static [&'static str]| {
        let cast = &cast;
        async move {
            let lease = cast.running(flow_name).await;
            cast.go_on(lease, |progress| {
                let inputs = (1..).zip(keys);
                progress.entries = inputs.map(|(seq, key)| input(seq, key, None)).collect();
            })
            .await;
            lease
        }
    };
    let one = ask("one", &["a", "b"]).await;
    let two = ask("two", &["c"]).await;
    let over = ask("over", &["d"]).await;
    cast.end(over, failure(), 3).await;
    let awaited = |count: u32| {
        let store = &cast.store;
        async move {
            let inputs = store.inputs_awaited(count).await.unwrap();
            let inputs = inputs.into_iter().map(|input| (input.run, input.key));
            inputs.collect::<Vec<_>>()
        }
    };
    let (a, b) = ((one.run, "a".to_owned()), (one.run, "b".to_owned()));
    let c = (two.run, "c".to_owned());
    assert_eq!(awaited(9).await, [c.clone(), a.clone(), b.clone()]);
    assert_eq!(awaited(2).await, [c, a.clone()]);
    let id = cast.store.awaited_inputs(two.run).await.unwrap()[0].id;
    let given = cast
        .store
        .give_input(two.run, id, json("true"), at(4))
        .await;
    given.unwrap();
    assert_eq!(awaited(9).await, [a, b]);
}

/// Enough for many pages, and few enough for many filters.
const RUNS_MAX: usize = 100;

/// Runs, and what a filter lets through of them, told apart without the store.
struct Oracle {
    runs: Vec<RunId>,
    rng: Rng,
    created: i64,
}

impl Oracle {
    async fn add<S: Store>(&mut self, cast: &Cast<S>) {
        let rng = &mut self.rng;
        let mut new = new_run(["etl", "load"][rng.below(2)]);
        new.run.name = RunName::new(["otter", "newt", "heron"][rng.below(3)]).unwrap();
        if rng.percent(50) {
            new.run.tags = vec![["red", "blue"][rng.below(2)].to_owned()];
        }
        if rng.percent(30) && !self.runs.is_empty() {
            new.run.parent = Some(self.runs[rng.below(self.runs.len().min(3))]);
        }
        self.created += rng.between(0, 5) as i64 - 1;
        new.run.created = at(self.created);
        self.runs.push(cast.create(new).await);
    }

    /// Something happens to some run, or there is a new one.
    async fn go_on<S: Store>(&mut self, cast: &Cast<S>) {
        match self.rng.below(4) {
            0 if self.runs.len() < RUNS_MAX => self.add(cast).await,
            0 | 1 => drop(cast.claim(1, 100).await),
            2 => {
                let id = self.runs[self.rng.below(self.runs.len())];
                let _ = cast.store.cancel(id, at(101)).await;
            }
            _ => {
                let id = self.runs[self.rng.below(self.runs.len())];
                let _ = cast.store.pause(id, at(102)).await;
            }
        }
    }

    fn filter(&mut self) -> RunFilter {
        let mut filter = RunFilter::default();
        let rng = &mut self.rng;
        if rng.percent(40) {
            filter.flows = vec![flow(["etl", "load"][rng.below(2)])];
        }
        if rng.percent(30) {
            filter.tags = vec!["red".to_owned()];
        }
        if rng.percent(20) {
            filter.text = Some("ER".to_owned());
        }
        if rng.percent(20) {
            filter.parent = Some(self.runs[0]);
        }
        if rng.percent(20) {
            filter.since = Some(at(rng.below(40) as i64));
        }
        if rng.percent(20) {
            filter.until = Some(at(rng.below(80) as i64));
        }
        let kinds: &[StateType] = match rng.below(6) {
            0 => &[StateType::Scheduled, StateType::Pending],
            1 => &[StateType::Cancelled],
            2 => &[StateType::Paused, StateType::Cancelled],
            _ => &[],
        };
        filter.states = kinds.iter().map(|kind| (*kind).into()).collect();
        filter
    }
}

fn lets_through(filter: &RunFilter, run: &FlowRun) -> bool {
    let text = filter.text.as_ref().map(|text| text.to_lowercase());
    let is_since = |since: Timestamp| run.created >= since;
    (filter.states.is_empty() || filter.states.contains(&StateFilter::Type(run.state.kind)))
        && (filter.flows.is_empty() || filter.flows.contains(&run.flow))
        && (filter.tags.is_empty() || run.tags.iter().any(|tag| filter.tags.contains(tag)))
        && text.is_none_or(|text| run.name.as_str().contains(&text))
        && (filter.parent.is_none() || filter.parent == run.parent)
        && filter.since.is_none_or(is_since)
        && filter.until.is_none_or(|until| run.created < until)
}

/// Pages of any size, with any filter and in both directions, give what one look at all runs
/// gives, although runs are created and change between two pages.
pub async fn pages_give_the_list_whatever_happens_meanwhile<S: Store>(cast: Cast<S>) {
    let mut oracle = Oracle {
        runs: Vec::new(),
        rng: Rng::new(7),
        created: 0,
    };
    for _ in 0..30 {
        oracle.add(&cast).await;
        oracle.go_on(&cast).await;
    }
    for _ in 0..40 {
        let filter = oracle.filter();
        let order = [Order::NewestFirst, Order::OldestFirst][oracle.rng.below(2)];
        let mut request = PageRequest {
            order,
            ..PageRequest::newest(1 + oracle.rng.below(12) as u32)
        };
        let there = oracle.runs.clone();
        let before = fitting(&cast, &filter, &there, order).await;
        let mut found = Vec::new();
        loop {
            let page = cast.store.flow_runs(&filter, &request).await.unwrap();
            found.extend(page.items.iter().map(|run| run.id));
            request.from = page.next;
            if request.from.is_none() {
                break;
            }
            if oracle.rng.percent(40) {
                oracle.go_on(&cast).await;
            }
        }
        let after = fitting(&cast, &filter, &there, order).await;
        // What was there from the beginning; a listing upwards meets what is new as well.
        let old: Vec<_> = found
            .iter()
            .copied()
            .filter(|id| there.contains(id))
            .collect();
        let story = format!("{filter:?} by {} {order:?}", request.limit);
        if filter.states.is_empty() {
            assert_eq!(old, before, "{story}");
        }
        // What fitted all the time is there, what never did is not, each once and in order.
        let both: Vec<_> = before.iter().filter(|id| after.contains(id)).collect();
        assert!(both.iter().all(|id| old.contains(id)), "{story}");
        let either = |id: &RunId| before.contains(id) || after.contains(id);
        assert!(
            filter.states.len() != 1 || old.iter().all(either),
            "{story}"
        );
        let places = old.iter().map(|id| there.iter().position(|it| it == id));
        let mut places: Vec<_> = places.collect();
        if order == Order::NewestFirst {
            places.reverse();
        }
        assert!(places.is_sorted_by(|one, other| one < other), "{story}");
    }
}

/// Those of the runs that fit, in order.
async fn fitting<S: Store>(
    cast: &Cast<S>,
    filter: &RunFilter,
    among: &[RunId],
    order: Order,
) -> Vec<RunId> {
    let mut runs = cast.store.flow_runs_by_id(among).await.unwrap();
    runs.retain(|run| lets_through(filter, run));
    if order == Order::NewestFirst {
        runs.reverse();
    }
    runs.iter().map(|run| run.id).collect()
}
