use std::time::Duration;

use ::blobs::StorageUrl;
use bytes::Bytes;
use model::{BlobDigest, BlobPlace, RunId, StoredBlob};
use store::contract::Cast;
use store::contract::cast::{at, new_run};
use store_sqlite::SqliteStore;
use tempfile::TempDir;

use super::*;

struct Place {
    cast: Cast<SqliteStore>,
    blobs: Blobs,
    home: TempDir,
}

impl Place {
    async fn new(has_storage: bool) -> Self {
        let home = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(home.path().join("orch.db")).unwrap();
        let url = StorageUrl::Directory(home.path().join("blobs"));
        let storage = has_storage.then(|| Storage::open(&url).unwrap());
        Self {
            cast: Cast::on(store.clone()).await,
            blobs: Blobs::new(Arc::new(store), storage),
            home,
        }
    }

    async fn run(&self) -> RunId {
        self.cast.create(new_run("etl")).await
    }

    async fn delete(&self, run: RunId) {
        let store = &self.blobs.store;
        store.cancel(run, at(1)).await.unwrap();
        store.delete_runs(&[run]).await.unwrap()[0].clone().unwrap();
    }

    /// Files of the storage.
    fn files(&self) -> usize {
        let entries = std::fs::read_dir(self.home.path().join("blobs"));
        entries.map_or(0, Iterator::count)
    }

    async fn tidied(&self) -> u64 {
        let tidied = tidy(&self.blobs).await.unwrap();
        assert_eq!(tidied.left, 0);
        tidied.deleted
    }
}

async fn write(blobs: &Blobs, run: RunId, chunks: &[&[u8]]) -> Result<BlobRef, BlobError> {
    let mut writing = blobs.write(run).await?;
    for chunk in chunks {
        writing.write(Bytes::copy_from_slice(chunk)).await?;
    }
    writing.finish().await
}

async fn read(blobs: &Blobs, blob: BlobRef) -> Result<Vec<u8>, BlobError> {
    let mut reading = blobs.read(blob).await?;
    let mut all = Vec::new();
    loop {
        let part = reading.read(300_000).await?;
        if part.is_empty() {
            return Ok(all);
        }
        all.extend_from_slice(&part);
    }
}

#[tokio::test]
async fn what_was_written_is_read_from_either_place() {
    for has_storage in [true, false] {
        let place = Place::new(has_storage).await;
        let run = place.run().await;
        let large: Vec<u8> = (0..2_500_000_u32).map(|at| (at / 7) as u8).collect();
        for all in [&[][..], b"abc", &large] {
            let chunks: Vec<&[u8]> = all.chunks(1_000_000).collect();
            let blob = write(&place.blobs, run, &chunks).await.unwrap();
            assert_eq!(blob.size, all.len() as u64);
            assert_eq!(&blob.digest.0, blake3::hash(all).as_bytes());
            assert!(read(&place.blobs, blob).await.unwrap() == all);
        }
        assert_eq!(place.files(), if has_storage { 3 } else { 0 });
        assert_eq!(place.tidied().await, 0);
        place.delete(run).await;
        assert_eq!(place.tidied().await, 3);
        assert_eq!(place.files(), 0);
    }
}

/// What the database has of before is read where there is a storage since.
#[tokio::test]
async fn a_storage_that_comes_later_leaves_what_is_there() {
    let place = Place::new(false).await;
    let run = place.run().await;
    let blob = write(&place.blobs, run, &[b"abc"]).await.unwrap();
    let url = StorageUrl::Directory(place.home.path().join("blobs"));
    let storage = Some(Storage::open(&url).unwrap());
    let with = Blobs::new(Arc::clone(&place.blobs.store), storage);
    assert_eq!(read(&with, blob).await.unwrap(), b"abc");
    let other = write(&with, run, &[b"def"]).await.unwrap();
    let err = read(&place.blobs, other).await.unwrap_err();
    assert!(
        err.to_string().contains("`ORCH_STORAGE_URL` names it"),
        "{err}"
    );
}

#[tokio::test]
async fn two_runs_with_equal_bytes_keep_one() {
    let place = Place::new(true).await;
    let (first, second) = (place.run().await, place.run().await);
    let blob = write(&place.blobs, first, &[b"a", b"bc"]).await.unwrap();
    assert_eq!(write(&place.blobs, second, &[b"abc"]).await.unwrap(), blob);
    assert_eq!(place.tidied().await, 1, "the second upload");
    assert_eq!(place.files(), 1);
    place.delete(first).await;
    assert_eq!(place.tidied().await, 0);
    assert_eq!(read(&place.blobs, blob).await.unwrap(), b"abc");
    place.delete(second).await;
    assert_eq!(place.tidied().await, 1);
    assert_eq!(place.files(), 0);
    let gone = read(&place.blobs, blob).await.unwrap_err();
    assert!(matches!(gone, BlobError::Gone(_)), "{gone}");
}

/// Whoever deletes may be late, and whoever writes the same bytes again has them.
#[tokio::test]
async fn what_is_written_again_while_it_is_deleted_is_kept() {
    let place = Place::new(true).await;
    let store = Arc::clone(&place.blobs.store);
    let first = place.run().await;
    let blob = write(&place.blobs, first, &[b"abc"]).await.unwrap();
    place.delete(first).await;
    // It is doomed, and not deleted yet.
    assert_eq!(store.doom(at(0), 10).await, Ok(1));
    let second = place.run().await;
    assert_eq!(write(&place.blobs, second, &[b"abc"]).await.unwrap(), blob);
    assert_eq!(place.files(), 2);
    assert_eq!(place.tidied().await, 1);
    assert_eq!(read(&place.blobs, blob).await.unwrap(), b"abc");
}

#[tokio::test]
async fn an_upload_that_is_broken_off_leaves_nothing() {
    let place = Place::new(true).await;
    let run = place.run().await;
    let mut writing = place.blobs.write(run).await.unwrap();
    writing.write(Bytes::from_static(b"abc")).await.unwrap();
    assert_eq!(place.files(), 1);
    drop(writing);
    let mut tidied = 0;
    while tidied == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        tidied = place.tidied().await;
    }
    assert_eq!((tidied, place.files()), (1, 0));

    // A process that was killed says nothing.
    let mut writing = place.blobs.write(run).await.unwrap();
    writing.write(Bytes::from_static(b"abc")).await.unwrap();
    let id = writing.upload();
    std::mem::forget(writing);
    assert_eq!((place.tidied().await, place.files()), (0, 1));
    let store = &place.blobs.store;
    let later = store.clock().now().after(Duration::from_secs(1));
    assert_eq!(store.doom(later, 10).await, Ok(1));
    assert_eq!((place.tidied().await, place.files()), (1, 0));
    // One that was only slow is not let finish.
    let blob = StoredBlob {
        blob: BlobRef {
            digest: BlobDigest([0; 32]),
            size: 3,
        },
        upload: id,
        place: BlobPlace::Storage,
        created: at(1),
    };
    let missing = StoreError::NotFound(Missing::Upload(id));
    assert_eq!(store.finish_upload(run, blob).await, Err(missing));
}

#[tokio::test]
async fn bytes_that_have_changed_are_not_told() {
    let place = Place::new(true).await;
    let run = place.run().await;
    let blob = write(&place.blobs, run, &[&[7; 500_000]]).await.unwrap();
    let file = std::fs::read_dir(place.home.path().join("blobs"))
        .unwrap()
        .next()
        .unwrap();
    let path = file.unwrap().path();
    for damaged in [vec![8; 500_000], vec![7; 499_999], vec![7; 500_001]] {
        std::fs::write(&path, damaged).unwrap();
        let err = read(&place.blobs, blob).await.unwrap_err();
        assert!(matches!(err, BlobError::Damaged(_)), "{err}");
    }
    std::fs::remove_file(&path).unwrap();
    let failure = Failure::from(read(&place.blobs, blob).await.unwrap_err());
    assert_eq!(failure.kind, FailureKind::NotFound, "{failure:?}");
}

#[tokio::test]
async fn a_database_takes_no_large_blobs() {
    let place = Place::new(false).await;
    let run = place.run().await;
    let mut writing = place.blobs.write(run).await.unwrap();
    let part = Bytes::from(vec![0; 1 << 20]);
    for _ in 0..64 {
        writing.write(part.clone()).await.unwrap();
    }
    let over = writing.write(Bytes::from_static(b"x")).await.unwrap_err();
    let failure = Failure::from(over);
    assert_eq!(failure.kind, FailureKind::Limit);
    assert!(failure.message.contains("64 MiB"), "{failure:?}");
    assert!(
        failure.message.contains("`ORCH_STORAGE_URL` names"),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_reference_of_another_size_is_refused() {
    let place = Place::new(true).await;
    let run = place.run().await;
    let blob = write(&place.blobs, run, &[b"abc"]).await.unwrap();
    let wrong = BlobRef { size: 4, ..blob };
    let failure = Failure::from(read(&place.blobs, wrong).await.unwrap_err());
    assert_eq!(failure.kind, FailureKind::Invalid);
    assert!(
        failure
            .message
            .ends_with("has 3 bytes, but the value that refers to it says 4")
    );
}
