//! Blobs are kept as long as runs hold them.

use super::cast::*;
use crate::{DoomedUpload, Missing, Settled, Store, StoreError};
use model::{
    Argument, BlobDigest, BlobPlace, BlobRef, Call, Json, RunId, Settlement, State, StoredBlob,
    UploadId,
};

fn upload() -> UploadId {
    UploadId(RunId::generate().0)
}

fn blob(n: u8) -> BlobRef {
    BlobRef {
        digest: BlobDigest([n; 32]),
        size: n.into(),
    }
}

/// What stands for the blob, within a value.
pub(super) fn value(n: u8) -> Json {
    let BlobRef { digest, size } = blob(n);
    json(&format!(r#"[{{"$blob":"{digest}","size":{size}}}]"#))
}

fn stored(n: u8, upload: UploadId) -> StoredBlob {
    StoredBlob {
        blob: blob(n),
        upload,
        place: BlobPlace::Storage,
        created: at(1),
    }
}

/// A blob that the run has written.
async fn written<S: Store>(cast: &Cast<S>, run: RunId, n: u8) -> UploadId {
    let (store, id) = (&cast.store, upload());
    let begun = store.begin_upload(id, BlobPlace::Storage, at(1)).await;
    begun.unwrap();
    store.finish_upload(run, stored(n, id)).await.unwrap();
    id
}

/// A run that is over, and has written a blob.
pub(super) async fn writer<S: Store>(cast: &Cast<S>, n: u8) -> (RunId, UploadId) {
    let run = cast.create(new_run("write")).await;
    let upload = written(cast, run, n).await;
    cast.store.cancel(run, at(2)).await.unwrap();
    (run, upload)
}

pub(super) async fn delete<S: Store>(cast: &Cast<S>, run: RunId) {
    let deleted = cast.store.delete_runs(&[run]).await.unwrap();
    assert_eq!(deleted, [Ok(())]);
}

/// What is doomed once all was looked through.
pub(super) async fn doomed<S: Store>(cast: &Cast<S>) -> Vec<UploadId> {
    while cast.store.doom(at(0), 1).await.unwrap() > 0 {}
    let doomed = cast.store.doomed(100).await.unwrap();
    doomed.into_iter().map(|it| it.upload).collect()
}

pub async fn a_blob_goes_with_the_run_that_wrote_it<S: Store>(cast: Cast<S>) {
    let store = &cast.store;
    let (run, upload) = writer(&cast, 7).await;
    let kept = store.blob(blob(7).digest).await;
    assert_eq!(kept, Ok(Some(stored(7, upload))));
    assert_eq!(doomed(&cast).await, []);
    delete(&cast, run).await;
    assert_eq!(doomed(&cast).await, [upload]);
    assert_eq!(store.blob(blob(7).digest).await, Ok(None));
    let expect = DoomedUpload {
        upload,
        place: BlobPlace::Storage,
        parts: None,
    };
    assert_eq!(store.doomed(100).await, Ok(vec![expect]));
    store.forget_uploads(&[upload]).await.unwrap();
    assert_eq!(store.doomed(100).await, Ok(vec![]));
}

pub async fn equal_bytes_are_kept_once<S: Store>(cast: Cast<S>) {
    let (first, upload) = writer(&cast, 7).await;
    let (second, again) = writer(&cast, 7).await;
    assert_eq!(doomed(&cast).await, [again]);
    cast.store.forget_uploads(&[again]).await.unwrap();
    delete(&cast, first).await;
    assert_eq!(doomed(&cast).await, []);
    delete(&cast, second).await;
    assert_eq!(doomed(&cast).await, [upload]);
    // Whoever writes them again after that has bytes of its own.
    let (_, anew) = writer(&cast, 7).await;
    let kept = cast.store.blob(blob(7).digest).await;
    assert_eq!(kept, Ok(Some(stored(7, anew))));
    assert_eq!(doomed(&cast).await, [upload]);
}

/// Wherever a reference stands in what is stored of a run, the run holds the blob.
pub async fn a_run_holds_what_its_values_refer_to<S: Store>(cast: Cast<S>) {
    let mut uploads = Vec::new();
    for n in 1..=5 {
        let (run, upload) = writer(&cast, n).await;
        uploads.push((run, upload));
    }
    let mut new = new_run("etl");
    new.run.parameters = value(1);
    let run = cast.create(new).await;
    let lease = cast.claim_only(2).await.lease;
    let mut child = new_run("load");
    child.run.parameters = value(4);
    let child_id = child.run.id;
    cast.go_on(lease, |progress| {
        progress.states.push(State::running(1, at(3)));
        let mut call = task(1);
        if let Call::Task(task) = &mut call.call {
            task.arguments = vec![("blob".to_owned(), Argument::Value(value(2)))];
        }
        progress.entries = vec![call, start(2, &child.run)];
        progress.children.push(child);
    })
    .await;
    cast.go_on(lease, |progress| {
        progress.settled.push(Settled {
            settlement: Settlement::Task(Ok(value(3))),
            ..settled(1, 4)
        });
    })
    .await;
    cast.end(lease, Ok(value(5)), 5).await;
    for (writer, _) in &uploads {
        delete(&cast, *writer).await;
    }
    assert_eq!(doomed(&cast).await, []);
    delete(&cast, run).await;
    let mut gone = doomed(&cast).await;
    gone.sort();
    // The fourth is the child's.
    let mut expect: Vec<UploadId> = [0, 1, 2, 4].map(|at| uploads[at].1).into();
    expect.sort();
    assert_eq!(gone, expect);
    cast.store.cancel(child_id, at(6)).await.unwrap();
    delete(&cast, child_id).await;
    assert_eq!(doomed(&cast).await.len(), 5);
}

pub async fn what_is_no_blob_is_not_held<S: Store>(cast: Cast<S>) {
    let mut new = new_run("etl");
    new.run.parameters = value(9);
    let run = cast.create(new).await;
    // It comes later, from another.
    let (writer, upload) = writer(&cast, 9).await;
    delete(&cast, writer).await;
    assert_eq!(doomed(&cast).await, [upload]);
    cast.store.cancel(run, at(2)).await.unwrap();
    delete(&cast, run).await;
}

pub async fn an_upload_that_is_doomed_is_not_finished<S: Store>(cast: Cast<S>) {
    let store = &cast.store;
    let run = cast.create(new_run("write")).await;
    let missing = |id| Err(StoreError::NotFound(Missing::Upload(id)));
    let (broken, old) = (upload(), upload());
    for id in [broken, old] {
        store
            .begin_upload(id, BlobPlace::Storage, at(1))
            .await
            .unwrap();
    }
    store.note_parts(broken, "some parts").await.unwrap();
    store.break_off_upload(broken).await.unwrap();
    assert_eq!(store.note_parts(broken, "others").await, missing(broken));
    assert_eq!(
        store.finish_upload(run, stored(7, broken)).await.map(drop),
        missing(broken)
    );
    assert_eq!(
        store.doomed(1).await.unwrap()[0].parts.as_deref(),
        Some("some parts")
    );
    assert_eq!(store.doom(at(1), 10).await, Ok(0));
    assert_eq!(store.doom(at(2), 10).await, Ok(1));
    assert_eq!(
        store.finish_upload(run, stored(7, old)).await.map(drop),
        missing(old)
    );
    let nobody = RunId::generate();
    let late = upload();
    store
        .begin_upload(late, BlobPlace::Storage, at(3))
        .await
        .unwrap();
    let no_run = Err(StoreError::NotFound(Missing::Run(nobody)));
    assert_eq!(
        store.finish_upload(nobody, stored(7, late)).await.map(drop),
        no_run
    );
    assert_eq!(store.blob(blob(7).digest).await, Ok(None));
    store.finish_upload(run, stored(7, late)).await.unwrap();
}

pub async fn bytes_in_the_database_go_with_their_upload<S: Store>(cast: Cast<S>) {
    let store = &cast.store;
    let run = cast.create(new_run("write")).await;
    let id = upload();
    store
        .begin_upload(id, BlobPlace::Database, at(1))
        .await
        .unwrap();
    for (seq, bytes) in [(0, b"some "), (1, b"bytes")] {
        store.put_bytes(id, seq, bytes.to_vec()).await.unwrap();
    }
    let kept = StoredBlob {
        place: BlobPlace::Database,
        ..stored(7, id)
    };
    store.finish_upload(run, kept).await.unwrap();
    assert_eq!(store.bytes(id, 1).await, Ok(Some(b"bytes".to_vec())));
    assert_eq!(store.bytes(id, 2).await, Ok(None));
    cast.store.cancel(run, at(2)).await.unwrap();
    delete(&cast, run).await;
    assert_eq!(doomed(&cast).await, [id]);
    store.forget_uploads(&[id]).await.unwrap();
    assert_eq!(store.bytes(id, 0).await, Ok(None));
    let missing = Err(StoreError::NotFound(Missing::Upload(id)));
    assert_eq!(store.put_bytes(id, 2, b"more".to_vec()).await, missing);
}
