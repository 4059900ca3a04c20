//! Components, deployments and pools.

use super::cast::*;
use crate::{Deployed, Missing, PoolChange, Store, StoreError};
use model::{Digest, PoolName, WorkPool};

pub async fn the_same_component_twice_changes_nothing<S: Store>(cast: Cast<S>) {
    let Cast { store, .. } = cast;
    let (digest, bytes) = (Digest::of(b"wasm"), b"wasm".to_vec());
    let again = store.put_component(component(&bytes), bytes.clone()).await;
    assert_eq!(again, Ok(false));
    assert_eq!(store.component_bytes(digest).await, Ok(Some(bytes)));
    let kept = store.component(digest).await.unwrap().unwrap();
    assert_eq!((kept.size, kept.created), (4, at(0)));

    let mut newer = component(b"newer");
    newer.created = at(1);
    store.put_component(newer, b"newer".to_vec()).await.unwrap();
    let all = store.components().await.unwrap();
    let digests: Vec<_> = all.iter().map(|component| component.digest).collect();
    assert_eq!(digests, [Digest::of(b"newer"), digest]);
    assert!(store.component(Digest::of(b"?")).await.unwrap().is_none());
    assert_eq!(store.component_bytes(Digest::of(b"?")).await, Ok(None));
}

pub async fn deploying_twice_is_unchanged_and_a_change_is_an_update<S: Store>(cast: Cast<S>) {
    let Cast { store, .. } = cast;
    let first = deployment("etl/nightly");
    assert_eq!(
        store.deploy(vec![first.clone()]).await,
        Ok(vec![Deployed::Created])
    );

    let mut later = first.clone();
    (later.created, later.updated) = (at(9), at(9));
    assert_eq!(
        store.deploy(vec![later.clone()]).await,
        Ok(vec![Deployed::Unchanged])
    );
    assert_eq!(store.deployment(&first.name).await, Ok(Some(first.clone())));

    later.parameters = json(r#"{"day":1}"#);
    let other = deployment("report/nightly");
    let both = store.deploy(vec![later.clone(), other.clone()]).await;
    assert_eq!(both, Ok(vec![Deployed::Updated, Deployed::Created]));
    later.created = at(0);
    assert_eq!(store.deployment(&first.name).await, Ok(Some(later.clone())));
    assert_eq!(
        store.deployments(None).await,
        Ok(vec![later, other.clone()])
    );
    assert_eq!(
        store.deployments(Some(&flow("report"))).await,
        Ok(vec![other])
    );
}

pub async fn deployments_come_all_or_none<S: Store>(cast: Cast<S>) {
    let Cast { store, .. } = cast;
    let mut lost = deployment("etl/lost");
    lost.pool = pool("nowhere");
    let result = store.deploy(vec![deployment("etl/nightly"), lost]).await;
    assert_eq!(
        result,
        Err(StoreError::NotFound(Missing::Pool(pool("nowhere"))))
    );

    let mut empty = deployment("etl/empty");
    empty.component = Digest::of(b"?");
    let result = store.deploy(vec![deployment("etl/nightly"), empty]).await;
    assert_eq!(
        result,
        Err(StoreError::NotFound(Missing::Component(Digest::of(b"?"))))
    );
    assert_eq!(store.deployments(None).await, Ok(vec![]));
}

pub async fn a_deployment_that_is_deleted_leaves_its_runs<S: Store>(cast: Cast<S>) {
    let etl = deployment("etl/etl-deployment");
    cast.store.deploy(vec![etl.clone()]).await.unwrap();
    let run = cast.create(new_run("etl")).await;
    assert_eq!(cast.store.delete_deployment(&etl.name).await, Ok(true));
    assert_eq!(cast.store.delete_deployment(&etl.name).await, Ok(false));
    assert_eq!(cast.run(run).await.deployment, Some(etl.name));
}

pub async fn a_pool_is_created_changed_and_deleted<S: Store>(cast: Cast<S>) {
    let Cast { store, .. } = cast;
    let gpu = WorkPool {
        name: pool("gpu"),
        limit: Some(2),
        paused: false,
        created: at(0),
    };
    store.create_pool(gpu.clone()).await.unwrap();
    let again = store.create_pool(gpu.clone()).await;
    assert_eq!(again, Err(StoreError::PoolExists(pool("gpu"))));

    let change = PoolChange {
        paused: Some(true),
        limit: Some(None),
    };
    let changed = store.change_pool(&pool("gpu"), change).await.unwrap();
    assert_eq!((changed.paused, changed.limit), (true, None));
    let same = store.change_pool(&pool("gpu"), PoolChange::default()).await;
    assert_eq!(same, Ok(changed));

    let names = || async {
        let pools = store.pools().await.unwrap();
        pools
            .into_iter()
            .map(|used| used.pool.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names().await, [PoolName::default_pool(), pool("gpu")]);
    store.delete_pool(&pool("gpu")).await.unwrap();
    assert_eq!(names().await, [PoolName::default_pool()]);

    let missing = StoreError::NotFound(Missing::Pool(pool("gpu")));
    assert_eq!(store.delete_pool(&pool("gpu")).await, Err(missing.clone()));
    assert_eq!(store.change_pool(&pool("gpu"), change).await, Err(missing));
    assert_eq!(store.pool(&pool("gpu")).await, Ok(None));
}

pub async fn a_pool_in_use_stays<S: Store>(cast: Cast<S>) {
    cast.create_pool("gpu").await;
    let mut train = deployment("train/nightly");
    train.pool = pool("gpu");
    cast.store.deploy(vec![train.clone()]).await.unwrap();
    let mut new = new_run("train");
    new.run.pool = Some(pool("gpu"));
    cast.create(new).await;

    let used = cast.store.pool(&pool("gpu")).await.unwrap().unwrap();
    assert_eq!((used.deployments, used.ready, used.active), (1, 1, 0));
    cast.store.delete_deployment(&train.name).await.unwrap();
    let refused = StoreError::PoolInUse {
        pool: pool("gpu"),
        deployments: 0,
        runs: 1,
    };
    assert_eq!(cast.store.delete_pool(&pool("gpu")).await, Err(refused));
}
