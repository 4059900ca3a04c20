use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use object_store::memory::InMemory;

use super::*;

fn directory() -> (Storage, tempfile::TempDir) {
    let home = tempfile::tempdir().unwrap();
    let url = StorageUrl::Directory(home.path().join("new/blobs"));
    (Storage::open(&url).unwrap(), home)
}

async fn put(storage: &Storage, id: Uuid, chunks: &[Bytes]) {
    let mut upload = storage.upload(id);
    for chunk in chunks {
        if upload.needs_parts(chunk.len()) {
            upload.begin_parts().await.unwrap();
        }
        upload.write(chunk.clone()).await.unwrap();
    }
    upload.finish().await.unwrap();
}

async fn get(storage: &Storage, id: Uuid, size: usize) -> Result<Vec<u8>> {
    let mut download = storage.read(id, size as u64).await?;
    let mut all = Vec::new();
    loop {
        let part = download.read(700_000).await?;
        if part.is_empty() {
            return Ok(all);
        }
        all.extend_from_slice(&part);
    }
}

/// Sizes around the size of a part come back as they went, in every form.
#[tokio::test]
async fn what_was_written_is_read() {
    let (directory, _home) = directory();
    for storage in [directory, Storage::in_memory(InMemory::new())] {
        for size in [0, 1, PART - 1, PART, PART + 1, 2 * PART, 3 * PART + 5] {
            let all: Vec<u8> = (0..size).map(|at| (at / 3) as u8).collect();
            let chunks: Vec<Bytes> = all.chunks(1 << 20).map(Bytes::copy_from_slice).collect();
            let id = Uuid::from_u128(size as u128);
            put(&storage, id, &chunks).await;
            assert!(get(&storage, id, size).await.unwrap() == all, "{size}");
            storage.delete(id, None).await.unwrap();
            storage.delete(id, None).await.unwrap();
            let mut gone = storage.read(id, 1).await;
            if let Ok(download) = &mut gone {
                gone = Err(download.read(1).await.unwrap_err());
            }
            assert_eq!(gone.unwrap_err().cause, Cause::Gone);
        }
    }
}

#[tokio::test]
async fn files_are_for_their_owner_alone() {
    let (storage, home) = directory();
    let id = Uuid::from_u128(7);
    put(&storage, id, &[Bytes::from_static(b"abc")]).await;
    let mode = |path: &str| {
        let meta = fs::metadata(home.path().join(path)).unwrap();
        meta.permissions().mode() & 0o777
    };
    assert_eq!(mode("new/blobs"), 0o700);
    assert_eq!(mode(&format!("new/blobs/{id}")), 0o600);
}

/// An id is of one upload: nothing that is there is written over.
#[tokio::test]
async fn a_file_is_not_written_twice() {
    let (storage, _home) = directory();
    let id = Uuid::from_u128(7);
    put(&storage, id, &[Bytes::from_static(b"abc")]).await;
    let again = storage.upload(id).write(Bytes::from_static(b"d")).await;
    again.unwrap_err();
    assert_eq!(get(&storage, id, 3).await.unwrap(), b"abc");
}

/// Whoever breaks off leaves nothing, and whoever is killed leaves what a deletion finds.
#[tokio::test]
async fn what_is_broken_off_goes() {
    let (storage, home) = directory();
    let files = || fs::read_dir(home.path().join("new/blobs")).unwrap().count();
    let mut upload = storage.upload(Uuid::from_u128(1));
    upload.write(Bytes::from_static(b"abc")).await.unwrap();
    assert_eq!(files(), 1);
    drop(upload);
    while files() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let killed = Uuid::from_u128(2);
    let mut upload = storage.upload(killed);
    upload.write(Bytes::from_static(b"abc")).await.unwrap();
    std::mem::forget(upload);
    storage.delete(killed, None).await.unwrap();
    assert_eq!(files(), 0);

    let memory = Storage::in_memory(InMemory::new());
    let mut upload = memory.upload(killed);
    let parts = upload.begin_parts().await.unwrap();
    upload.write(vec![0; PART + 1].into()).await.unwrap();
    std::mem::forget(upload);
    memory.delete(killed, Some(&parts)).await.unwrap();
    assert_eq!(
        get(&memory, killed, 1).await.unwrap_err().cause,
        Cause::Gone
    );
}

#[tokio::test]
async fn a_directory_that_goes_is_made_again() {
    let (storage, home) = directory();
    fs::remove_dir_all(home.path().join("new")).unwrap();
    put(&storage, Uuid::from_u128(1), &[Bytes::from_static(b"abc")]).await;
}

#[test]
fn a_directory_that_cannot_be_made_says_why() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    let url = StorageUrl::Directory(file.join("blobs"));
    let err = Storage::open(&url).unwrap_err();
    assert_eq!(err.cause, Cause::NoPlace);
    assert!(!err.cause.may_pass());
    assert!(
        err.to_string().contains("is not there: Not a directory"),
        "{err}"
    );
}
