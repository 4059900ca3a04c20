//! A machine without descriptors to give is waited for. A test binary of its own: the limit on
//! descriptors holds for the whole process.

use std::fs::File;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use model::{Digest, Manifest};
use orch_host_wasm::{Runtime, RuntimeConfig};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use test_support::guest;

/// Takes every descriptor that there is.
fn take_all() -> Vec<File> {
    let limit = Rlimit {
        current: Some(64),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, limit).unwrap();
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

#[test]
fn code_is_loaded_when_there_are_descriptors_again() {
    let bytes = std::fs::read(guest("nesting")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let config = || RuntimeConfig {
        cache_dir: Some(dir.path().to_owned()),
        ..RuntimeConfig::default()
    };
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let describe = async |runtime: &Runtime| runtime.describe(&bytes).await.unwrap();
    let manifest = tokio.block_on(async { describe(&*Runtime::new(config()).unwrap()).await });
    // Another one has not loaded it yet.
    let runtime = Runtime::new(config()).unwrap();

    let taken = take_all();
    let (tell, told) = mpsc::channel();
    let loading = thread::spawn(move || {
        tokio.block_on(async {
            let digest = Digest::of(&bytes);
            let fetch = async move || {
                tell.send(()).unwrap();
                Ok((manifest.clone(), bytes.clone()))
            };
            let prepared = runtime.prepare(digest, fetch).await;
            prepared.map(|it| Manifest::clone(&it.manifest)).unwrap()
        })
    });
    told.recv().unwrap();
    // Whatever it comes to until then, it does not fail.
    thread::sleep(Duration::from_millis(300));
    drop(taken);
    assert_eq!(loading.join().unwrap().flows.len(), 1);
}
