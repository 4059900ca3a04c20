//! Results of tasks that are kept for other runs.

use model::{CacheKey, CachedResult, Digest, Json, Lease, RunId, TaskName, Timestamp};

use super::blobs;
use super::cast::{Cast, at, json};
use crate::{CachePart, Store};

fn key(task: &str, scope: &str, key: &str) -> CacheKey {
    CacheKey {
        task: TaskName::trusted(task),
        scope: scope.to_owned(),
        key: key.to_owned(),
    }
}

fn result(key: CacheKey, value: Json, run: RunId, second: i64) -> CachedResult {
    CachedResult {
        key,
        value,
        run,
        created: at(second),
        expires: None,
    }
}

/// A run computes a result.
async fn compute<S: Store>(cast: &Cast<S>, lease: Lease, result: CachedResult) {
    cast.go_on(lease, |progress| progress.cached.push(result))
        .await;
}

async fn found<S: Store>(cast: &Cast<S>, keys: &[&CacheKey], now: Timestamp) -> Vec<String> {
    let ids: Vec<Digest> = keys.iter().map(|key| key.id()).collect();
    let mut found = cast.store.cached(&ids, now).await.unwrap();
    found.sort_by_key(|(id, _)| ids.iter().position(|it| it == id));
    found.iter().map(|(_, value)| value.to_string()).collect()
}

async fn keys<S: Store>(cast: &Cast<S>, which: &CachePart) -> Vec<String> {
    let found = cast.store.cached_results(which, 100).await.unwrap();
    found.into_iter().map(|it| it.key.key).collect()
}

pub async fn a_result_is_found_until_it_has_expired<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let (one, two) = (key("fetch", "x", "1"), key("fetch", "x", "2"));
    compute(
        &cast,
        lease,
        CachedResult {
            expires: Some(at(10)),
            ..result(one.clone(), json("[1, 2]"), lease.run, 2)
        },
    )
    .await;
    compute(
        &cast,
        lease,
        result(two.clone(), json("\"two\""), lease.run, 3),
    )
    .await;
    let other = key("fetch", "y", "1");
    let all = [&one, &two, &other];
    assert_eq!(found(&cast, &all, at(9)).await, ["[1, 2]", "\"two\""]);
    assert_eq!(found(&cast, &all, at(10)).await, ["\"two\""]);
    let kept = cast.store.cached_results(&CachePart::All, 100).await;
    let kept = kept.unwrap();
    assert_eq!(kept[1].key, one);
    assert_eq!(
        (kept[1].run, kept[1].created, kept[1].expires),
        (lease.run, at(2), Some(at(10)))
    );
    assert_eq!(kept[0].expires, None);
}

pub async fn the_latest_result_of_a_key_stands<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let one = key("fetch", "x", "1");
    for (second, value) in [(2, "1"), (3, "2")] {
        let result = result(one.clone(), json(value), lease.run, second);
        compute(&cast, lease, result).await;
    }
    // What a run has computed is kept also if it is over by then.
    cast.go_on(lease, |progress| {
        let result = result(one.clone(), json("3"), lease.run, 4);
        progress.cached.extend([
            CachedResult {
                value: json("0"),
                ..result.clone()
            },
            result,
        ]);
        progress
            .states
            .push(model::State::ended(&Ok(json("1")), at(4)));
        progress.next = crate::Next::End {
            outcome: Ok(json("1")),
        };
    })
    .await;
    assert_eq!(found(&cast, &[&one], at(5)).await, ["3"]);
    assert_eq!(keys(&cast, &CachePart::All).await, ["1"]);
}

pub async fn results_are_cleared_by_what_they_are_of<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let component = Digest::of(b"one");
    let of_component = component.to_string();
    let with_grants = format!("{component}+0123456789ab");
    let all = [
        key("fetch", &of_component, "a"),
        key("fetch", &with_grants, "b"),
        key("load", "etl/2", "c"),
        key("load", &Digest::of(b"other").to_string(), "d"),
        key("load", "etl/2", "e"),
        key("load", "etl/2", "f"),
    ];
    let fill = async || {
        for (second, key) in (1..).zip(&all) {
            let result = CachedResult {
                expires: Some(at(second + 10)),
                ..result(key.clone(), json("1"), lease.run, second)
            };
            compute(&cast, lease, result).await;
        }
    };
    let clear = async |which: CachePart, count: u32| {
        let listed = cast.store.cached_results(&which, 100).await.unwrap().len();
        let cleared = cast.store.clear_cache(&which, count).await.unwrap();
        assert_eq!(cleared, listed.min(count as usize) as u64);
        keys(&cast, &CachePart::All).await.concat()
    };
    fill().await;
    let (from, to) = (all[2].id(), all[2].id());
    assert_eq!(clear(CachePart::Ids(from, to), 9).await, "fedba");
    assert_eq!(clear(CachePart::Component(component), 9).await, "fed");
    fill().await;
    let fetch = TaskName::trusted("fetch");
    assert_eq!(clear(CachePart::Task(fetch), 9).await, "fedc");
    assert_eq!(clear(CachePart::Expired(at(13)), 9).await, "fed");
    assert_eq!(clear(CachePart::All, 2).await.len(), 1);
    assert_eq!(clear(CachePart::All, 2).await, "");
}

pub async fn results_are_listed_without_their_values_a_part_at_a_time<S: Store>(cast: Cast<S>) {
    let lease = cast.running("etl").await;
    let fetch = CachePart::Task(TaskName::trusted("fetch"));
    // Two of each second, as a run may record several at once.
    for (second, name) in (2..).flat_map(|at| [at, at]).zip(["a", "b", "c", "d", "e"]) {
        let value = json(&format!("\"é{name}\""));
        let result = result(key("fetch", "x", name), value, lease.run, second);
        compute(&cast, lease, result).await;
    }
    compute(
        &cast,
        lease,
        result(key("load", "x", "f"), json("1"), lease.run, 9),
    )
    .await;
    for (which, all) in [(&fetch, 5), (&CachePart::All, 6)] {
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let part = cast.store.cached_entries(which, after, 2).await.unwrap();
            let Some(last) = part.last() else { break };
            after = Some(last.place());
            read.extend(part);
        }
        let whole = cast.store.cached_entries(which, None, 100).await.unwrap();
        assert_eq!(read, whole);
        assert_eq!(read.len(), all);
        let keys: Vec<String> = read.iter().map(|it| it.key.key.clone()).collect();
        assert_eq!(keys, self::keys(&cast, which).await);
        // Bytes, not characters.
        assert_eq!(read[all - 1].size, 5);
        assert_eq!((read[0].run, read[0].expires), (lease.run, None));
    }
}

pub async fn a_result_keeps_its_blobs<S: Store>(cast: Cast<S>) {
    let (run, upload) = blobs::writer(&cast, 7).await;
    let lease = cast.running("etl").await;
    let one = key("fetch", "x", "1");
    let with_blob = result(one.clone(), blobs::value(7), lease.run, 2);
    compute(&cast, lease, with_blob.clone()).await;
    blobs::delete(&cast, run).await;
    assert_eq!(blobs::doomed(&cast).await, [], "the result has it");
    // One in its place that has none.
    let without = result(one.clone(), json("1"), lease.run, 3);
    compute(&cast, lease, without).await;
    assert_eq!(blobs::doomed(&cast).await, [upload]);

    let (run, upload) = blobs::writer(&cast, 8).await;
    let with_blob = CachedResult {
        value: blobs::value(8),
        ..with_blob
    };
    compute(&cast, lease, with_blob).await;
    blobs::delete(&cast, run).await;
    cast.store.clear_cache(&CachePart::All, 10).await.unwrap();
    assert!(blobs::doomed(&cast).await.contains(&upload));
}
